#!/usr/bin/env python3
"""Write docs/schemas/deploy.json from the classes that read deploy.json. Run it when one of them has changed."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from orchestrator.config.schema import write_schema  # noqa: E402 - found in the checkout, installed or not
from orchestrator.targets.registry import config_types  # noqa: E402

if __name__ == "__main__":
    write_schema(ROOT / "docs" / "schemas" / "deploy.json", config_types())
