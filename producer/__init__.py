"""The command line: scan an archive, plan chunks, show progress.

Never knows torch or Celery; `--help`, scanning and status start at once, also on a machine that has neither a GPU nor a
worker.
"""
