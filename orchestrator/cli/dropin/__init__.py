"""Entry points with the flags, keys, streams and exit codes of the deploy skill's scripts. `scripts/` calls them."""
