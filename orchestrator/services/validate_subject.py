"""What is validated, wired from the workspace: the `Subject` that the checks look at, and what the report is bound to.

Everything that the store has to be asked is asked here, before the checks run beside each other: a store is used by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.config import ResolvedTarget, resolve
from orchestrator.domain.plan import Mode, Slot
from orchestrator.domain.settings import SecretRef
from orchestrator.projections import deployments, releases
from orchestrator.services.planning import source_digest
from orchestrator.services.ports import SourceFacts
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Check, Request, SecretMissing, Target
from orchestrator.validation.base import Run, Subject


@dataclass(frozen=True)
class Validated:
    """What a report holds for, as it is at one moment."""

    settings: ResolvedTarget
    target: Target
    facts: SourceFacts
    source_digest: str | None

    @classmethod
    def now(cls, workspace: Workspace, slot: Slot, version: str | None) -> Validated:
        """*version*: where somebody named it."""
        settings = resolve(workspace.config, slot.target, slot.environment)
        target = workspace.make_target(settings, slot)
        return cls(settings, target, workspace.files.facts(version), source_digest(workspace, target))


def make_subject(workspace: Workspace, slot: Slot, seen: Validated, version: str, run: Run) -> Subject:
    made = made_of(workspace, slot.project, version)
    live = releases.live(workspace.store, slot)
    sizes = (live.detail.get("sizes") if live is not None else None) or {}
    return Subject(
        project_dir=workspace.project_dir,
        config=workspace.config,
        settings=seen.settings,
        target=seen.target,
        facts=seen.facts,
        version=version,
        run=run,
        elsewhere=lambda asked: made if asked == version else {},
        sizes={name: size for name, size in sizes.items() if isinstance(size, int)} if isinstance(sizes, Mapping) else {},
        missing_secrets=_missing_secrets(workspace, seen.settings),
        preflight=_preflight(seen, version),
    )


def made_of(workspace: Workspace, project: str, version: str) -> dict[str, str | None]:
    """The commits that verified releases of *version* were made of: ``{"docker/staging": "3f2a.."}``."""
    found = {}
    for project_, environment, target in deployments.slots_seen(workspace.store, project):
        release = releases.find_version(workspace.store, Slot(project_, environment, target), version)
        if release is not None:
            found[f"{target}/{environment}"] = release.release.commit_sha
    return found


def _missing_secrets(workspace: Workspace, settings: ResolvedTarget) -> Callable[[], Sequence[str]]:
    def missing() -> list[str]:
        found = []
        for reference in _references(settings.raw):
            try:
                workspace.secrets.reveal(reference)
            except SecretMissing as problem:
                found.append(str(problem))
        return list(dict.fromkeys(found))

    return missing


def _references(value: Any) -> Iterator[SecretRef]:
    """Every ``{"env": NAME}`` and ``{"file": path}`` in a target's entry; of another environment's overrides none."""
    if isinstance(value, Mapping):
        keys = tuple(value)
        if keys in {("env",), ("file",)} and isinstance(value[keys[0]], str):
            yield SecretRef(**{keys[0]: value[keys[0]]})
            return
        for key, item in value.items():
            if key != "environments":
                yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)


def _preflight(seen: Validated, version: str) -> Callable[[], Iterable[Check]]:
    def ask() -> Iterable[Check]:
        observed = seen.target.observe()
        request = Request(
            version=version,
            mode=Mode.DEPLOY,
            commit_sha=seen.facts.commit_sha,
            source_digest=seen.source_digest,
            observed=observed,
            reference=None,
            inputs={},
        )
        return seen.target.preflight(seen.target.plan(request))

    return ask
