"""What the audits of JavaScript's package managers are asked, and what they report: `Audit.of` a manager, `severities`.

Each has a shape of its own: npm, pnpm and yarn 2 and 3 one object with ``metadata``; yarn 1 a line of ``auditSummary``; yarn 4 a
line for each finding; bun the findings of each package.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.targets.base import CommandResult
from orchestrator.validation.reading import table, text

SEVERITIES = ("critical", "high", "moderate", "low", "info")


@dataclass(frozen=True, slots=True)
class Audit:
    """*shipped* are the options that leave development dependencies out; none where the tool has no such option."""

    command: tuple[str, ...]
    shipped: tuple[str, ...] = ()
    silent_when_clean: bool = False

    @classmethod
    def of(cls, manager: str, project: Path) -> Audit:
        """The audit of *manager*: npm, pnpm, yarn or bun."""
        if manager == "yarn" and "__metadata:" in (text(project, "yarn.lock") or ""):  # a lock file of yarn 2 or later
            command = ("yarn", "npm", "audit", "--all", "--recursive", "--json")
            return cls(command, ("--environment", "production"), silent_when_clean=True)
        shipped = {"npm": ("--omit=dev",), "pnpm": ("--prod",), "bun": ("--prod",), "yarn": ("--groups", "dependencies")}
        return cls((manager, "audit", "--json"), shipped.get(manager, ()))

    @property
    def name(self) -> str:
        return " ".join(word for word in self.command if not word.startswith("-"))


def severities(audit: Audit, result: CommandResult) -> dict[str, int] | None:
    """Findings by severity; None where the tool could not ask."""
    said = _metadata(result.stdout)
    if said is None:
        documents = list(_documents(result.stdout))
        if not documents and audit.silent_when_clean and result.exit_code == 0 and not result.stdout.strip():
            return dict.fromkeys(SEVERITIES, 0)
        said = _summary(documents) or _listed(audit, documents)
    return {severity: int(said.get(severity, 0)) for severity in SEVERITIES} if said is not None else None


def _metadata(printed: str) -> dict[str, Any] | None:
    """The numbers stand at the end of the report, so they are there also where its beginning was cut off."""
    match = re.search(r'"metadata"\s*:\s*(\{.*)', printed[printed.rfind('"metadata"') :], re.DOTALL)
    try:
        metadata, _ = json.JSONDecoder().raw_decode(match[1]) if match else ({}, 0)
    except ValueError:
        return None
    return table(metadata, "vulnerabilities") or None


def _documents(printed: str) -> Iterator[dict[str, Any]]:
    """The one object, or an object a line."""
    for part in (printed, *printed.splitlines()):
        try:
            found = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found
        if part is printed:
            return


def _summary(documents: list[dict[str, Any]]) -> dict[str, Any] | None:
    """As yarn 1 ends its report."""
    ends = [table(table(each, "data"), "vulnerabilities") for each in documents if each.get("type") == "auditSummary"]
    return ends[-1] if ends else None


def _listed(audit: Audit, documents: list[dict[str, Any]]) -> Counter[str] | None:
    """As yarn 4 and bun list findings; None where these are none. One whose severity is not known is a moderate one."""
    found: list[Any] = []
    for each in documents:
        if "Severity" in (children := table(each, "children")):
            found.append(children["Severity"])
        elif audit.command[0] == "bun" and all(isinstance(findings, list) for findings in each.values()):
            found += [table({"one": one}, "one").get("severity") for findings in each.values() for one in findings]
        else:
            return None
    return Counter(said if said in SEVERITIES else "moderate" for said in found) if documents else None
