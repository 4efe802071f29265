"""Deployment IDs: ``deploy-YYYYMMDD-HHMMSS-xxxx``, the time in UTC and four random characters.

They sort by time and can be read aloud. Two processes that draw the same one are told apart by the store: the second to begin
its stream gets a new ID (`services.repository.create`).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # nothing that looks like something else


def new_id() -> str:
    """A new ID."""
    # `secrets` would do it with an import of a millisecond.
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"deploy-{stamp}-{''.join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(4))}"
