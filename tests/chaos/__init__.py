"""Kill every process of the project, again and again, and see that the outcome is that of an undisturbed run.

`make chaos` runs it at length; `test_chaos.py` is the short form. A seed makes the same faults again.
"""
