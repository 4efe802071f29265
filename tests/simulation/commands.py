"""What the actors of a history do: the product's own commands, as `cli/` has them below the parsing of options.

`on_stage` puts a process of the history where a command would open its workspace, and takes away what it would print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from eventstore.errors import EventStoreError
from orchestrator.cli import answering, checking, errors, going_back, prompts, running, ui
from orchestrator.config import ProjectConfig, ResolvedTarget, resolve
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.execution import Status
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import STEP_OUTCOME, Question
from orchestrator.services import planning, request
from orchestrator.services import slot_release as releasing
from orchestrator.services.repository import Journal
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Answer
from orchestrator.targets.fake import RESTORE
from tests.simulation.system import Violation
from tests.unit.orchestrator.services.dying_store import Killed

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

Command = Callable[[str], int]
"""Given the ``--dir`` that stands for a process; returns the exit code."""

_AT_THE_TERMINAL: list[bool] = []
"""Whether somebody sits where the process that is beginning was started: it looks at once."""
_CONFIGS: dict[int, ProjectConfig] = {}
_PROCESSES: dict[str, Process] = {}


@contextmanager
def on_stage() -> Iterator[None]:
    """Inside, the product's commands work for the processes of histories."""
    with (
        patch.object(running, "open_workspace", _open),
        patch.object(checking, "open_workspace", _open),
        patch.object(answering, "open_workspace", _open),
        patch.object(planning, "resolve", _resolved),
        patch.object(request, "resolve", _resolved),
        patch.object(prompts, "interactive", lambda **_: _AT_THE_TERMINAL.pop()),
        patch.object(prompts, "ask", _pondered),
        patch.object(ui, "_write", lambda *_given, **_options: None),
        patch.object(Journal, "record", _recorded(Journal.record)),
        patch.object(releasing, "PASSING_S", 0.1),
    ):
        yield


def invoke(
    world: World, actor: str, what: str, command: Command, version: str = "1.0.0", *, interactive: bool = False
) -> int | None:
    """A process of *actor* runs *command*. Returns its exit code; None if it died.

    Args:
        interactive: Somebody is there and answers what is asked.

    Raises:
        Violation: What may never happen, also a mistake in the program.
    """
    process = world.process(actor, version)
    place = str(process.pid)
    _PROCESSES[place] = process
    process.note("begins", f"{what}, at a terminal" if interactive else what)
    _AT_THE_TERMINAL[:] = [interactive]
    try:
        code = command(place)
    except Killed:
        process.note("is dead")
        return None
    except (PopDeployError, EventStoreError, OSError) as error:
        process.note("says", f"{type(error).__name__}: {error}")
        code = errors.code_of(error)
    except Exception as error:
        raise Violation(f"{what}: a mistake in the program: {error!r}") from error
    finally:
        del _PROCESSES[place]
        process.end()
    if process.killed:
        raise Violation(f"{what}: somebody caught the death of its process")
    process.note("exit code", str(code))
    world.invariants.ended(process)
    if not interactive:  # otherwise one command may deploy, retry and go back
        world.invariants.true_code(process, what, code)
    return code


def execute(*targets: str, **given: Any) -> Command:
    return lambda place: running.execute(None, _given(place, targets=targets, **given))


def prepare(target: str, **given: Any) -> Command:
    return lambda place: running.prepare(_given(place, targets=(target,), **given))


def go_on(deployment_id: str, **given: Any) -> Command:
    return lambda place: running.execute(deployment_id, _given(place, **given))


def resume(deployment_id: str | None) -> Command:
    return lambda place: running.resume(deployment_id, _given(place))


def promote(deployment_id: str, *, full: bool) -> Command:
    return lambda place: running.promote(deployment_id, _given(place), full=full)


def abort(deployment_id: str) -> Command:
    return _answer(
        deployment_id, lambda workspace, journal, ui_: answering.abort(workspace, journal, ui_, "as the seed says", 0.0)
    )


def confirm(deployment_id: str) -> Command:
    return _answer(deployment_id, lambda workspace, journal, ui_: answering.confirm(workspace, journal, ui_, None, ""))


def decide(deployment_id: str, answer: str) -> Command:
    return _answer(deployment_id, lambda workspace, journal, ui_: answering.decide(workspace, journal, ui_, answer, ""))


def verify(deployment_id: str | None, target: str | None) -> Command:
    def command(place: str) -> int:
        with checking.opened(place, None, None, as_json=True) as (workspace, ui_):
            return checking.verify(workspace, ui_, deployment_id, target, None)

    return command


def release(deployment_id: str) -> Command:
    """A person takes the claim from its holder, which is killed if it is there."""

    def command(place: str) -> int:
        ui.make_ui(place, None, as_json=True)
        workspace = _PROCESSES[place].workspace
        releasing.release(workspace, deployment_id, reason="as the seed says", kill=_PROCESSES[place].world.kill)
        return errors.DONE

    return command


def rollback(deployment_id: str | None, target: str | None, **way: Any) -> Command:
    def command(place: str) -> int:
        with checking.opened(place, None, None, as_json=True) as (workspace, ui_):
            return checking.rollback(workspace, ui_, deployment_id, target, None, going_back.Way(**way), 0.0)

    return command


def releases(target: str) -> Command:
    def command(place: str) -> int:
        with checking.opened(place, None, None, as_json=True) as (workspace, ui_):
            return checking.list_releases(workspace, ui_, None, target, None)

    return command


def look(world: World, deployment_id: str) -> str | None:
    """What a person who looks at the system finds out about the step in doubt, if `step_outcome` is asked."""
    deployment = world.invariants.deployment(deployment_id)
    asked, doubted = deployment.open_decision, deployment.running_step
    if asked is None or asked.decision_id != STEP_OUTCOME.decision_id or doubted is None:
        return None
    assert doubted.status is Status.RUNNING
    ways_back = world.invariants.ways_back(deployment_id)
    effect = deployment_id, doubted.step.name, ways_back if doubted.step.kind == RESTORE else 0
    system = world.system(deployment.slot)
    return str(Answer.DONE if system.was_made(effect, doubted.step) else Answer.NOT_DONE)


def finish(world: World) -> None:
    """Resume, answer or give up everything that is left, until nothing is.

    Raises:
        Violation: It does not come to an end.
    """
    for _ in range(40):
        left = [one for one in world.invariants.begun if _is_left(world, one)]
        if not left:
            break
        for deployment_id in left:
            _finish(world, deployment_id)
    else:
        raise Violation(f"{', '.join(left)}: nothing finishes them")
    invoke(world, "eve@desk", "rollback --list", releases(world.slots[0].target))  # brings deploy.json up to date


def _finish(world: World, deployment_id: str) -> None:
    deployment = world.invariants.deployment(deployment_id)
    seen = look(world, deployment_id)
    if seen is not None:
        answer = "abort" if world.random.random() < 0.2 else seen
        invoke(
            world, "eve@desk", f"decide {deployment_id} step_outcome={answer}", decide(deployment_id, f"step_outcome={answer}")
        )
    elif deployment.under_way or world.invariants.claims(deployment_id):
        gives_up = world.random.random() < 0.3
        verb, command = ("abort", abort) if gives_up else ("resume", resume)
        invoke(world, "eve@desk", f"{verb} {deployment_id}", command(deployment_id))
    else:
        invoke(world, "eve@desk", f"abort {deployment_id}", abort(deployment_id))


def _is_left(world: World, deployment_id: str) -> bool:
    deployment = world.invariants.deployment(deployment_id)
    waits = deployment.state in (State.REQUESTED, State.PREPARED, State.CONFIRMED)
    return waits or deployment.under_way or world.invariants.claims(deployment_id)


def _given(place: str, **given: Any) -> running.Given:
    return running.Given(directory=place, as_json=True, **given)


def _answer(deployment_id: str, act: Callable[[Workspace, Journal, ui.Ui], int]) -> Command:
    def command(place: str) -> int:
        with answering.opened(place, None, None, deployment_id, as_json=True) as opened:
            return act(*opened)

    return command


def _pondered(question: Question, stop: Any, changed: Callable[[], bool]) -> str | None:
    """What the person at the terminal says, unless somebody else has answered while that one thought."""
    said = str(stop.ponder(question))
    return None if changed() else said


@contextmanager
def _open(directory: str, *_given: Any, **_options: Any) -> Iterator[Workspace]:
    yield _PROCESSES[directory].workspace


def _recorded(record: Any) -> Any:
    """`Journal.record`, and then what is in memory is compared with what is on record."""

    def compared(journal: Journal, *events: Any, **options: Any) -> None:
        record(journal, *events, **options)
        journal._workspace.store.same_as_replay(journal)  # type: ignore[attr-defined]

    return compared


@cache
def _resolved_once(config: int, target: str, environment: str) -> ResolvedTarget:
    return resolve(_CONFIGS[config], target, environment)


def _resolved(config: ProjectConfig, target: str, environment: str) -> ResolvedTarget:
    """A configuration does not change within a history, and reading it is a sixth of the whole."""
    _CONFIGS[id(config)] = config
    return _resolved_once(id(config), target, environment)
