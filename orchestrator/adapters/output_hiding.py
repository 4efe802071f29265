"""Takes known values out of what a command prints, before it reaches the disc. `launcher.py` imports it when there are any.

Bytes and their plain forms only: what takes more understanding is masked later, by `domain/masking.py`. It imports nothing,
because a step waits for it. Start at `Hidden`.
"""

HELD_BYTES = 256 << 10
"""More is not held back: a value that goes on repeating itself would be, for ever."""


class Hidden:
    """A command's output without *values*, the longer ones first.

    Each stream for itself, because the other one may come in between; and where one goes on with what the other one has begun,
    both together.
    """

    def __init__(self, values: list[bytes], out: int, err: int) -> None:
        self._streams = {out: Hide(values), err: Hide(values)}
        self._both = Hide(values)

    def feed(self, fd: int, data: memoryview) -> tuple[bytes, bytes]:
        """What can be written now of both, and of that stream alone."""
        text = bytes(data)
        for other, hide in self._streams.items():
            if other != fd:
                text = hide.finished_by(text)
        own = self._streams[fd].feed(text)
        return self._both.feed(own), own

    def close(self) -> list[tuple[bytes, bytes]]:
        """The rest: pieces of both, and beside each what it has of stderr."""
        out, err = (hide.close() for hide in self._streams.values())
        return [(self._both.feed(out), b""), (self._both.feed(err), err), (self._both.close(), b"")]


class Hide:
    """One stream. Holds back what may be the beginning of a value, until more comes or `close`."""

    def __init__(self, values: list[bytes]) -> None:
        self._values = values
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be written now."""
        text = self._held + data
        cut = self._safe_end(text)
        self._held = text[cut:]
        return self._hidden(text[:cut])

    def finished_by(self, data: bytes) -> bytes:
        """*data* of another stream, without the end of a value that this one has begun."""
        for value in self._values if self._held else ():
            for size in range(min(len(self._held), len(value) - 1), 0, -1):
                if self._held.endswith(value[:size]) and data.startswith(value[size:]):
                    self._held = self._held[:-size] + b"***"
                    return data[len(value) - size :]
        return data

    def close(self) -> bytes:
        """The rest."""
        text, self._held = self._held, b""
        return self._hidden(text)

    def _safe_end(self, text: bytes) -> int:
        """Where *text* can be cut without cutting a value, be it whole or only begun."""
        cut = min(_unfinished(value, text) for value in self._values)
        moved = True
        while moved and len(text) - cut < HELD_BYTES:
            moved = False
            for value in self._values:
                at = text.find(value, max(0, cut - len(value) + 1), cut + len(value) - 1)
                if 0 <= at < cut:
                    cut, moved = at, True
        return cut

    def _hidden(self, text: bytes) -> bytes:
        for value in self._values:
            text = text.replace(value, b"***")
        return text


def _unfinished(value: bytes, text: bytes) -> int:
    """Where the last bytes of *text* are the beginning of *value*; its length if they are not."""
    at = text.find(value[:1], max(0, len(text) - len(value) + 1))
    while at >= 0 and not value.startswith(text[at:]):
        at = text.find(value[:1], at + 1)
    return at if at >= 0 else len(text)
