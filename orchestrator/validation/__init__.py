"""The checks of `pop-deploy validate`: `base.py` says what a check is, `registry.py` has a line for each."""
