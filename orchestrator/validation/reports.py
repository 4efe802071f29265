"""Reports of tools as JSON, through a file: what a command prints is only handed on up to a bound, and half a report is none."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.targets.base import CommandResult
from orchestrator.validation.base import Subject
from orchestrator.validation.reading import json_object


def reported(subject: Subject, argv: Sequence[str], *, timeout_s: float) -> tuple[CommandResult, dict[str, Any] | None]:
    """How *argv* ended, and the JSON object it wrote to the file that is put behind its last option; None where it wrote none.

    Raises:
        ToolMissing: As `Run`.
        QueryTimeout: As `Run`.
        Unreadable: It wrote something else.
    """
    with tempfile.TemporaryDirectory(prefix="pop-deploy-report-") as directory:
        report = Path(directory, "report.json")
        result = subject.run((*argv, str(report)), timeout_s=timeout_s)
        said = json_object(report.parent, report.name)
        if said is not None:
            # Into the check's log, where people look for the findings. Isolated: the project may have a json.py of its own.
            subject.run((sys.executable, "-I", "-m", "json.tool", str(report)), timeout_s=timeout_s)
        return result, said
