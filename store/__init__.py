"""The run directory: what is written, where, atomically, under which schema version.

Nothing here knows who calls it. The files are the truth of a run; the queue can be lost and made again from them.
"""
