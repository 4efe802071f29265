"""The composition root: the only place that knows all parts.

`open_workspace` wires everything for commands that write; `open_reader` opens the store for those that only read, with the
standard library alone, because `history` has to start as fast as the interpreter allows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventstore.errors import StoreMissing, StoreOutdated, StoreUnavailable
from orchestrator import __version__
from orchestrator.adapters import data_directory
from orchestrator.adapters.store_place import StorePlace, place_of
from orchestrator.projections.registry import READ_MODELS

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from eventstore import EventReader, EventStore
    from orchestrator.adapters.live_output import LiveOutput
    from orchestrator.adapters.secrets import SecretStore
    from orchestrator.adapters.signals import StopFlag
    from orchestrator.adapters.store_age import StoreAge
    from orchestrator.config import ProjectConfig, ResolvedTarget
    from orchestrator.domain.masking import Masker
    from orchestrator.domain.plan import Slot
    from orchestrator.services.ports import Anchors, Measuring, Narrator, SourceFacts
    from orchestrator.services.workspace import Workspace
    from orchestrator.targets.base import Target


_masker: ContextVar[Masker] = ContextVar("masker")
"""Of the workspace or live output that was opened last: an error's message is shown where none of them is at hand."""


class NoStore(StoreUnavailable):
    """Nothing was ever recorded for this project."""


def open_reader(directory: str, store: str | None) -> EventReader:
    """The project's events, for reading only.

    Args:
        directory: The project.
        store: ``--store``; None for the data directory's own.

    Raises:
        NoStore: There is none yet.
        StoreUnavailable: It cannot be read.
    """
    place = place_of(directory, store)
    try:
        return _open_read_only(place)
    except StoreMissing as error:
        raise NoStore(f"{error}. Next: pop-deploy init, then pop-deploy execute") from error
    except StoreOutdated:
        return open_store(directory, store)


def _open_read_only(place: StorePlace) -> EventReader:
    if place.url is not None:
        reader: EventReader = postgres("postgres_reading").open_postgres_read_only(place.url, READ_MODELS)
        return reader
    from eventstore.reading import open_read_only

    return open_read_only(str(place.path), READ_MODELS)


def open_store(directory: str, store: str | None) -> EventStore:
    """The project's events, for writing; made or upgraded when needed."""
    from orchestrator.projections.registry import inline

    place = place_of(directory, store)
    if place.url is not None:
        opened: EventStore = postgres("postgres").PostgresEventStore(place.url, projections=inline())
        return opened
    from eventstore.sqlite import SqliteEventStore

    data_directory.ensure_private(os.path.dirname(str(place.path)))  # noqa: PTH120
    return SqliteEventStore(f"sqlite:///{place.path}", projections=inline())


def postgres(module: str) -> ModuleType:
    """A part of the backend whose driver is an extra.

    Raises:
        StoreUnavailable: It is not installed.
    """
    try:
        return import_module(f"eventstore.{module}")
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise StoreUnavailable(
            "--store names PostgreSQL, whose driver is not installed: pip install 'pop-deploy[postgres]'"
        ) from error


def damage_of(reader: EventReader) -> str | None:
    """What is wrong with the store behind *reader*: the first thing found in the chain, else in a read model; None if nothing."""
    from eventstore import chain
    from eventstore.comparing import compare
    from eventstore.errors import EventStoreError
    from orchestrator.projections.registry import inline

    try:
        chain.verify(reader.read_all(), tombstones=True)
        differences = compare(reader, inline(), most=1).differences
    except (EventStoreError, TypeError, ValueError, LookupError, OverflowError) as error:
        return str(error)
    return f"read model {differences[0].read_model}: {differences[0].message}" if differences else None


def upgrade_store(directory: str, store: str | None) -> tuple[str, StoreAge, StoreAge]:
    """Bring the store up to date. Returns its place, what it was like, and what it is like now.

    Raises:
        NoStore: There is none yet.
        StoreTooNew, NotAStore: It was left untouched.
    """
    from orchestrator.adapters.store_age import age_of

    place = place_of(directory, store)
    if place.url is not None:
        postgres("postgres")  # says what to install
    try:
        before = age_of(place)
    except StoreMissing as error:
        raise NoStore(f"{error}, so there is nothing to upgrade") from error
    open_store(directory, store).close()
    return place.shown, before, age_of(place)


def load_config(directory: str) -> ProjectConfig:
    """deploy.json, read and checked."""
    from pathlib import Path

    from orchestrator import config
    from orchestrator.targets import registry

    path = Path(data_directory.deploy_json(data_directory.data_directory(directory)))
    return config.load(
        path, config_types=registry.config_type, kinds=tuple(registry.KINDS), project_dir=Path(directory).absolute()
    )


def project_facts(directory: str) -> SourceFacts:
    """Version and commit of the project as it stands now."""
    from pathlib import Path

    from orchestrator.adapters.project_files import ProjectTree

    return ProjectTree(Path(directory).absolute(), data_directory.data_directory(directory)).facts()


def config_path(directory: str) -> str:
    """Where deploy.json is, or would be."""
    return data_directory.deploy_json(data_directory.data_directory(directory))


def at_work(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str = "") -> bool | None:
    """Whether the process that claims a slot still runs; None when that cannot be told from here."""
    from orchestrator.adapters import holders

    return holders.at_work(host, boot_id, pid, start_ticks, pid_namespace)


def liveness(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> str:
    """The same in a word: living, stopped, dead or unknown."""
    from orchestrator.adapters import holders

    return holders.liveness(host, boot_id, pid, start_ticks, pid_namespace)


def kill_holder(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> bool | None:
    """End the process that claims a slot; None when it cannot be seen from here."""
    from orchestrator.adapters import holders

    return holders.kill(host, boot_id, pid, start_ticks, pid_namespace)


def this_boot() -> tuple[str, str]:
    """Name of this host and the ID of its current boot."""
    from orchestrator.adapters import identity

    here = identity.here()
    return here.host, here.boot_id


def live_output(directory: str, target: str, attempt_dir: str, environ: Mapping[str, str] = os.environ) -> LiveOutput:
    """What a running attempt of a deployment to *target* prints, masked, for somebody who follows.

    Raises:
        ConfigError, ConfigMissing: deploy.json says what must be masked, and cannot be read.
        SecretMissing: A secret that the attempt may print is not known to this process, so it could not be masked.
    """
    from pathlib import Path

    from orchestrator.adapters.live_output import LiveOutput, references
    from orchestrator.adapters.secrets import SecretStore
    from orchestrator.domain.masking import Masker

    config = load_config(directory)
    masker = Masker(config.redact)
    _masker.set(masker)
    secrets = SecretStore(Path(directory).absolute(), masker, environ, allow_paths=config.allow_paths)
    for reference in references(config.targets.get(target)):
        secrets.reveal(reference)
    return LiveOutput(Path(attempt_dir), masker)


def current_masker() -> Masker:
    """Knows what this process knows to be secret: for messages that no report was made of."""
    from orchestrator.domain.masking import Masker

    return _masker.get(Masker())


def masker_of(directory: str, environ: Mapping[str, str] = os.environ) -> Masker:
    """`current_masker`; in a command that only reads, what the deploy.json in *directory* says to be secret."""
    known = _masker.get(None)
    if known is not None:
        return known
    from pathlib import Path

    from orchestrator.adapters.early_secrets import of_file

    masker = of_file(Path(config_path(directory)), Path(directory).absolute(), environ)
    _masker.set(masker)
    return masker


@contextmanager
def open_workspace(
    directory: str,
    store: str | None,
    *,
    actor: str | None,
    narrator: Narrator,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Workspace]:
    """Everything wired for one command, closed at its end. Signals ask it to stop from here on.

    Args:
        actor: ``--actor``.

    Raises:
        ConfigError, ConfigMissing: deploy.json is not what it should be.
        StoreUnavailable: See `open_store`.
    """
    from orchestrator.adapters.signals import Signals, StopFlag

    config = load_config(directory)
    with ExitStack() as closing:
        opened = open_store(directory, store)
        closing.callback(opened.close)
        flag = StopFlag()
        closing.callback(flag.close)
        closing.enter_context(Signals(flag))
        workspace = _wire(directory, store, config, opened, flag, closing, actor=actor, narrator=narrator, environ=environ)
        if config.notify:
            from orchestrator import notifying

            notifying.note(workspace)
            closing.callback(notifying.wake, workspace, directory, store)
        yield workspace


def secrets(directory: str, config: ProjectConfig, environ: Mapping[str, str]) -> tuple[Masker, SecretStore]:
    """What hides the project's secrets, from now on in every message too, and what finds them."""
    from pathlib import Path

    from orchestrator.adapters import early_secrets
    from orchestrator.adapters.secrets import SecretStore
    from orchestrator.domain.masking import Masker

    project, masker = Path(directory).absolute(), Masker(config.redact)
    _masker.set(masker)
    found = SecretStore(project, masker, environ, allow_paths=config.allow_paths)
    early_secrets.learn(
        masker, found, config.raw, environ, project_dir=project, commit=lambda: project_facts(directory).commit_sha
    )
    return masker, found


def _wire(
    directory: str,
    store: str | None,
    config: ProjectConfig,
    opened: EventStore,
    flag: StopFlag,
    closing: ExitStack,
    *,
    actor: str | None,
    narrator: Narrator,
    environ: Mapping[str, str],
) -> Workspace:
    from pathlib import Path

    from orchestrator.adapters import identity
    from orchestrator.adapters.check_commands import CheckLogs
    from orchestrator.adapters.children import RecordedChildren
    from orchestrator.adapters.clock import SystemClock
    from orchestrator.adapters.deploy_json import DeployJsonFile
    from orchestrator.adapters.health import HealthChecks
    from orchestrator.adapters.new_ids import new_id
    from orchestrator.adapters.project_files import ProjectTree
    from orchestrator.adapters.query import SubprocessQuery
    from orchestrator.adapters.store_locks import locks_of
    from orchestrator.services.workspace import Workspace
    from orchestrator.targets import registry
    from orchestrator.targets.base import Tools

    project = Path(directory).absolute()
    data_dir = data_directory.data_directory(directory)
    place = place_of(directory, store)
    masker, found = secrets(directory, config, environ)
    clock = SystemClock(flag)
    query = SubprocessQuery(project, flag)
    health = HealthChecks(query=query, clock=clock, secrets=found, masker=masker)
    attempts = Path(data_directory.attempts_directory(place.key, directory, environ))
    children = RecordedChildren(attempts, masker, flag, narrator.line, **_shared(place))
    closing.callback(children.close)

    def make_target(settings: ResolvedTarget, slot: Slot) -> Target:
        tools = Tools(
            project_dir=project,
            slot=slot,
            query=query,
            health=health,
            clock=clock,
            secrets=found,
            data_dir=Path(data_dir),
            allow_paths=settings.allow_paths,
        )
        return registry.create(settings.kind, settings.config, settings, tools)

    return Workspace(
        project_dir=project,
        config=config,
        store=opened,
        actor=masker.mask(identity.actor(actor, environ, project)),
        here=identity.here(),
        ci=identity.ci(environ),
        tool_version=__version__,
        locks=locks_of(place, flag, closing, narrator.line),
        children=children,
        files=ProjectTree(project, data_dir),
        history_file=DeployJsonFile(data_directory.deploy_json(data_dir)),
        clock=clock,
        health=health,
        secrets=found,
        mask=masker,
        stop=flag,
        narrator=narrator,
        new_id=new_id,
        make_target=make_target,
        make_measuring=lambda: _measuring(project),
        anchors=_anchors(config, project, data_dir),
        check_logs=CheckLogs(project, masker),
    )


def _measuring(project: Path) -> Measuring:
    from orchestrator.adapters.measuring import Measurements  # only who watches a canary measures

    return Measurements(project)


def _shared(place: StorePlace) -> dict[str, Any]:
    """How commands run where another machine may take over from us."""
    if place.url is None:
        return {}
    from orchestrator.adapters.postgres_locks import GRACE_S, OUTLIVE_S

    return {"grace_s": GRACE_S, "outlive_s": OUTLIVE_S}


def _anchors(config: ProjectConfig, project: Path, data_dir: str) -> Anchors | None:
    settings = config.audit
    if settings.anchor_command is None and settings.anchor_file is None:
        return None
    from orchestrator.adapters.anchoring import AnchorReceivers

    key = str(project / settings.key) if settings.key is not None else data_directory.audit_key(data_dir)
    return AnchorReceivers(settings, project, key)
