"""Copying a directory tree: which of it, how, and how much. Nothing here knows releases.

What is copied is decided by `walk`, which `measure` uses too, so that a dry run judges exactly what a live run takes. No link is
ever followed: a link is copied as one, refused where it would lead elsewhere in the copy, and told of where it leads out of the
source. Directories are entered and files opened by what was listed, not by their paths again, so a link that somebody puts in
their place meanwhile leads nowhere. Start at `copy_tree`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from orchestrator.domain.excludes import Excludes
from orchestrator.targets.base import StepError

BLOCK_BYTES = 1 << 20
DEEPEST = 200
"""Directories within directories: far beyond any real source, and well within what `shutil.rmtree` can remove again."""

Tick = Callable[["Copied"], None]
"""Called often while copying: shows progress, raises when the step has to stop."""


@dataclass(slots=True)
class Copied:
    """How much of a source was copied, or would be.

    Attributes:
        skipped: Sockets, pipes and devices.
        escaping: Relative links out of the source, which cannot be copied.
        absolute: Absolute links out of the source, which lead to the same place in a release.
    """

    files: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    escaping: list[str] = field(default_factory=list)
    absolute: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.files} file{'' if self.files == 1 else 's'}, {size(self.bytes)}"


class Found(NamedTuple):
    """Something in a tree. *directory* is a descriptor of the directory that holds *entry*, open while it is looked at."""

    relative: str
    entry: os.DirEntry[str]
    directory: int


def copy_tree(source: Path, destination: Path, excludes: Excludes, tick: Tick) -> tuple[Copied, str]:
    """Copy what `walk` yields; returns what was copied, and the digest of names, executable bits and contents."""
    copied, digest = Copied(), hashlib.sha256()
    destination.mkdir()
    for found in walk(source, excludes):
        relative, entry, _ = found
        tick(copied)
        target = destination / relative
        if entry.is_symlink():
            content = _copy_link(found, source, target, copied)
        elif entry.is_dir():
            target.mkdir()
            # Ours to write in any case: a release must stay removable.
            target.chmod(entry.stat().st_mode & 0o777 | stat.S_IRWXU)
            content = "directory"
        elif entry.is_file():
            content = copy_file(source / relative, found.directory, target, copied, tick)
            copied.files += 1
        else:
            copied.skipped.append(relative)
            continue
        digest.update(os.fsencode(f"{relative}\0{content}\0"))
    return copied, f"sha256:{digest.hexdigest()}"


def measure(source: Path, excludes: Excludes) -> Copied:
    """What `copy_tree` would copy; reads names and sizes only. Raises OSError for what may not be read."""
    sum_ = Copied()
    for found in walk(source, excludes):
        relative, entry, directory = found
        if entry.is_symlink():
            leads_to = os.readlink(entry.name, dir_fd=directory)
            if _escapes(relative, leads_to):
                sum_.escaping.append(relative)
            elif _leads_out(source, leads_to):
                sum_.absolute.append(relative)
        elif entry.is_file():
            sum_.files += 1
            sum_.bytes += entry.stat().st_size
            _require_readable(found, source)
        elif not entry.is_dir():
            sum_.skipped.append(relative)
    return sum_


def walk(root: Path, excludes: Excludes) -> Iterator[Found]:
    """Everything in *root* that is not excluded, directories before their contents, in the order of names.

    Args:
        root: Absolute, without a link in it.

    Raises:
        OSError: A directory cannot be read, or is another one than was listed.
    """
    with opened_directory(root) as descriptor:
        yield from _walk(root, excludes, "", descriptor)


def _walk(root: Path, excludes: Excludes, below: str, directory: int) -> Iterator[Found]:
    if below.count("/") > DEEPEST:
        raise OSError(errno.ENAMETOOLONG, f"nested deeper than {DEEPEST} directories", str(root / below))
    with os.scandir(directory) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        relative = f"{below}{entry.name}"
        if not excludes.skips(root, relative):
            yield Found(relative, entry, directory)
            if entry.is_dir(follow_symlinks=False):
                with opened_directory(root / relative, entry.name, directory) as descriptor:
                    yield from _walk(root, excludes, f"{relative}/", descriptor)


@contextmanager
def opened_directory(path: Path, name: str | None = None, inside: int | None = None) -> Iterator[int]:
    """A descriptor of the directory *path*, never of what a link leads to: *name* in the open directory *inside*, or, where
    both are left out, *path* itself, which must be absolute and without a link anywhere in it.

    Raises:
        OSError: It cannot be opened, or has become a link.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path if name is None else name, flags, dir_fd=inside)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        if name is None and Path(f"/proc/self/fd/{descriptor}").readlink() != path:
            raise OSError(errno.ELOOP, "a link was put in its way", str(path))
        yield descriptor
    finally:
        os.close(descriptor)


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


def copy_file(source: Path, directory: int, target: Path, copied: Copied, tick: Tick) -> str:
    """Copy the file *source*, which *directory* holds; returns what of it counts in a digest."""
    digest = hashlib.sha256()
    with os.fdopen(_open_regular(source, directory), "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:  # noqa: PTH123
        while block := reader.read(BLOCK_BYTES):
            digest.update(block)
            _write_all(writer.fileno(), block, target)
            copied.bytes += len(block)
            tick(copied)
        status = os.fstat(reader.fileno())
        os.fchmod(writer.fileno(), status.st_mode & 0o777)  # no set-user-id bits: the copy belongs to whoever deploys
        os.utime(writer.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"{'program' if status.st_mode & 0o100 else 'file'} {digest.hexdigest()}"


def _open_regular(source: Path, directory: int) -> int:
    # Not blocking and not through a link: what was a file a moment ago may be a pipe now.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(source.name, flags, dir_fd=directory)
    except OSError as error:
        error.filename = str(source)
        raise


def _write_all(descriptor: int, block: bytes, path: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        error.filename = error.filename or str(path)  # the system names no file when a write fails
        raise


def _copy_link(found: Found, source: Path, target: Path, copied: Copied) -> str:
    leads_to = os.readlink(found.entry.name, dir_fd=found.directory)
    if _escapes(found.relative, leads_to):
        raise StepError(
            f"{source / found.relative} is a link to {leads_to}, which lies outside the source: in a release it would lead "
            "elsewhere. Make it absolute, or exclude it.",
            effect=False,
        )
    if _leads_out(source, leads_to):
        copied.absolute.append(found.relative)
    target.symlink_to(leads_to)
    return f"-> {leads_to}"


def _escapes(relative: str, leads_to: str) -> bool:
    return os.path.normpath(os.path.join(os.path.dirname(relative), leads_to)).split("/")[0] == ".."  # noqa: PTH118, PTH120


def _leads_out(source: Path, leads_to: str) -> bool:
    return leads_to.startswith("/") and not Path(os.path.normpath(leads_to)).is_relative_to(source)


def _require_readable(found: Found, source: Path) -> None:
    if not os.access(found.entry.name, os.R_OK, dir_fd=found.directory):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source / found.relative))
