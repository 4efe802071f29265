"""Our reports with the keys of the deploy skill's rollback script: `gathered` for investigate, `rolled_back` for rollback."""

from __future__ import annotations

from typing import Any

from orchestrator.projections.command_results import RollbackResult
from orchestrator.projections.investigation import Investigation
from orchestrator.rendering.json_output import document


def gathered(found: Investigation) -> list[dict[str, Any]]:
    """Each kind of knowledge with where it is from."""
    commits = {
        **document(found.commits),
        "recent_commits": [f"{commit.sha[:7]} {commit.subject}" for commit in found.commits.commits],
    }
    parts: dict[str, Any] = {
        "live": {"live_now": found.live_now, "deployment_id": found.deployment_id, "state": found.state},
        "failures": document(found.failures),
        "step_logs": document(found.logs),
        "health_checks": document(found.checks),
        "git_log": commits,
        "target": list(found.diagnostics),
    }
    return [{"source": source, "data": data} for source, data in parts.items() if data]


def rolled_back(result: RollbackResult) -> dict[str, Any]:
    """Our whole report with the old script's keys: one of `error` and `message`."""
    report = document(result)
    said = report.pop("error")
    known = {"from_version": result.version, "to_version": result.rollback_to, "duration_ms": result.duration_ms or 0}
    if said is not None:
        return {**report, **known, "error": said["message"], "error_step": said["step"], "trace": said["trace"]}
    if result.success:
        done = "would be brought back: nothing was changed" if result.dry_run else "is live again and verified"
        return {**report, **known, "message": f"{result.rollback_to} {done}"}
    unchanged = "nothing was changed" if result.dry_run else f"live now: {result.live_now}; next: {', or '.join(result.next)}"
    return {**report, **known, "error": f"{result.result}: {unchanged}"}
