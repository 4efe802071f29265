"""What a command's options say about validation: the file of ``--validation-report``, and ``--accept-warnings``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.domain.errors import UsageProblem
from orchestrator.services.validation_gate import Evidence


def evidence(path: str | None, *, accept_warnings: bool, reason: str) -> Evidence:
    """Raises UsageProblem: the file is no report, or warnings are accepted without a reason."""
    if path is None:
        return Evidence(accept_warnings=accept_warnings, reason=reason)
    from orchestrator.domain.validation_report import MOST_BYTES, read_report  # few commands are given one

    raw = _read(Path(path), MOST_BYTES + 1)
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    return Evidence(report=read_report(raw, path), digest=digest, accept_warnings=accept_warnings, reason=reason)


def _read(path: Path, most: int) -> bytes:
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise UsageProblem(f"{path}: not a regular file")
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageProblem(f"{path}: cannot be read: {error.strerror}") from error
