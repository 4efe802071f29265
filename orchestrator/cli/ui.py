"""Where a command's output goes: live on a terminal, plain lines elsewhere, one JSON object with ``--json``.

Reports are made in `rendering/`; here is only decided which one goes where.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.bootstrap import current_masker
from orchestrator.cli import errors, prompts
from orchestrator.cli.answers import Answers
from orchestrator.cli.answers import read as read_answers
from orchestrator.cli.reading import more_options
from orchestrator.domain.deployment import Deployment
from orchestrator.projections.decision_required import DecisionRequired, decision_required
from orchestrator.rendering import command_reports, report
from orchestrator.rendering.json_output import all_document, decision_document, dumps
from orchestrator.rendering.progress import Progress, for_command
from orchestrator.rendering.text import printable, write

if TYPE_CHECKING:
    from orchestrator.cli.driving import Ended
    from orchestrator.domain.plan import Release, Slot
    from orchestrator.projections.command_results import RollbackResult, VerifyResult
    from orchestrator.projections.deployment_result import DeploymentResult
    from orchestrator.projections.releases import VerifiedRelease
    from orchestrator.services.repository import Journal
    from orchestrator.services.workspace import Workspace


@dataclass(frozen=True)
class Ui:
    """One command's way to its user.

    Attributes:
        interactive: A person at a terminal can be asked.
        options: What every command that is suggested needs besides, for example ``--dir shop``.
        ahead: What was answered before it is asked.
        written: Incident reports that were written because somebody wanted them.
        parts: Where it is not None, reports go there instead of being printed: they become parts of the one JSON object.
    """

    as_json: bool
    interactive: bool
    progress: Progress
    options: tuple[str, ...]
    ahead: Answers = field(default_factory=Answers)
    plans_shown: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    parts: list[DeploymentResult] | None = None

    def with_answers(self, file: str | None, targets: Sequence[str], *, yes: bool) -> Ui:
        """The same with what ``--answers FILE`` answers ahead, see `answers.read`. Raises UsageProblem."""
        return replace(self, ahead=read_answers(file, targets, yes=yes)) if file is not None else self

    def watch(self, opening: Callable[[], str]) -> None:
        """A new report begins; *opening* gives its head once there is something to show."""
        self.progress.opening, self.progress.begun = opening, False

    def warn(self, message: str | None) -> None:
        """On stderr, each once."""
        if message and message not in self.warned:
            self.warned.add(message)
            _write(f"pop-deploy: {current_masker().mask(printable(message))}\n", err=True)

    def say(self, message: str) -> None:
        """A sentence for people; with ``--json`` on stderr."""
        _write(f"{message}\n", err=self.as_json)

    def answer(self, *, text: str, data: Any) -> None:
        """The command's result: *text* for people, *data* for programs."""
        if self.parts is None:
            _write(dumps(data) if self.as_json else text)

    def report(self, done: Ended) -> int:
        """One deployment's report, or the question that stands open."""
        if self.parts is not None:
            self.parts.append(done.result)
        if done.code == errors.WAITING and done.result.decision is not None:
            return self._question(done.result.decision)
        question = done.result.decision if done.code == errors.INTERRUPTED else None
        text = report.text(done.result, begun=self.progress.begun) + (
            "\n" + command_reports.decision(question) if question else ""
        )
        self.answer(text=text, data=done.result)
        if done.error is not None and self.as_json:
            self.warn(str(done.error))
        return done.code

    def waiting(self, deployment: Deployment) -> int:
        """The question that stands open there."""
        open_ = decision_required(deployment, options=self.options)
        assert open_ is not None  # noqa: S101 - called because one stands open
        return self._question(open_)

    def _question(self, question: DecisionRequired) -> int:
        self.answer(text=command_reports.decision(question), data=decision_document(question))
        return errors.WAITING

    def report_all(self, ends: Sequence[Ended]) -> int:
        """Several deployments as one object; the first exit code that is not 0 counts."""
        if self.as_json:
            _write(dumps(all_document([end.result for end in ends])))
        return next((end.code for end in ends if end.code), errors.DONE)

    def prepared(self, ends: Sequence[tuple[Ended, Journal]]) -> int:
        """Plans on record; where one could not be made, why."""
        from orchestrator.projections.command_results import prepare_result

        results = []
        for end, journal in ends:
            if journal.deployment.prepared is None:
                return self.report(end)
            results.append(prepare_result(journal.deployment, deploy_url=end.result.deploy_url, options=self.options))
        data: Any = results[0] if len(results) == 1 else {"deployments": results, "success": True}
        self.answer(text="\n".join(command_reports.prepared(result) for result in results), data=data)
        return errors.DONE

    def verified(self, result: VerifyResult) -> None:
        self.answer(text=command_reports.verified(result, begun=self.progress.begun), data=result)

    def rolled_back(self, result: RollbackResult) -> None:
        self.answer(text=command_reports.rolled_back(result, begun=self.progress.begun), data=result)

    def releases(self, slot: Slot, found: Sequence[VerifiedRelease], live: Release | None) -> None:
        """What can be gone back to."""
        current = live.deployment_id if live else None
        rows = [
            {
                "version": row.release.version,
                "deployment_id": row.deployment_id,
                "commit_sha": row.release.commit_sha,
                "verified_at": row.verified_at,
                "live": row.deployment_id == current,
            }
            for row in found
        ]
        lines = [
            f"{row['version']:<16} {row['verified_at']}  {row['deployment_id']}{'  (live)' if row['live'] else ''}"
            for row in rows
        ]
        self.answer(
            text=("\n".join(lines) or f"{slot}: no verified release yet") + "\n",
            data={"target": slot.target, "environment": slot.environment, "releases": rows},
        )

    def show_plan(self, deployment: Deployment) -> None:
        """The plan, once, before somebody is asked to confirm it."""
        digest = deployment.prepared.plan_digest if deployment.prepared else ""
        if digest not in self.plans_shown:
            from orchestrator.projections.command_results import prepare_result

            self.plans_shown.add(digest)
            _write(command_reports.prepared(replace(prepare_result(deployment), next=())))


def shown_path(workspace: Workspace) -> str:
    """deploy.json as people see it: relative to the project where it lies inside."""
    path, project = workspace.history_file.path, str(workspace.project_dir)
    return os.path.relpath(path, project) if path.startswith(project + os.sep) else path


def _write(text: str, *, err: bool = False) -> None:
    """A reader that has gone (``| head -1``), a closed terminal or a full disk changes nothing about what was done, nor the exit
    code."""
    try:
        write(sys.stderr if err else sys.stdout, text)
    except (OSError, ValueError):
        errors.forget(sys.stderr if err else sys.stdout)


def make_ui(directory: str, store: str | None, *, as_json: bool) -> Ui:
    options = more_options(directory, store)
    return Ui(as_json, prompts.interactive(as_json=as_json), for_command(as_json=as_json), options)
