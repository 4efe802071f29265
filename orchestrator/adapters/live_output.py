"""What the commands of a running attempt print, masked, for somebody who follows from another process.

It reads the files of their launchers (`launcher.py`), which hold the output as it came but for known secrets. Unlike
`spool.Follower`, which shows the newest to whoever watches, nothing that is still there is left out. Start at `LiveOutput`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.adapters.attempt import CommandDirectory
from orchestrator.adapters.launcher import HEAD_BYTES, SEGMENT_BYTES
from orchestrator.domain.masking import Masker, StreamMasker
from orchestrator.domain.settings import SecretRef


class LiveOutput:
    """The output of the attempt in *directory*. *masker* must know every secret that the attempt may print."""

    def __init__(self, directory: Path, masker: Masker) -> None:
        self._tail = AttemptTail(directory)
        self._stream = StreamMasker(masker)

    def read(self) -> bytes:
        """What can be shown since the last call."""
        return self._stream.feed(self._tail.read())


class AttemptTail:
    """The unmasked output of all commands in *directory*, one after another.

    What a launcher dropped before it was read is left out: it keeps the head and the newest two segments.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._position = 0
        self._done: set[str] = set()

    def read(self) -> bytes:
        """What came since the last call; empty when nothing did, or when the files have gone."""
        blocks = []
        for path in (commands := self._commands()):
            blocks.append(self._read(path))
            if path != commands[-1]:  # commands run one after another: the next one has begun, so this one has ended
                self._done.add(path.name)
                self._position = 0
        return b"".join(blocks)

    def _commands(self) -> list[Path]:
        try:
            begun = [path for path in self._directory.iterdir() if path.name not in self._done and (path / "claim").exists()]
            return sorted(begun, key=lambda path: CommandDirectory(path).claimed_at())
        except FileNotFoundError:
            return []

    def _read(self, command: Path) -> bytes:
        blocks: list[bytes] = []
        try:
            for number in sorted(int(path.name[4:]) for path in command.glob("out-*")):
                start = HEAD_BYTES + (number - 1) * SEGMENT_BYTES if number else 0
                self._position = max(self._position, start)
                blocks.append(_after(command / f"out-{number}", self._position - start))
                self._position += len(blocks[-1])
        except FileNotFoundError:  # dropped while we looked: the next call goes on with what is there
            return b"".join(blocks)
        return b"".join(blocks)


def references(document: Any) -> Iterator[SecretRef]:
    """Every reference to a secret that stands anywhere in *document*: ``{"env": NAME}`` and ``{"file": path}``."""
    if isinstance(document, dict):
        ((key, value),) = document.items() if len(document) == 1 else ((None, None),)
        if key in {"env", "file"} and isinstance(value, str):
            yield SecretRef(**{str(key): value})
        else:
            for item in document.values():
                yield from references(item)
    elif isinstance(document, list):
        for item in document:
            yield from references(item)


def _after(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()
