"""The run directory: its files, written atomically, with schema versions.

The files are the truth of a run: a lost queue can be rebuilt from them.
"""
