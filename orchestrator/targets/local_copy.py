"""Copying a directory tree: which of it, how, and how much. Nothing here knows releases.

What is copied is decided by `walk`, which `measure` uses too, so that a dry run judges exactly what a live run takes. Start at
`copy_tree`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.excludes import Excludes
from orchestrator.targets.base import StepError

BLOCK_BYTES = 1 << 20
DEEPEST = 200
"""Directories within directories: far beyond any real source, and well within what `shutil.rmtree` can remove again."""

Tick = Callable[["Copied"], None]
"""Called often while copying: shows progress, raises when the step has to stop."""


@dataclass(slots=True)
class Copied:
    """How much of a source was copied, or would be. *skipped* names sockets, pipes and devices; *escaping* links out of it."""

    files: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    escaping: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.files} file{'' if self.files == 1 else 's'}, {size(self.bytes)}"


def copy_tree(source: Path, destination: Path, excludes: Excludes, tick: Tick) -> tuple[Copied, str]:
    """Copy what `walk` yields; returns what was copied, and the digest of names, executable bits and contents."""
    copied, digest = Copied(), hashlib.sha256()
    destination.mkdir()
    for relative, entry in walk(source, excludes):
        tick(copied)
        target = destination / relative
        if entry.is_symlink():
            content = _copy_link(Path(entry.path), target, relative)
        elif entry.is_dir():
            target.mkdir()
            # Ours to write in any case: a release must stay removable.
            target.chmod(entry.stat().st_mode & 0o777 | stat.S_IRWXU)
            content = "directory"
        elif entry.is_file():
            content = _copy_file(entry.path, target, copied, tick)
            copied.files += 1
        else:
            copied.skipped.append(relative)
            continue
        digest.update(os.fsencode(f"{relative}\0{content}\0"))
    return copied, f"sha256:{digest.hexdigest()}"


def measure(source: Path, excludes: Excludes) -> Copied:
    """What `copy_tree` would copy; reads names and sizes only. Raises OSError for what may not be read."""
    found = Copied()
    for relative, entry in walk(source, excludes):
        if entry.is_symlink():
            if _escapes(relative, os.readlink(entry.path)):  # noqa: PTH115 - as it is written, untidied
                found.escaping.append(relative)
        elif entry.is_file():
            found.files += 1
            found.bytes += entry.stat().st_size
            _require_readable(entry.path)
        elif not entry.is_dir():
            found.skipped.append(relative)
    return found


def walk(root: Path, excludes: Excludes, below: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in *root* that is not excluded, directories before their contents, in the order of names."""
    if below.count("/") > DEEPEST:
        raise OSError(errno.ENAMETOOLONG, f"nested deeper than {DEEPEST} directories", str(root / below))
    with os.scandir(root / below) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        relative = f"{below}{entry.name}"
        if not excludes.skips(root, relative):
            yield relative, entry
            if entry.is_dir(follow_symlinks=False):
                yield from walk(root, excludes, f"{relative}/")


def size(count: float) -> str:
    """*count* bytes for people: ``4.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} GB" if count >= 1000 else f"{count:.3g} GB"


def reason(error: OSError) -> str:
    """The system's words, the file, and what to do where it is known."""
    said = f"{error.strerror}: {error.filename}" if error.filename else str(error)
    hints = {errno.ENOSPC: "Free some space on that disk", errno.EDQUOT: "Free some of your quota", errno.EACCES: "Grant access"}
    hint = hints.get(error.errno or 0)
    return f"{said}. {hint} and run it again." if hint else f"{said}."


def _copy_file(source: str, target: Path, copied: Copied, tick: Tick) -> str:
    digest = hashlib.sha256()
    with open(source, "rb", buffering=0, opener=_open_regular) as reader, open(target, "xb", buffering=0) as writer:  # noqa: PTH123
        while block := reader.read(BLOCK_BYTES):
            digest.update(block)
            _write_all(writer.fileno(), block, target)
            copied.bytes += len(block)
            tick(copied)
        found = os.fstat(reader.fileno())
        os.fchmod(writer.fileno(), found.st_mode & 0o777)  # no set-user-id bits: the copy belongs to whoever deploys
        os.utime(writer.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
    return f"{'program' if found.st_mode & 0o100 else 'file'} {digest.hexdigest()}"


def _open_regular(path: str, flags: int) -> int:
    # Not blocking and not through a link: what was a file a moment ago may be a pipe now.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _write_all(descriptor: int, block: bytes, path: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        error.filename = error.filename or str(path)  # the system names no file when a write fails
        raise


def _copy_link(source: Path, target: Path, relative: str) -> str:
    leads_to = os.readlink(source)  # noqa: PTH115
    if _escapes(relative, leads_to):
        raise StepError(
            f"{source} is a link to {leads_to}, which lies outside the source: in a release it would lead elsewhere. "
            "Make it absolute, or exclude it.",
            effect=False,
        )
    target.symlink_to(leads_to)
    return f"-> {leads_to}"


def _escapes(relative: str, leads_to: str) -> bool:
    return os.path.normpath(os.path.join(os.path.dirname(relative), leads_to)).split("/")[0] == ".."  # noqa: PTH118, PTH120


def _require_readable(path: str) -> None:
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
