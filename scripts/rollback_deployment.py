#!/usr/bin/env python3
"""Drop-in for the deploy skill's script of this name: see `orchestrator.cli.dropin.rollback`."""

from orchestrator.cli.dropin.rollback import main

if __name__ == "__main__":
    main()
