"""Our own version, as events name it."""

from __future__ import annotations


def tool_version() -> str:
    """The installed distribution's version."""
    from importlib.metadata import version

    return version("pop-deploy")
