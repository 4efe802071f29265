"""The composition root of what keeps the store itself: audit, check, backup, archive, copy. `bootstrap` wires everything else.

Apart from it because no deployment needs any of this, and because here a store is opened as it is: nothing is upgraded or built.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eventstore.errors import StoreMissing, StoreUnavailable
from orchestrator import bootstrap
from orchestrator.adapters import anchoring, data_directory, signing
from orchestrator.adapters.store_place import StorePlace, place_of
from orchestrator.config import ConfigError, ConfigMissing
from orchestrator.domain import anchor as anchors
from orchestrator.domain.anchor import Anchor
from orchestrator.domain.errors import UsageProblem
from orchestrator.services import archiving, audit

if TYPE_CHECKING:
    from eventstore import EventReader
    from eventstore.archive import Archived
    from eventstore.backup import BackedUp
    from eventstore.copying import Copied
    from orchestrator.projections.audit import AuditReport, CheckReport

Progress = Callable[[str, int], None]


@contextmanager
def as_it_is(directory: str, store: str | None) -> Iterator[EventReader]:
    """The project's events, whatever the age of its read models; nothing is changed.

    Raises:
        NoStore: There is none yet.
        StoreUnavailable: It cannot be read, or its schema is older than this program.
    """
    place = place_of(directory, store)
    try:
        reader = _reader(place)
    except StoreMissing as error:
        raise bootstrap.NoStore(f"{error}. Next: pop-deploy init, then pop-deploy execute") from error
    with closing(reader):
        yield reader


def _reader(place: StorePlace) -> EventReader:
    if place.url is not None:
        reader: EventReader = bootstrap.postgres("postgres_reading").open_postgres_read_only(place.url)
        return reader
    from eventstore.reading import open_read_only

    return open_read_only(str(place.path))


def verify(
    directory: str,
    store: str | None,
    *,
    anchor_files: Sequence[str] = (),
    public_key: str | None = None,
    archives: Sequence[str] = (),
    progress: Progress,
) -> AuditReport:
    """See `services.audit.verify`. *public_key* is a file.

    Raises:
        UsageProblem: A file is not what it should be; nothing was checked.
    """
    found = [(file, each) for file in anchor_files for each in anchors.parse(_text(file), file)]
    if found or public_key is not None:
        signing.require()
    given = audit.Given(
        anchors=found,
        public_key=signing.public_key(public_key) if public_key is not None else None,
        check_signature=signing.problem_of,
        archives=archives,
    )
    with as_it_is(directory, store) as reader:
        return audit.verify(reader, given, progress)


def sign_head(directory: str, store: str | None, key: str | None, out: str | None) -> Anchor:
    """The signed head; added to the file *out* if one is named. The key is made when it is missing."""
    from eventstore.appending import utc_now

    with as_it_is(directory, store) as reader:
        store_id, head = reader.store_id, reader.head()
    made = anchoring.signed(key_path(directory, key), store_id, head, utc_now())
    if out is not None:
        anchoring.append(out, made)
    return made


def key_path(directory: str, given: str | None) -> str:
    """The private key: *given*, else what deploy.json names, else the data directory's own."""
    if given is not None:
        return os.path.abspath(given)  # noqa: PTH100
    data_dir = data_directory.data_directory(directory)
    try:
        configured = bootstrap.load_config(directory).audit.key
    except (ConfigMissing, ConfigError):
        configured = None  # the evidence can be signed whatever state the configuration is in
    if configured is not None:
        return str(Path(directory).absolute() / configured)
    return data_directory.audit_key(data_dir)


def make_key(path: str) -> str:
    """See `signing.new_key`."""
    data_directory.ensure_private(os.path.dirname(path))  # noqa: PTH120
    return signing.new_key(path)


def check(directory: str, store: str | None, progress: Progress) -> CheckReport:
    """Integrity of the file, the chain with all that hangs on it, and each read model against a rebuild. Changes nothing."""
    from eventstore.backup import check_file
    from eventstore.comparing import compare
    from orchestrator.projections.audit import CheckReport
    from orchestrator.projections.registry import inline

    place = place_of(directory, store)
    with as_it_is(directory, store) as reader:
        integrity = ""
        try:
            if place.path is not None:
                check_file(place.path, progress)
        except StoreUnavailable as error:
            integrity = str(error)
        with reader.snapshot():
            report = audit.verify(reader, audit.Given(), progress)
            compared = compare(reader, inline(), progress=lambda done: progress("checking the read models", done))
    sound = not integrity and not report.problems and not compared.differences
    return CheckReport(
        success=sound,
        integrity=integrity,
        audit=report,
        equal=compared.equal,
        pending=tuple(f"{name}: {why}" for name, why in compared.pending),
        differences=tuple(each._asdict() for each in compared.differences),
    )


def rebuild(directory: str, store: str | None) -> int:
    """Fold every read model anew. Returns the number of events folded."""
    with as_it_is(directory, store):
        pass  # says so where there is none: it is not made here
    with closing(bootstrap.open_store(directory, store)) as opened:
        return opened.rebuild()


def backup(directory: str, store: str | None, file: str, progress: Progress) -> BackedUp:
    """See `eventstore.backup.backup`."""
    from eventstore.backup import backup as make

    path = _sqlite_path(directory, store, "pg_dump, or pop-deploy store copy --from ... --to sqlite:////absolute/path/backup.db")
    return make(path, file, progress=progress)


def archive(directory: str, store: str | None, file: str, before: str, keep: int, progress: Progress) -> tuple[Archived, str]:
    """See `eventstore.archive.archive`; then give the room back. Also returns why that could not be done, or ""."""
    from eventstore.archive import archive as move
    from eventstore.sqlite import SqliteEventStore
    from orchestrator.projections.registry import inline

    path = _sqlite_path(directory, store, "pop-deploy store copy to a SQLite file, and archive there")
    with closing(SqliteEventStore(f"sqlite:///{path}", projections=inline())) as opened:
        done = move(
            opened,
            file,
            before,
            lambda: archiving.streams_to_archive(opened, before, keep),
            check=lambda: archiving.must_stay(opened, keep),
            progress=progress,
        )
        try:
            progress("giving room back", 0)
            opened.compact()
        except StoreUnavailable as error:
            return done, f"the file has not become smaller, its free room is used again ({error})"
    return done, ""


def copy(source: str, target: str, progress: Progress) -> Copied:
    """See `eventstore.copying.copy`. Both are what ``--store`` takes."""
    from eventstore.copying import copy as make

    one, other = place_of(".", source), place_of(".", target)
    if one.key == other.key:
        raise UsageProblem("--from and --to name the same store")
    with as_it_is(".", source) as reader, closing(bootstrap.open_store(".", target)) as opened:
        return make(reader, opened, progress=progress)


def _sqlite_path(directory: str, store: str | None, instead: str) -> str:
    place = place_of(directory, store)
    if place.path is None:
        raise UsageProblem(f"this works on SQLite files. For PostgreSQL: {instead}")
    if not os.path.exists(place.path):  # noqa: PTH110
        raise bootstrap.NoStore(f"{place.path}: nothing was recorded here yet")
    return place.path


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{file}: {getattr(error, 'strerror', None) or 'not a text file'}") from error
