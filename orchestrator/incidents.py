"""What looking into a failure needs from outside: git's commits, and the files of incident reports. Part of the composition root,
beside `bootstrap.py`; only the command line calls it.
"""

from __future__ import annotations


def commits_between(directory: str, good: str, bad: str, limit: int) -> tuple[list[tuple[str, str, str, str]], str]:
    """See `adapters.git.commits_between`."""
    from pathlib import Path

    from orchestrator.adapters import git

    return git.commits_between(Path(directory).absolute(), good, bad, limit)


def write_report(data_dir: str, filename: str, text: str) -> str:
    """See `adapters.incident_files.write_report`."""
    from orchestrator.adapters import incident_files

    return incident_files.write_report(data_dir, filename, text)
