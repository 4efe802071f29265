"""What a command's launcher wrote: reads it while it grows, afterwards, and packs it for the event store.

It starts and waits for nothing. The files are described in `launcher.py`, which writes them.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

from orchestrator.adapters.launcher import HEAD_BYTES, SEGMENT_BYTES
from orchestrator.domain.masking import HOLD_CHARS, Masker

TAIL_BYTES = SEGMENT_BYTES
NEWEST_BYTES = 64 << 10
CHUNK_BYTES = 256 << 10


class Spool(NamedTuple):
    """A command's output as its launcher kept it, not masked further. *cut_bytes* are missing between *head* (1 MiB at most) and
    *tail* (4 MiB)."""

    head: bytes = b""
    tail: bytes = b""
    stderr_tail: bytes = b""
    total_bytes: int = 0
    cut_bytes: int = 0


class ExitRecord(NamedTuple):
    """The launcher's last word.

    Attributes:
        code: Exit code; 0 when ended by *signal*.
        signal: Number of the signal that ended it, or 0.
        timed_out: The launcher ended it because its time was up.
        forwarded: Number of the signal it was asked to stop with, or 0.
        bytes: All output, kept or not.
        spool_errno: Why output could not be stored (a full disc), or 0.
    """

    code: int
    signal: int
    timed_out: bool
    forwarded: int
    duration_ms: int
    bytes: int
    spool_errno: int


class PackedOutput(NamedTuple):
    """Output for the store.

    Attributes:
        chunks: Masked text, 256 kB each, zlib-compressed each on its own.
        digest: ``sha256:<hex>`` of the masked text, uncompressed.
        size_bytes: Of the masked text.
        cut_bytes: How much of the command's output is not in it; the text says so at the place.
    """

    chunks: tuple[bytes, ...]
    digest: str
    size_bytes: int
    cut_bytes: int


def read_exit(directory: Path) -> ExitRecord | None:
    """How the command ended, or None when that is not on record, or not as it was written (a damaged disc)."""
    try:
        lines = (directory / "exit").read_text().split("\n")
        values = {name: int(value) for name, value in (line.split() for line in lines if line.strip())}
        record = ExitRecord(**{**values, "timed_out": bool(values["timed_out"])})  # type: ignore[arg-type]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return record if all(0 <= number < 2**63 for number in values.values()) else None


def read_spool(directory: Path) -> Spool:
    """The output kept in *directory*; empty where nothing was ever written, no more than there is yet while it is written."""
    record, parts = read_exit(directory), {}
    for number in _segments(directory):
        with contextlib.suppress(FileNotFoundError):  # dropped while we looked: then it is not among the newest two
            parts[number] = (directory / f"out-{number}").read_bytes()
    head = parts.pop(0, b"")
    tail = b"".join(parts[number] for number in sorted(parts)[-2:])[-TAIL_BYTES:]
    last = max(parts, default=0)
    total = record.bytes if record else _start(last) + len(parts[last] if last else head)
    stderr = directory / "stderr"
    return Spool(head, tail, stderr.read_bytes() if stderr.exists() else b"", total, total - len(head) - len(tail))


class Follower:
    """Reads output while it is written, from the newest: who asks late is told the newest 64 kB, not all there was."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._position = 0

    def newest(self) -> bytes:
        """What came since the last call, its last 64 kB at most; empty when nothing came."""
        try:
            segments = _segments(self._directory)
            end = _end(self._directory, segments)
            start = max(self._position, end - NEWEST_BYTES)
            data = b"".join(self._part(number, start) for number in segments[-2:]) if end > start else b""
        except FileNotFoundError:  # a segment was dropped while we looked; the next call finds its successor
            return b""
        self._position = start + len(data)
        return data

    def _part(self, number: int, start: int) -> bytes:
        offset = start - _start(number)
        with (self._directory / f"out-{number}").open("rb") as file:
            file.seek(max(0, offset))
            return file.read(NEWEST_BYTES)


def spool_chunks(spool: Spool, masker: Masker) -> PackedOutput:
    """Mask and compress, for the store. Where output was cut, what could be half a secret is cut too."""
    text, cut_bytes = _masked(spool, masker)
    chunks = tuple(zlib.compress(text[at : at + CHUNK_BYTES], 1) for at in range(0, len(text), CHUNK_BYTES))
    return PackedOutput(chunks, f"sha256:{hashlib.sha256(text).hexdigest()}", len(text), cut_bytes)


def _masked(spool: Spool, masker: Masker) -> tuple[bytes, int]:
    if not spool.cut_bytes:
        return masker.mask_bytes(spool.head + spool.tail), 0
    # Only whole lines beside the cut; in one endless line, what could belong to a secret is left out.
    reach = max(HOLD_CHARS, masker.longest)
    line_end = spool.head.rfind(b"\n", max(0, len(spool.head) - NEWEST_BYTES)) + 1
    line_start = spool.tail.find(b"\n", 0, NEWEST_BYTES) + 1
    head = spool.head[: line_end or max(0, len(spool.head) - reach)]
    tail = spool.tail[line_start or reach :]
    cut_bytes = spool.total_bytes - len(head) - len(tail)
    notice = f"\n[... {cut_bytes:,} bytes of output cut here ...]\n".encode()
    return masker.mask_bytes(head) + notice + masker.mask_bytes(tail), cut_bytes


def _segments(directory: Path) -> list[int]:
    """Numbers of the segments that are there, ascending."""
    numbers = [path.name[4:] for path in directory.iterdir() if path.name.startswith("out-")]
    return sorted(int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 7)


def _start(number: int) -> int:
    return HEAD_BYTES + (number - 1) * SEGMENT_BYTES if number else 0


def _end(directory: Path, segments: list[int]) -> int:
    if not segments:
        return 0
    return _start(segments[-1]) + (directory / f"out-{segments[-1]}").stat().st_size
