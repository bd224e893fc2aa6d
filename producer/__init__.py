"""The command line: scan an archive, plan chunks, show progress.

It imports neither torch nor Celery: `--help`, scanning and status start at once, also on a machine without a GPU or a
worker.
"""
