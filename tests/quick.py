"""How much of a test with many examples is run: a part of it in `make check` (``POP_DEPLOY_QUICK=1``), all of it otherwise."""

from __future__ import annotations

import os

QUICK = os.environ.get("POP_DEPLOY_QUICK") == "1"


def part(whole: int) -> int:
    """A quarter of *whole*, one at least, where it has to be quick."""
    return max(1, whole // 4) if QUICK else whole
