"""What `init` has written, and why, as text."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.projections.init_result import InitResult, TargetFound
from orchestrator.rendering.report import next_line, section
from orchestrator.rendering.text import one_line


def text(result: InitResult) -> str:
    """The targets with what was seen, where the file is, and what to type next."""
    facts = [f"Environment: {one_line(result.default_environment)}\n" if result.default_environment else ""]
    facts += [f"{'Replaced' if result.replaced else 'Written'}: {one_line(result.path)}\n"]
    facts += [f"Backup: {one_line(result.backup)}\n" if result.backup else ""]
    return (
        f"Project: {one_line(result.project_name)}\n"
        + section("Targets", _targets(result.targets))
        + f"\n{''.join(facts)}\n{next_line(result.next)}"
    )


def _targets(targets: Sequence[TargetFound]) -> list[str]:
    names = [one_line(target.name) for target in targets]
    width = max(map(len, names), default=0)
    return [f"  {name.ljust(width)}  {_status(target)}  {_why(target)}" for name, target in zip(names, targets, strict=True)]


def _status(target: TargetFound) -> str:
    status = "primary" if target.primary else "enabled" if target.enabled else "off"
    return status.ljust(len("primary"))


def _why(target: TargetFound) -> str:
    return one_line(target.why) or "left as it was"
