"""The composition root: the only place that knows all parts.

`open_workspace` wires everything for commands that write; `open_reader` opens the store for those that only read, with the
standard library alone, because `history` has to start as fast as the interpreter allows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from eventstore.errors import StoreOutdated, StoreUnavailable
from orchestrator import __version__
from orchestrator.adapters import data_directory
from orchestrator.projections.registry import READ_MODELS

if TYPE_CHECKING:
    from eventstore import EventReader, EventStore
    from orchestrator.adapters.live_output import LiveOutput
    from orchestrator.adapters.signals import StopFlag
    from orchestrator.adapters.store_age import StoreAge
    from orchestrator.config import ProjectConfig, ResolvedTarget
    from orchestrator.domain.plan import Slot
    from orchestrator.services.init import Surroundings
    from orchestrator.services.ports import Narrator, SourceFacts
    from orchestrator.services.workspace import Workspace
    from orchestrator.targets.base import Target


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
    path = store_path(directory, store)
    if not os.path.exists(path):  # noqa: PTH110 - pathlib would cost a fifth of what `history` may take
        raise NoStore(f"{path}: nothing was recorded here yet. Next: pop-deploy init, then pop-deploy execute")
    from eventstore.reading import open_read_only

    try:
        return open_read_only(path, READ_MODELS)
    except StoreOutdated:
        return open_store(directory, store)


def open_store(directory: str, store: str | None) -> EventStore:
    """The project's events, for writing; made or upgraded when needed."""
    from eventstore.sqlite import SqliteEventStore
    from orchestrator.projections.registry import inline

    path = store_path(directory, store)
    data_directory.ensure_private(os.path.dirname(path))  # noqa: PTH120
    return SqliteEventStore(f"sqlite:///{path}", projections=inline())


def upgrade_store(directory: str, store: str | None) -> tuple[str, StoreAge, StoreAge]:
    """Bring the store up to date. Returns its path, what it was like, and what it is like now.

    Raises:
        NoStore: There is none yet.
        StoreTooNew, NotAStore: It was left untouched.
    """
    from orchestrator.adapters.store_age import age_of

    path = store_path(directory, store)
    if not os.path.exists(path):  # noqa: PTH110
        raise NoStore(f"{path}: nothing was recorded here yet, so there is nothing to upgrade")
    before = age_of(path)
    open_store(directory, store).close()
    return path, before, age_of(path)


def store_path(directory: str, store: str | None) -> str:
    """The SQLite file. Only SQLite is known here."""
    if store is None:
        return data_directory.events_db(data_directory.data_directory(directory))
    if not store.startswith("sqlite:///"):
        from sqlalchemy.engine import make_url

        try:
            shown = make_url(store).render_as_string(hide_password=True)
        except Exception as error:
            raise StoreUnavailable("--store: expected sqlite:////absolute/path/events.db") from error
        raise StoreUnavailable(f"--store {shown}: expected sqlite:////absolute/path/events.db")
    return os.path.abspath(store.removeprefix("sqlite:///"))  # noqa: PTH100


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


def init_surroundings(directory: str) -> Surroundings:
    """What `init` works with; nothing is read before it asks."""
    from datetime import UTC, datetime
    from pathlib import Path

    from orchestrator import config
    from orchestrator.adapters import detect
    from orchestrator.adapters.deploy_json import DeployJsonFile
    from orchestrator.services.init import Surroundings
    from orchestrator.targets import registry

    project = Path(directory).absolute()
    path = data_directory.deploy_json(data_directory.data_directory(directory))

    def check(raw: bytes) -> object:
        return config.parse(
            raw, Path(path).name, config_types=registry.config_type, kinds=tuple(registry.KINDS), project_dir=project
        )

    return Surroundings(
        file=DeployJsonFile(path),
        path=path,
        suggestions=lambda: detect.detect(project),
        initial=lambda targets, now: detect.initial_document(project, targets, created_at=now),
        renewed=detect.renewed_document,
        check=check,
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        version=lambda: project_facts(directory).version,
        show=lambda shown: str(Path(shown).relative_to(project)) if Path(shown).is_relative_to(project) else shown,
    )


def config_path(directory: str) -> str:
    """Where deploy.json is, or would be."""
    return data_directory.deploy_json(data_directory.data_directory(directory))


def at_work(host: str, boot_id: str, pid: int, start_ticks: int) -> bool | None:
    """Whether the process that claims a slot still runs; None when that cannot be told from here."""
    from orchestrator.adapters import holders

    return holders.at_work(host, boot_id, pid, start_ticks)


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
    secrets = SecretStore(Path(directory).absolute(), masker, environ)
    for reference in references(config.targets.get(target)):
        secrets.reveal(reference)
    return LiveOutput(Path(attempt_dir), masker)


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
        yield _wire(directory, store, config, opened, flag, closing, actor=actor, narrator=narrator, environ=environ)


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
    from orchestrator.adapters.children import RecordedChildren
    from orchestrator.adapters.clock import SystemClock
    from orchestrator.adapters.deploy_json import DeployJsonFile
    from orchestrator.adapters.health import HealthChecks
    from orchestrator.adapters.locks import FileLocks
    from orchestrator.adapters.new_ids import new_id
    from orchestrator.adapters.project_files import ProjectTree
    from orchestrator.adapters.query import SubprocessQuery
    from orchestrator.adapters.secrets import SecretStore
    from orchestrator.domain.masking import Masker
    from orchestrator.services.workspace import Workspace
    from orchestrator.targets import registry
    from orchestrator.targets.base import Tools

    project = Path(directory).absolute()
    data_dir = data_directory.data_directory(directory)
    path = store_path(directory, store)
    masker = Masker(config.redact)
    clock = SystemClock(flag)
    secrets = SecretStore(project, masker, environ)
    query = SubprocessQuery(project, flag)
    health = HealthChecks(query=query, clock=clock, secrets=secrets, masker=masker)
    attempts = Path(data_directory.attempts_directory(path, directory, environ))
    children = RecordedChildren(attempts, masker, flag, narrator.line)
    closing.callback(children.close)

    def make_target(settings: ResolvedTarget, slot: Slot) -> Target:
        tools = Tools(
            project_dir=project,
            slot=slot,
            query=query,
            health=health,
            clock=clock,
            secrets=secrets,
            data_dir=Path(data_dir),
        )
        return registry.create(settings.kind, settings.config, settings, tools)

    return Workspace(
        project_dir=project,
        config=config,
        store=opened,
        actor=identity.actor(actor, environ, project),
        here=identity.here(),
        ci=identity.ci(environ),
        tool_version=__version__,
        locks=FileLocks(os.path.join(os.path.dirname(path), data_directory.LOCKS)),  # noqa: PTH118, PTH120
        children=children,
        files=ProjectTree(project, data_dir),
        history_file=DeployJsonFile(data_directory.deploy_json(data_dir)),
        clock=clock,
        health=health,
        secrets=secrets,
        mask=masker,
        stop=flag,
        narrator=narrator,
        new_id=new_id,
        make_target=make_target,
    )
