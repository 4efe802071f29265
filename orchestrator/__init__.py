"""The product: deployments as events, from a plan to a verified release. Start at `orchestrator.cli.main`, or at `bootstrap`."""

__version__ = "0.1.0"
"""As events name it; the distribution takes it from here. Asking the installed distribution would take 35 ms of every command."""
