"""What a `local` target asks of this machine before and after: preflight, verification, diagnostics. Nothing is changed here.

A question is a function that answers with a status and a sentence, or raises; `_ask` makes a `Check` of it. Start at `preflight`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Plan, Release, Step
from orchestrator.targets import processes
from orchestrator.targets.base import Check, CheckStatus
from orchestrator.targets.local_copy import Copied, measure, reason, size
from orchestrator.targets.local_place import Place
from orchestrator.targets.local_plans import ACTIVATE, BUILD, RELEASE, RESTART, env_from_json
from orchestrator.targets.local_service import Service, State
from orchestrator.targets.local_steps import Surroundings, require_apart

SETTLE_S = 1.0
"""How long a service must have lived before it counts as running: most that cannot run end within their first second."""

SPARE_BYTES = 8 << 20

Answered = tuple[CheckStatus, str]
PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP


def preflight(around: Surroundings, plan: Plan) -> Iterator[Check]:
    """One check for each thing that the steps of *plan* need: programs, source, path, space, secrets, a release to go back to."""
    steps = {step.kind: step for step in plan.steps}
    for kind, ask in _PREFLIGHT.items():
        if kind in steps:
            yield from ask(around, steps[kind], BUILD in steps)


def verify(around: Surroundings, release: Release) -> Iterator[Check]:
    """The evidence that *release* is what is live: the link, its record, and its service where it has one."""
    place = around.place(release.detail["path"])
    yield _ask("current release", lambda: _current(place, release))
    yield _ask("release record", lambda: _recorded(place, release))
    if release.detail["run"] is not None:
        yield _ask("service process", lambda: _serving(place, release))


def diagnostics(place: Place) -> Sequence[str]:
    """What `current` is, what became of the service, and the last lines that it wrote."""
    try:
        lines = [f"{place.current}: {place.current_name() or 'not there'}"]
        state = Service(place).state()
        if state is None:
            return [*lines, "service: none was started"]
        lines.append(f"service: pid {state.process.pid} of {state.directory} {_condition(state)}")
        return [*lines, f"{place.root / state.log}:", *_tail(Service(place), state)]
    except (PopDeployError, OSError) as error:
        return [f"{place.root}: {error}"]


def _for_build(around: Surroundings, step: Step, builds: bool) -> Iterator[Check]:
    argv, env = step.inputs["argv"], step.inputs["env"]
    yield _ask("build program", lambda: _program(argv[0], around.tools.project_dir, env, built=False))
    yield from _secrets(around, env)


def _for_release(around: Surroundings, step: Step, builds: bool) -> Iterator[Check]:
    place = around.place(step.inputs["path"])
    found = Copied()

    def source_is_usable() -> Answered:
        nonlocal found
        source = around.source(step.inputs["source"])
        if not source.is_dir():
            return (WARN if builds else FAIL), f"{source} is no directory{'; the build has to make it' if builds else ''}"
        require_apart(source, place.root)
        excludes = around.excludes(**{key: step.inputs[key] for key in ("path", "source", "exclude", "shared")})
        found = measure(source, excludes)
        return _judge_source(source, found, builds)

    yield _ask("source", source_is_usable)
    yield _ask("path", lambda: _usable(place))
    yield _ask("disk space", lambda: _space(place, found))
    if step.inputs["shared"]:
        yield _ask("shared", lambda: _shared(around, place, step))


def _for_activate(around: Surroundings, step: Step, builds: bool) -> Iterator[Check]:
    directory = step.inputs["directory"]
    if directory is not None:
        place = around.place(step.inputs["path"])
        yield _ask("release directory", lambda: _kept(place, directory))


def _for_restart(around: Surroundings, step: Step, builds: bool) -> Iterator[Check]:
    argv, env, directory = step.inputs["argv"], step.inputs["env"], step.inputs["directory"]
    place = around.place(step.inputs["path"])
    home = place.directory(directory) if directory else None
    if home is None and "/" in argv[0] and not Path(argv[0]).is_absolute():
        yield Check("run program", SKIP, f"{argv[0]} comes with the release; asked when it is started")
    else:
        yield _ask("run program", lambda: _program(argv[0], home or around.tools.project_dir, env, built=builds))
    yield from _secrets(around, env)


_PREFLIGHT: Mapping[str, Callable[[Surroundings, Step, bool], Iterator[Check]]] = {
    BUILD: _for_build,
    RELEASE: _for_release,
    ACTIVATE: _for_activate,
    RESTART: _for_restart,
}


def _ask(name: str, question: Callable[[], Answered]) -> Check:
    started = time.monotonic()
    try:
        status, message = question()
    except OSError as error:
        status, message = FAIL, reason(error)
    except PopDeployError as error:
        status, message = FAIL, str(error)
    return Check(name, status, message, round((time.monotonic() - started) * 1000))


def _program(program: str, home: Path, env: Mapping[str, Any], *, built: bool) -> Answered:
    path = env.get("PATH")
    wanted = str(home / program) if "/" in program else program
    found = shutil.which(wanted, path=path if isinstance(path, str) else None)
    if found is not None:
        return PASS, found
    return (
        FAIL,
        f"{program}: no such program{f' in {home}' if '/' in program else ' on PATH'}. Install it, or correct the argument list.",
    )


def _secrets(around: Surroundings, env: Mapping[str, Any]) -> Iterator[Check]:
    values = env_from_json(env)
    references = {name: value for name, value in values.items() if not isinstance(value, str)}
    for name, value in references.items():

        def there(value: Any = value) -> Answered:
            around.tools.secrets.reveal(value)
            return PASS, f"{value} is there"

        yield _ask(f"secret {name}", there)


def _judge_source(source: Path, found: Copied, builds: bool) -> Answered:
    amount = f"{source}: {found}"
    if found.escaping:
        links = ", ".join(found.escaping[:5])
        return (
            FAIL,
            f"{source}: links that lead out of it would lead elsewhere in a release: {links}. Exclude them.",
        )
    if not found.files:
        return (WARN if builds else FAIL), f"{source} holds nothing to release"
    if found.absolute:
        links = ", ".join(found.absolute[:5])
        return WARN, f"{amount}; links out of the source stay links to the same place, nothing behind them is copied: {links}"
    if found.skipped:
        return WARN, f"{amount}; left out, neither file nor directory nor link: {', '.join(found.skipped[:5])}"
    return PASS, amount


def _usable(place: Place) -> Answered:
    ours = place.is_ours()
    if place.current.is_dir() and not place.current.is_symlink():
        return FAIL, f"{place.current} is a directory, not a link. Move it away."
    for directory in (_nearest(place.root), place.releases):
        if directory.exists() and not os.access(directory, os.W_OK | os.X_OK):
            return FAIL, f"no permission to write in {directory}. Grant it, or choose another path."
    if ours or not place.root.exists():
        return PASS, f"{place.root} {'is ours' if ours else 'can be created'}"
    taken = place.adopt and any(place.root.iterdir())
    return (WARN, f"{place.root} is not empty and will be taken over (adopt)") if taken else (PASS, f"{place.root} is free")


def _nearest(path: Path) -> Path:
    """*path*, or the nearest directory above it that exists."""
    return next(parent for parent in (path, *path.parents) if os.path.lexists(parent))


def _space(place: Place, found: Copied) -> Answered:
    free = shutil.disk_usage(_nearest(place.root)).free
    message = f"{size(found.bytes)} needed, {size(free)} free"
    return (PASS, message) if free >= found.bytes + SPARE_BYTES else (FAIL, f"{message} at {place.root}. Make room.")


def _shared(around: Surroundings, place: Place, step: Step) -> Answered:
    entries = around.shared(step.inputs["source"], step.inputs["shared"])
    for entry in entries:
        directory = _nearest(place.shared / entry).parent if (place.shared / entry).exists() else _nearest(place.shared / entry)
        if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
            return FAIL, f"{place.shared / entry} cannot be made: {directory} is no directory that can be written to"
    missing = [entry for entry in entries if not (place.shared / entry).exists()]
    return PASS, f"will be made in {place.shared}: {', '.join(missing)}" if missing else "all there"


def _kept(place: Place, directory: str) -> Answered:
    if place.is_ours() and place.record(directory) is not None:
        return PASS, f"{place.directory(directory)} is still there"
    return FAIL, f"{place.directory(directory)} does not exist any more. Deploy that version anew, or choose another."


def _current(place: Place, release: Release) -> Answered:
    wanted, found = release.detail["directory"], place.current_name() if place.is_ours() else None
    if found != wanted:
        return FAIL, f"{place.current} is {found or 'not there'}, expected {wanted}"
    return PASS, f"{place.current} -> releases/{wanted}"


def _recorded(place: Place, release: Release) -> Answered:
    wanted = release.detail["directory"]
    record = place.record(wanted)
    if record is None:
        return FAIL, f"{place.directory(wanted)} or its record does not exist"
    digest = release.artifacts.get("source", record.digest)
    if (record.version, record.deployment_id, record.digest) != (release.version, release.deployment_id, digest):
        found = f"{record.version} of {record.deployment_id} with {record.digest}"
        return (
            FAIL,
            f"{place.record_file(wanted)} describes {found}, expected {release.version} of {release.deployment_id} with {digest}",
        )
    return PASS, f"{record.version} of {record.deployment_id}, {record.files} files"


def _serving(place: Place, release: Release) -> Answered:
    service, wanted = Service(place), release.detail["directory"]
    state = service.state()
    if state is None or state.directory != wanted:
        return (
            FAIL,
            f"the service of {wanted} was not started; what was started last is {state.directory if state else 'nothing'}",
        )
    if not state.process.visible() and state.process.boot_id == processes.boot_id():
        return SKIP, f"pid {state.process.pid} lives in another container: it cannot be seen from here"
    if processes.wait_end(state.process, _unsettled_s(state)):
        last = " | ".join(_tail(service, state)[-3:])
        return FAIL, f"pid {state.process.pid} {_condition(state)}; it wrote last: {last or 'nothing'}"
    return PASS, f"pid {state.process.pid} runs in {place.directory(wanted)}"


def _unsettled_s(state: State) -> float:
    """Seconds until the process will have lived for `SETTLE_S`; 0 when it has, or has ended."""
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return max(0.0, SETTLE_S - (uptime_s - state.process.start_ticks / os.sysconf("SC_CLK_TCK")))


def _condition(state: State) -> str:
    if processes.alive(state.process):
        return "runs"
    same_boot = state.process.boot_id == processes.boot_id()
    return "has ended" if same_boot else "ended when the machine was restarted, or runs on another one"


def _tail(service: Service, state: State) -> list[str]:
    try:
        return service.log_tail(state)
    except OSError as error:
        return [f"no log: {error}"]
