"""Keeping read models in step with the events of a SQL connection: inline, as catch-up, and as rebuild.

Used by both backends: the in-memory store keeps its read models in a SQLite database in memory, so that queries are the same.
Every read model has a row in the table `projections`: the version of its fold, and the position up to which it has followed, or
`FOLLOWING`: each append takes it along, so that no append has to write there. A writer that does not know a read model puts the
position of the last event before its own in that row; the next writer that does know it catches up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from eventstore.cursor import Cursor
from eventstore.errors import CodecError, EventStoreError, StoreTooNew
from eventstore.events import RecordedEvent
from eventstore.projection import Projection, Table
from eventstore.revisions import FOLLOWING
from eventstore.rows import BufferedRows

ReadAll = Callable[[int, frozenset[str]], Iterator[RecordedEvent]]

_OURS = frozenset({"events", "attachments", "projections", "store", "alembic_version"})
_NEVER = (-1, 0)
_CHECKPOINT = (
    "INSERT INTO projections (name, version, position) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position"
)
_SET = "UPDATE projections SET position = ? WHERE name = ?"


class Projector:
    """The projections of one store.

    Args:
        inline: Folded in the append's own transaction.
        catch_up: Folded by `catch_up`, from their checkpoint.
        create: The statements that make a table in this database.
        buffered: Makes the rows that a fold reads and writes.
    """

    def __init__(
        self,
        inline: Sequence[Projection],
        catch_up: Sequence[Projection] = (),
        *,
        create: Callable[[Table], list[str]] = Table.create_statements,
        buffered: Callable[[Cursor], BufferedRows] = BufferedRows,
    ) -> None:
        self._create, self._buffered = create, buffered
        self._inline = {projection.name: projection for projection in inline}
        self._later = {projection.name: projection for projection in catch_up}
        self._all = self._inline | self._later
        self._refuse_shared_names(len(inline) + len(catch_up))
        # `types` may be made anew each time it is asked for.
        self._types = {projection.name: frozenset(projection.types) for projection in inline}
        self._taken_along: Sequence[Projection] = ()
        self.versions = [item for projection in inline for item in (projection.name, projection.version)]
        self.count = len(inline)

    def apply(self, cursor: Cursor, events: Sequence[RecordedEvent], read_all: ReadAll, *, unchanged: bool = False) -> None:
        """Fold freshly appended *events*, and what a writer without these projections left out, in the caller's transaction.

        Args:
            unchanged: Nobody else has written since the `apply` before this one, which was committed.
        """
        following = self._taken_along
        if not unchanged:
            following = self._take_along(cursor, read_all, events[0].position - 1)
        if following:
            self.fold(events, self._buffered(cursor), following)

    def fold(self, events: Sequence[RecordedEvent], rows: BufferedRows, following: Collection[Projection] | None = None) -> None:
        """Fold *events* into the inline projections, or into those *following*; their checkpoints are the caller's.

        Args:
            rows: Written at the end: a row that several of the events change is written once.
        """
        following = self._taken_along if following is None else following
        for event in events:
            for projection in following:
                if event.type in self._types[projection.name]:
                    try:
                        projection.apply(event, rows)
                    except _STRANGE as error:
                        raise _not_followed(projection, event, error) from error
        rows.flush()

    def all_in_step(self) -> None:
        """The caller has asked `in_step`: all of ours follow, and no others do."""
        self._taken_along = tuple(self._inline.values())

    @property
    def in_step(self) -> str:
        """A subquery, its parameters are `versions`: `count` where the inline projections follow, and no others do."""
        wanted = ", ".join(["(?, ?)"] * self.count)
        ours = f"CASE WHEN (name, version) IN (VALUES {wanted}) THEN 1 ELSE -1 END" if self.count else "-1"
        return f"(SELECT coalesce(sum({ours}), 0) FROM projections WHERE position = {FOLLOWING})"  # noqa: S608

    def _take_along(self, cursor: Cursor, read_all: ReadAll, before: int) -> list[Projection]:
        """From here on all of ours follow each append, no others do. Returns those that have not seen the newest events yet."""
        stored = _stored(cursor)
        # A newer program may have taken a read model over while this one runs: it is left to that program, which catches up.
        ours = [p for name, p in self._inline.items() if stored.get(name, _NEVER)[0] == p.version]
        known = {projection.name for projection in ours}
        left = [name for name, (_, position) in stored.items() if position == FOLLOWING and name not in known]
        cursor.executemany(_SET, [(before, name) for name in left])
        behind = [p for p in ours if stored[p.name][1] not in (FOLLOWING, before)]
        for projection in behind:
            _fold(cursor, read_all, [projection], stored[projection.name][1])
        cursor.executemany(_SET, [(FOLLOWING, p.name) for p in ours if stored[p.name][1] != FOLLOWING])
        self._taken_along = ours
        return [p for p in ours if p not in behind]

    def is_behind(self, cursor: Cursor, head: int) -> bool:
        """Whether `follow` has something to do.

        Raises:
            StoreTooNew: A newer program keeps one of these read models.
        """
        stored = _stored(cursor)
        found = [(projection, *stored.get(name, _NEVER)) for name, projection in self._all.items()]
        for projection, version, _ in found:
            if version > projection.version:
                raise StoreTooNew(
                    f"read model {projection.name} is of version {version}, this program's is {projection.version}: "
                    "use the newer pop-deploy that wrote it"
                )
        return any(version != p.version or (p.name in self._inline and _behind(position, head)) for p, version, position in found)

    def follow(self, cursor: Cursor, read_all: ReadAll, head: int) -> None:
        """Rebuild what is missing or of an older version, catch up inline ones that are behind, in the caller's transaction."""
        stored = _stored(cursor)
        outdated = [p for name, p in self._all.items() if stored.get(name, _NEVER)[0] != p.version]
        self._rebuild(cursor, read_all, head, outdated)
        for name, projection in self._inline.items():
            if projection not in outdated and _behind(stored[name][1], head):
                _fold(cursor, read_all, [projection], stored[name][1])
                self._checkpoint(cursor, [projection], head)

    def rebuild(self, cursor: Cursor, read_all: ReadAll, head: int, name: str | None = None) -> int:
        """Drop and fold anew, in the caller's transaction. Returns the number of events folded."""
        chosen = list(self._all.values()) if name is None else [_named(self._all, name)]
        return self._rebuild(cursor, read_all, head, chosen)

    def catch_up(self, cursor: Cursor, read_all: ReadAll, head: int, name: str) -> int:
        """Fold what *name* has not seen, in the caller's transaction."""
        projection = _named(self._later, name)
        version, after = _stored(cursor)[name]
        if version != projection.version:
            raise StoreTooNew(f"read model {name} was taken over by another version of this program meanwhile")
        count = _fold(cursor, read_all, [projection], after)
        self._checkpoint(cursor, [projection], head)
        return count

    def _rebuild(self, cursor: Cursor, read_all: ReadAll, head: int, chosen: Sequence[Projection]) -> int:
        for table in (table for projection in chosen for table in projection.tables):
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
            for statement in self._create(table):
                cursor.execute(statement)
        count = _fold(cursor, read_all, chosen, 0)
        self._checkpoint(cursor, chosen, head)
        return count

    def _checkpoint(self, cursor: Cursor, chosen: Sequence[Projection], head: int) -> None:
        rows = [(p.name, p.version, FOLLOWING if p.name in self._inline else head) for p in chosen]
        cursor.executemany(_CHECKPOINT, rows)

    def _refuse_shared_names(self, given: int) -> None:
        tables = [table.name for projection in self._all.values() for table in projection.tables]
        if len(self._all) != given or len(set(tables)) != len(tables) or not _OURS.isdisjoint(tables):
            raise EventStoreError(
                f"each read model needs a name and tables of its own: {', '.join(self._all)}: {', '.join(tables)}"
            )


def _fold(cursor: Cursor, read_all: ReadAll, chosen: Sequence[Projection], after: int) -> int:
    """Fold what comes after the event *after*; the checkpoint is the caller's. Returns the number of events."""
    rows, count = BufferedRows(cursor), 0
    for event in read_all(after, frozenset().union(*(projection.types for projection in chosen))):
        for projection in chosen:
            if event.type in projection.types:
                try:
                    projection.apply(event, rows)
                except _STRANGE as error:
                    raise _not_followed(projection, event, error) from error
        count += 1
    rows.flush()
    return count


_STRANGE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What a fold raises for an event whose data is none that its program writes."""


def _not_followed(projection: Projection, event: RecordedEvent, error: Exception) -> CodecError:
    where = f"event {event.position} ({event.type} in {event.stream})"
    return CodecError(f"{where} holds what read model {projection.name} cannot follow: {error!r}"[:500])


def _behind(position: int, head: int) -> bool:
    return position not in (FOLLOWING, head)


def _stored(cursor: Cursor) -> dict[str, tuple[int, int]]:
    """Name to (version of the fold, position followed up to)."""
    return {name: (version, position) for name, version, position in cursor.execute("SELECT * FROM projections")}


def _named(projections: dict[str, Projection], name: str) -> Projection:
    try:
        return projections[name]
    except KeyError:
        raise EventStoreError(f"no such read model: {name}. Known: {', '.join(projections) or 'none'}") from None
