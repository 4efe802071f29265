"""Where a project stands, as one object: what is live where, what is unfinished, what failed last, and what to type next.

`standing` puts together what the read models say with what deploy.json names. Nothing is asked of a target.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from orchestrator.projections import deployments, releases, slots
from orchestrator.projections.deployments_table import FAILED, ROLLED_BACK, DeploymentRow
from orchestrator.projections.pipeline import SetupFile, Stage, ValidationStanding, pipeline

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.domain.deployment import Deployment

RUNS, INTERRUPTED, UNSURE, WAITS, CLAIMS = "running", "interrupted", "running or interrupted", "waiting", "claims its slot"
MOST_SHOWN = 10

Fold = Callable[["EventReader", str], "Deployment"]
AtWork = Callable[[slots.Holder], bool | None]
Item = TypeVar("Item", releases.LiveRelease, DeploymentRow)


@dataclass(frozen=True, kw_only=True)
class Configured:
    """A target of deploy.json in the environment that is used when none is named."""

    target: str
    environment: str
    enabled: bool
    primary: bool


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What deploy.json says. *problem*: why it cannot be used, or None; *project* is None then."""

    path: str
    found: bool
    problem: str | None
    project: str | None
    targets: tuple[Configured, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetStanding:
    """One target in one environment.

    Attributes:
        configured: deploy.json has it; None while that cannot be read.
        live_version: Deployed or restored last, as far as the events say; None while nothing was.
        in_doubt: Deployment that failed since after it may have changed what is live.
    """

    target: str
    environment: str
    configured: bool | None
    enabled: bool
    primary: bool
    live_version: str | None = None
    since: str | None = None
    by: str | None = None
    verified: bool = False
    deployment_id: str | None = None
    in_doubt: str | None = None


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A deployment that has not ended. *situation*: running, interrupted, running or interrupted, waiting, claims its slot."""

    deployment_id: str
    target: str | None
    environment: str
    version: str
    state: str
    situation: str
    step: str | None
    waits_for: str | None
    host: str | None
    updated_at: str
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The last deployment that failed or was rolled back."""

    deployment_id: str
    target: str | None
    environment: str
    version: str
    state: str
    step: str | None
    message: str | None
    rollback_to: str | None
    at: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """See the module. *next*: commands, the most pressing first."""

    configuration: Configuration
    pipeline: tuple[Stage, ...]
    setup_files: tuple[SetupFile, ...]
    validations: tuple[ValidationStanding, ...]
    targets: tuple[TargetStanding, ...]
    unfinished: tuple[Unfinished, ...]
    last_failure: Failure | None
    next: tuple[str, ...]


def standing(
    reader: EventReader | None,
    configuration: Configuration,
    *,
    fold: Fold,
    at_work: AtWork,
    options: Sequence[str] = (),
    project: str | None = None,
    setup_files: Sequence[SetupFile] = (),
    validations: Sequence[ValidationStanding] = (),
    says_version: bool = True,
) -> Standing:
    """How the project stands.

    Args:
        reader: None while nothing was ever recorded.
        project: Its name where *configuration* does not say it, since the file cannot be used.
        fold: Gives a deployment by its ID.
        at_work: Whether the process that claims a slot still runs; None when that cannot be told.
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.
        says_version: Its version is detected; otherwise it has to be named.
    """
    project = configuration.project or project
    lives = _of_project(releases.live_slots(reader), project) if reader is not None else []
    unfinished = _unfinished(reader, project, fold, at_work, options) if reader is not None else ()
    targets = tuple(_targets(configuration, lives))
    named = [*([] if says_version else ["--version", _next_version(targets)]), *options]
    stages = pipeline(
        configured=configuration.found,
        problem=configuration.problem is not None,
        path=configuration.path,
        files=setup_files,
        validations=validations,
        live=[f"{each.live_version} on {each.environment}/{each.target}" for each in targets if each.live_version],
        commands=(_command(options, "init"), _validate(validations, named), _command(named, "execute")),
    )
    return Standing(
        configuration=configuration,
        pipeline=stages,
        setup_files=tuple(setup_files),
        validations=tuple(validations),
        targets=targets,
        unfinished=unfinished,
        last_failure=_last_failure(reader, project) if reader is not None else None,
        next=tuple(_next(configuration, targets, unfinished, validations, options, named)),
    )


def _targets(configuration: Configuration, lives: Sequence[releases.LiveRelease]) -> Iterable[TargetStanding]:
    """Those of deploy.json in its order, then what is live elsewhere."""
    by_place = {(live.environment, live.target): live for live in lives}
    for each in configuration.targets:
        live = by_place.pop((each.environment, each.target), None)
        yield _target(live, each.target, each.environment, configured=True, enabled=each.enabled, primary=each.primary)
    names = {each.target for each in configuration.targets}
    for (environment, target), live in by_place.items():
        configured = target in names if configuration.project is not None else None
        yield _target(live, target, environment, configured=configured, enabled=True, primary=False)


def _target(
    live: releases.LiveRelease | None, target: str, environment: str, *, configured: bool | None, enabled: bool, primary: bool
) -> TargetStanding:
    place = TargetStanding(target=target, environment=environment, configured=configured, enabled=enabled, primary=primary)
    if live is None:
        return place
    release = live.release
    return replace(
        place,
        live_version=release.version if release else None,
        since=live.since,
        by=live.actor,
        verified=live.verified,
        deployment_id=release.deployment_id if release else None,
        in_doubt=live.in_doubt,
    )


def _unfinished(
    reader: EventReader,
    project: str | None,
    fold: Fold,
    at_work: AtWork,
    options: Sequence[str],
) -> tuple[Unfinished, ...]:
    """Interrupted first, then what may be, what runs, what waits; the newest first in each."""
    holders = {holder.deployment_id: holder for holder in slots.holders(reader) if holder.deployment_id is not None}
    found = []
    for row in _of_project(deployments.unfinished(reader, limit=MOST_SHOWN), project):
        holder = holders.get(row.id)
        situation = _situation(row, holder, at_work(holder) if holder is not None else False)
        deployment = fold(reader, row.id)
        found.append(
            Unfinished(
                deployment_id=row.id,
                target=row.target,
                environment=row.environment,
                version=row.version,
                state=row.state,
                situation=situation,
                step=row.step_title,
                waits_for=row.decision_id,
                host=holder.host if holder is not None else None,
                updated_at=row.updated_at,
                next=_way_on(row, situation, deployment, options),
            )
        )
    order = (INTERRUPTED, CLAIMS, UNSURE, RUNS, WAITS)
    return tuple(sorted(found, key=lambda each: order.index(each.situation)))


def _situation(row: DeploymentRow, holder: slots.Holder | None, alive: bool | None) -> str:
    from orchestrator.domain.lifecycle import BEFORE_EXECUTION, UNDER_WAY  # costs time that a project at rest need not wait

    if alive:
        return RUNS
    if row.state in UNDER_WAY:
        return UNSURE if alive is None else INTERRUPTED
    # One that was to begin after others (``--all``) had a claim before its turn came: it has done nothing, and blocks nobody.
    return CLAIMS if holder is not None and row.state not in BEFORE_EXECUTION else WAITS


def _way_on(row: DeploymentRow, situation: str, deployment: Deployment, options: Sequence[str]) -> tuple[str, ...]:
    if situation == CLAIMS:
        return (_command(options, "resume", row.id),)
    from orchestrator.projections.next_commands import next_commands

    return next_commands(deployment, running=situation == RUNS, options=options)


def _last_failure(reader: EventReader, project: str | None) -> Failure | None:
    rows = [row for status in (FAILED, ROLLED_BACK) for row in deployments.newest(reader, limit=MOST_SHOWN, status=status)]
    last = max(_of_project(rows, project), key=lambda row: row.position, default=None)
    if last is None:
        return None
    return Failure(
        deployment_id=last.id,
        target=last.target,
        environment=last.environment,
        version=last.version,
        state=last.state,
        step=last.error_step,
        message=last.error,
        rollback_to=last.rollback_to,
        at=last.finished_at or last.updated_at,
    )


def _next(
    configuration: Configuration,
    targets: Iterable[TargetStanding],
    unfinished: Sequence[Unfinished],
    validations: Sequence[ValidationStanding],
    options: Sequence[str],
    named: Sequence[str],
) -> Iterable[str]:
    """*named*: *options*, and the version where it has to be named."""
    if unfinished and unfinished[0].situation != WAITS:
        yield unfinished[0].next[0]
        return
    if not configuration.found:
        yield _command(options, "init")
        return
    yield from (_command(options, "show", place.in_doubt) for place in targets if place.in_doubt)
    yield from (each.next[0] for each in unfinished[:1])
    if configuration.problem is None:
        if _to_validate(validations):
            yield _validate(validations, named)
        yield _command(named, "execute")


def _next_version(targets: Sequence[TargetStanding]) -> str:
    """One that can be typed as it is: after what is live, as far as that can be counted."""
    live = next((each.live_version for each in targets if each.live_version), None)
    if live is None:
        return "0.1.0"
    head, number, tail = re.fullmatch(r"(.*?)(\d*)(\D*)", live, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{head}{int(number) + 1}{tail}" if number else f"{live}.1"


def _to_validate(validations: Sequence[ValidationStanding]) -> list[ValidationStanding]:
    return [each for each in validations if each.required and not each.good]


def _validate(validations: Sequence[ValidationStanding], options: Sequence[str]) -> str:
    """Of the first target that needs it; of the one that is meant when none is named, where none does."""
    first = next(iter(_to_validate(validations)), None)
    return _command(options, "validate", *(["--target", first.target] if first is not None and len(validations) > 1 else []))


def _command(options: Sequence[str], *words: str) -> str:
    return shlex.join(["pop-deploy", *words, *options])


def _of_project(items: Iterable[Item], project: str | None) -> list[Item]:
    """Only what belongs to *project*: one store may serve several."""
    return [item for item in items if project is None or item.project == project]
