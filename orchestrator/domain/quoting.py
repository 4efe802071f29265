"""Values of options that their programs read as a line of CSV."""

from __future__ import annotations

from pathlib import Path


def csv_field(value: str | Path) -> str:
    """*value*, usually a file, as one field: to kubectl and helm a comma would begin the next file."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
