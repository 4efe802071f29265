#!/usr/bin/env python3
"""Drop-in for the deploy skill's script of this name: see `orchestrator.cli.dropin.create`."""

from orchestrator.cli.dropin.create import main

if __name__ == "__main__":
    main()
