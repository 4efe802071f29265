"""What was done to an event that does not fit into the hash chain: changed, removed, inserted or reordered. Start at `Diagnosis`.

An event's hash covers its position and the hash before it. So an event that still fits its own hash at *another* position tells
where it was recorded, and its neighbours tell what is missing or too much. Only a few dozen events around it are looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import NamedTuple

from eventstore.chain import GENESIS, digest_of, is_tombstone
from eventstore.events import Head, RecordedEvent
from eventstore.undecodable import Unspoiled, undecodable

CHANGED, REMOVED, INSERTED, REORDERED = "changed", "removed", "inserted", "reordered"
MOST_LISTED = 100
REACH = 32
"""How far an event may have been moved and still be recognised."""
_TYPES = {
    **dict.fromkeys(("position", "version", "schema_version"), int),
    **dict.fromkeys(("stream", "type", "time"), str),
    **dict.fromkeys(("data", "metadata", "previous_hash", "hash"), bytes),
}


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: changed, removed, inserted or reordered.
        position: Where it stands in the store; of what was removed, where it should stand.
        stream, version: As they stand there; None for what is gone.
        message: What is wrong, in words.
        events: How many are concerned, from *position* on.
    """

    kind: str
    position: int
    stream: str | None
    version: int | None
    message: str
    events: int = 1


class Diagnosis:
    """Follows the chain through what does not fit, and remembers what it found."""

    def __init__(self, reader: Unspoiled, archived: Collection[str]) -> None:
        self._reader, self._archived = reader, archived
        self._problems: list[Problem] = []
        self._more = 0
        self._judged = 0  # position of the last event that came here
        self._sound = Head(0, GENESIS)  # every position up to this one has its event
        self._claims: dict[int, bytes] = {}  # after that: position that an event was recorded for -> its hash
        self._empty: set[int] = set()  # positions whose event has not been met yet, because another one stands there
        self._offset = 0  # recorded position minus position in the store

    def found(self) -> tuple[tuple[Problem, ...], int]:
        """The problems, and how many there are beyond those listed."""
        return tuple(self._problems), self._more

    def judge(self, event: RecordedEvent, expected: int, previous: bytes) -> tuple[int, bytes]:
        """Say what is wrong with *event*, if anything.

        While events stand at other positions than they were recorded for, every one comes here.

        Args:
            expected: The position that should come now.
            previous: The hash that it should follow.

        Returns:
            Position and hash that the next one must follow.
        """
        if self._judged < expected - 1:
            sound = expected - 1 + self._offset
            self._sound, self._claims = Head(sound, previous), {q: known for q, known in self._claims.items() if q > sound}
        if event.position > expected:
            self._gap(event, expected)
        place = event.position + self._offset
        if is_tombstone(event):
            self._claims[place] = event.hash
            self._tombstone(event, place)
        else:
            self._event(event, place)
        self._judged = event.position
        self._forget_the_oldest()
        return event.position, self._claims.get(event.position + self._offset, event.hash)

    def _gap(self, event: RecordedEvent, expected: int) -> None:
        count = event.position - expected
        self._say(REMOVED, None, f"{_events(expected, count)} {_are(count)} missing", count, at=expected)
        self._sound, self._claims = Head(event.position - 1 + self._offset, event.previous_hash), {}

    def _tombstone(self, event: RecordedEvent, place: int) -> None:
        if event.stream not in self._archived:
            self._say(CHANGED, event, "its content was taken out, and no archive of its stream is on record")
        elif not self._follows(event, place):
            self._say(CHANGED, event, "it does not follow the event before it: one of the two was replaced")

    def _event(self, event: RecordedEvent, place: int) -> None:
        recorded = _recorded_as(event, self._offset)
        if recorded is None:
            self._foreign(event, place)
            return
        if recorded != place:
            self._moved(event, place, recorded)
        elif not self._follows(event, place):
            self._unlinked(event)
        self._claims[recorded] = event.hash
        self._empty.discard(recorded)

    def _foreign(self, event: RecordedEvent, place: int) -> None:
        """The event fits its own hash nowhere."""
        ahead, before = self._ahead(event), self._hash_at(place - 1)
        if any(_recorded_as(each, self._offset) == place for each in ahead):
            self._offset -= 1
            self._say(INSERTED, event, "it was never recorded: the events after it were moved up")
            return
        own = digest_of(event, position=place)
        hash_changed = own is not None and bool(ahead) and ahead[0].previous_hash == own
        self._claims[place] = own if own is not None and hash_changed else event.hash
        if (column := next((name for name, value in event._asdict().items() if undecodable(value)), None)) is not None:
            self._say(CHANGED, event, f"its column {column} holds bytes that are no text (not UTF-8)")
        elif (wrong := _mistyped(event)) is not None:
            self._say(CHANGED, event, f"its column {wrong} holds another type of value than was recorded")
        elif before is not None and digest_of(event, previous=before, position=place) == event.hash:
            self._say(CHANGED, event, "its column previous_hash is not what was recorded")
        elif hash_changed:
            self._say(CHANGED, event, "its column hash is not what was recorded")
        else:
            what = "stream, version, type, schema_version, time, data or metadata" + ("" if ahead else ", or its hash,")
            self._say(CHANGED, event, f"its {what} is not what was recorded")

    def _unlinked(self, event: RecordedEvent) -> None:
        """The event fits its own hash and its place, but does not follow the one before it."""
        ahead, before = self._ahead(event), self._event_at(event.position - 1)
        if ahead and ahead[0].previous_hash != event.hash:
            self._say(CHANGED, event, "it was replaced, together with its hashes: neither neighbour knows it")
        elif before is None:
            self._say(CHANGED, event, "it does not begin the chain: it was replaced, or what came before it was removed")
        else:
            self._say(CHANGED, before, f"it was replaced, together with its hash: event {event.position} follows another one")

    def _moved(self, event: RecordedEvent, place: int, recorded: int) -> None:
        """The event was recorded for another position."""
        if recorded > place and not self._is_elsewhere(event, place):
            count = recorded - place
            self._offset = recorded - event.position
            self._sound, self._claims = Head(recorded - 1, event.previous_hash), {}
            words = f"{_events(place, count)} {_are(count, past=True)} removed, and the later ones renumbered"
            self._say(REMOVED, None, words, count, at=event.position)
        elif recorded < place and recorded not in self._empty and (recorded in self._claims or recorded <= self._sound.position):
            count = place - recorded
            first = self._event_at(event.position - count) or event
            self._offset = recorded - event.position
            words = f"{_events(first.position, count)} {_are(count, past=True)} never recorded: the later ones were moved up"
            self._say(INSERTED, first, words, count)
        else:
            self._empty |= {place} - self._claims.keys()
            self._say(REORDERED, event, f"it was recorded as event {recorded - self._offset}")

    def _is_elsewhere(self, event: RecordedEvent, place: int) -> bool:
        """Whether the event that was recorded for *place* stands somewhere near."""
        return place in self._claims or any(_recorded_as(each, self._offset) == place for each in self._ahead(event))

    def _follows(self, event: RecordedEvent, place: int) -> bool:
        before = self._hash_at(place - 1)
        return before is None or event.previous_hash == before

    def _hash_at(self, place: int) -> bytes | None:
        """Hash of the event that was recorded for *place*; None where that is not known."""
        if place in self._claims:
            return self._claims[place]
        return self._sound.hash if place == self._sound.position else None

    def _ahead(self, event: RecordedEvent) -> list[RecordedEvent]:
        return list(islice(self._reader.read_all(event.position), REACH))

    def _event_at(self, position: int) -> RecordedEvent | None:
        found = next(self._reader.read_all(position - 1), None)
        return found if found is not None and found.position == position else None

    def _forget_the_oldest(self) -> None:
        if len(self._claims) > 8 * REACH:
            places = sorted(self._claims)
            last = places[-4 * REACH]
            self._sound = Head(last, self._claims[last])
            self._claims = {place: self._claims[place] for place in places[-4 * REACH :]}

    def _say(self, kind: str, event: RecordedEvent | None, message: str, count: int = 1, *, at: int = 0) -> None:
        if len(self._problems) >= MOST_LISTED:
            self._more += 1
            return
        stream, version = (_text(event.stream), _number(event.version)) if event is not None else (None, None)
        self._problems.append(Problem(kind, event.position if event is not None else at, stream, version, message, count))


def _recorded_as(event: RecordedEvent, offset: int) -> int | None:
    """The position for which *event* was recorded, as far as its own columns tell."""
    around = event.position + offset
    for distance in range(REACH + 1):
        for position in {around + distance, around - distance}:
            if digest_of(event, position=position) == event.hash:
                return position
    return None


def _mistyped(event: RecordedEvent) -> str | None:
    for column, value in zip(event._fields, event, strict=True):
        if type(value) is not _TYPES[column]:
            return column
    return next((name for name in ("previous_hash", "hash") if len(getattr(event, name)) != 32), None)


def _text(value: object) -> str:
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else repr(value)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _events(first: int, count: int) -> str:
    return f"event {first}" if count == 1 else f"events {first} to {first + count - 1}"


def _are(count: int, *, past: bool = False) -> str:
    return ("was" if past else "is") if count == 1 else ("were" if past else "are")
