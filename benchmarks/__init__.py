"""What pop-deploy costs, as ratios against what it replaces: `python -m benchmarks`, or with names of single ones.

Not tests: nothing here asserts on time. Start at `harness.py`, then any of the modules that `__main__.py` lists.
"""
