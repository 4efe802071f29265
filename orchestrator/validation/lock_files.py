"""Check `lock-file`: what would be installed is written down, and agrees with what the project asks for.

One answer for all package managers that the project uses: npm, yarn and pnpm (`lock_javascript`), pip, poetry and uv
(`lock_python`). No lock file is a warning, one that does not agree is a failure. `fix` renews the lock file of npm.
"""

from __future__ import annotations

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.validation import lock_javascript, lock_python
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import together
from orchestrator.validation.reading import Unreadable
from orchestrator.validation.toolchains import manager, package_json

_NONE = "no dependencies that npm, yarn, pnpm, pip, poetry or uv would lock"
_FIX_S = 300.0


def look(subject: Subject) -> Found:
    """Raises `reading.Unreadable`: package.json or pyproject.toml cannot be read."""
    parts = [lock_javascript.look(subject), lock_python.look(subject)]
    return together([part for part in parts if part is not None], none=_NONE)


def fix(subject: Subject) -> str:
    """Have npm write its lock file anew. No script of any package is run; nothing is installed."""
    try:
        package = package_json(subject.project_dir)
        if package is None or manager(subject.project_dir, package) != "npm":
            return ""
        found = lock_javascript.look(subject)
        if found is None or found.status not in (Outcome.WARN, Outcome.FAIL):
            return ""
        result = subject.run(
            ("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"), timeout_s=_FIX_S
        )
    except (Unreadable, ToolMissing, QueryTimeout):
        return ""  # the check itself says what is wrong
    return "package-lock.json renewed by npm" if result.ok else ""
