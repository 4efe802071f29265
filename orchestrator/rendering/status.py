"""Where a project stands, as text: `text`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.projections.pipeline import DONE, MISSING, OPTIONAL, PARTLY, Stage
from orchestrator.projections.standing import (
    CLAIMS,
    INTERRUPTED,
    RUNS,
    Configuration,
    Failure,
    Standing,
    TargetStanding,
    Unfinished,
)
from orchestrator.rendering.history import shortened, when
from orchestrator.rendering.report import next_line, section
from orchestrator.rendering.text import one_line, tail

Paint = Callable[[str, str], str]

LONGEST_ERROR = 300
_COLOURS = {DONE: "green", PARTLY: "yellow", MISSING: "red"}


def text(standing: Standing, *, paint: Paint) -> str:
    """How far it has come, what is live where, what is unfinished with its way on, the last failure, the next command."""
    title = standing.configuration.project or "pop-deploy"
    return (
        f"{title}\n{'=' * len(title)}\n"
        + _configuration(standing.configuration, paint)
        + section("Pipeline", _pipeline(standing.pipeline, paint))
        + section("Targets", _targets(standing.targets, paint))
        + section("Unfinished", (line for each in standing.unfinished for line in _unfinished(each, paint)))
        + (section("Last failure", [_failure(standing.last_failure)]) if standing.last_failure else "")
        + f"\n{next_line(standing.next) or 'Next: correct deploy.json'}"
    ).rstrip("\n") + "\n"


def _configuration(configuration: Configuration, paint: Paint) -> str:
    path = one_line(configuration.path)
    if not configuration.found:
        return f"{path}: {paint('not found', 'yellow')}\n"
    if configuration.problem is None:
        return f"{path}: valid\n"
    lines = tail(configuration.problem, 20)
    return f"{path}: {paint('not valid', 'red')}\n" + "".join(f"  {line}\n" for line in lines)


def _pipeline(stages: Iterable[Stage], paint: Paint) -> Iterable[str]:
    stages = tuple(stages)
    width = max(len(stage.name) for stage in stages)
    for stage in stages:
        status, colour = stage.status.ljust(len(OPTIONAL)), _COLOURS.get(stage.status)
        yield f"  {stage.name.ljust(width)}  {paint(status, colour) if colour else status}  {one_line(stage.detail)}"


def _targets(targets: Iterable[TargetStanding], paint: Paint) -> Iterable[str]:
    places = [(f"{place.environment}/{place.target}{' (primary)' if place.primary else ''}", place) for place in targets]
    width = max((len(name) for name, _ in places), default=0)
    for name, place in places:
        yield f"  {name.ljust(width)}  {_live(place, paint)}".rstrip()


def _live(place: TargetStanding, paint: Paint) -> str:
    if not place.enabled and place.live_version is None:
        return "not enabled"
    said = [_version(place, paint)]
    if place.in_doubt:
        said.append(paint(f"in doubt: {place.in_doubt} failed while it changed this", "red"))
    if place.configured is False:
        said.append("not in deploy.json any more")
    elif not place.enabled:
        said.append("not enabled any more")
    return ", ".join(said)


def _version(place: TargetStanding, paint: Paint) -> str:
    if place.live_version is None:
        return "nothing deployed yet"
    verdict = paint("verified", "green") if place.verified else paint("not verified", "yellow")
    since = f"since {when(place.since)} UTC by {one_line(place.by or '?')}" if place.since else ""
    return f"{one_line(place.live_version)}  {verdict} {since}"


def _unfinished(each: Unfinished, paint: Paint) -> Iterable[str]:
    place = f"{each.environment}/{each.target or 'target open'} {one_line(each.version)}"
    yield f"  {each.deployment_id}  {place}: {paint(_situation(each), 'cyan' if each.situation == RUNS else 'yellow')}"
    yield from (f"      {command}" for command in each.next[:2])


def _situation(each: Unfinished) -> str:
    at = f' at "{one_line(each.step)}"' if each.step else ""
    on = f" on {one_line(each.host)}" if each.host and each.situation not in {INTERRUPTED, CLAIMS} else ""
    if each.waits_for:
        return f"waits for {each.waits_for}{at}"
    return f"{each.situation}{at}{on}" if each.situation != "waiting" else each.state


def _failure(failure: Failure) -> str:
    place = f"{failure.environment}/{failure.target or '?'} {one_line(failure.version)}"
    why = f"{failure.step}: {failure.message}" if failure.step and failure.message else (failure.message or failure.state)
    after = f", rolled back to {one_line(failure.rollback_to or '?')}" if failure.state == "rolled_back" else ""
    return f"  {when(failure.at)} UTC  {place}{after} ({failure.deployment_id})\n      {shortened(why, LONGEST_ERROR)}"
