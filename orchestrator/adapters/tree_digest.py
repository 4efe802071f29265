"""One digest for the contents of files and directories: `tree_digest`. The same trees give the same digest on every machine.

What counts: names, whether something is a file, a link or a directory, the bytes of files and whether their owner may execute
them, where links lead. What does not: times, owners, other permissions, sockets, pipes and devices. ``.git`` never counts either,
at any depth, although a build context may hold it: it changes with every fetch and every `git status`, and the commit is an input
of the plan of its own. Links inside a tree are not followed.
"""
# ruff: noqa: PTH115 - with pathlib, a tree of many small files takes twice as long

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from orchestrator.domain.dockerignore import DockerIgnore
from orchestrator.domain.errors import PopDeployError, UsageProblem
from orchestrator.domain.excludes import Excludes

BLOCK_BYTES = 1 << 20
ALWAYS_IGNORED = ".git"

Entry = tuple[bytes, str, bytes]
"""``F`` file, ``L`` link, ``D`` directory or ``-`` missing; the name from the top of its tree; what fixes its contents."""


class TreeUnreadable(PopDeployError):
    """Something in a tree cannot be read, so nobody can say whether it has changed."""


def tree_digest(
    paths: Iterable[Path],
    *,
    root: Path,
    excludes: Excludes | None = None,
    ignore: Sequence[Path] = (),
    dockerignore: bool = False,
) -> str:
    """SHA-256 over all that lies at *paths*, as ``sha256:<hex>``. Memory does not grow with the size of files.

    Args:
        paths: Files and directories, in any order. One that is missing counts as missing. A link here is followed.
        root: Names count from here, so that a project may be moved.
        excludes: What is left out of the directories.
        ignore: Our own directories, wherever they lie. That a directory exists which holds one does not count either.
        dockerignore: Leave out of each directory what its ``.dockerignore`` does. Where a Dockerfile among *paths* has one of
            its own (``Dockerfile.dockerignore``), which only one of Docker's two builders obeys, left out is what both leave out.

    Raises:
        TreeUnreadable: Permissions, or a name that is too long; the message names the path.
        UsageProblem: A ``.dockerignore`` that Docker would refuse.
    """
    excludes = excludes or Excludes()
    inputs = sorted({os.path.realpath(path) for path in paths})
    places = frozenset(os.path.realpath(path) for path in (*ignore, *excludes.places))
    own = [rules for path in inputs if dockerignore and (rules := _rules(f"{path}.dockerignore"))]
    base, digest = os.path.realpath(root), hashlib.sha256()
    for top in inputs:
        docker = [*own, *([rules] if dockerignore and (rules := _rules(f"{top}/.dockerignore")) else [])]
        name = os.path.relpath(top, base)
        for kind, relative, content in _entries(top, _Filter(Path(top), excludes, places, tuple(docker))):
            digest.update(b"%c%b\0%b" % (kind, os.fsencode(f"{name}/{relative}"), content))
    return f"sha256:{digest.hexdigest()}"


class _Filter(NamedTuple):
    """What of one tree counts. *docker* holds the rules that all have to agree on what is left out."""

    top: Path
    excludes: Excludes
    places: frozenset[str]
    docker: tuple[DockerIgnore, ...]

    def leaves_out(self, path: str, relative: str) -> bool:
        """Together with all below it."""
        return relative.rpartition("/")[2] == ALWAYS_IGNORED or path in self.places or self.excludes.skips(self.top, relative)

    def counts(self, relative: str) -> bool:
        return not self.docker or not all(rules.skips(relative) for rules in self.docker)

    def enters(self, relative: str) -> bool:
        return self.counts(relative) or any(rules.may_bring_back(relative) for rules in self.docker)


def _entries(top: str, only: _Filter) -> Iterator[Entry]:
    buffer = memoryview(bytearray(BLOCK_BYTES))
    if not os.path.isdir(top):  # noqa: PTH112
        yield _read(top, "", buffer) or (b"-", "", b"")
        return
    # A directory that holds one of ours may have been made by us: its contents count, its existence does not.
    holders = {str(parent) for place in only.places for parent in Path(place).parents}
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        for name, path, is_directory in reversed(_listed(f"{top}/{directory}".rstrip("/"))):
            relative = f"{directory}/{name}" if directory else name
            if only.leaves_out(path, relative):
                continue
            if is_directory and only.enters(relative):
                waiting.append(relative)
            if only.counts(relative) and path not in holders and (entry := _entry(path, relative, is_directory, buffer)):
                yield entry


def _listed(directory: str) -> list[tuple[str, str, bool]]:
    """Name, path and whether it is a directory, of all in *directory*, by name."""
    try:
        with os.scandir(directory) as entries:
            found = [(entry.name, entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:  # removed while we walked: then it is not there
        return []
    except OSError as error:
        raise _unreadable(directory, error) from error
    return sorted(found, key=lambda entry: os.fsencode(entry[0]))


def _entry(path: str, relative: str, is_directory: bool, buffer: memoryview) -> Entry | None:
    return (b"D", relative, b"") if is_directory else _read(path, relative, buffer)


def _read(path: str, relative: str, buffer: memoryview) -> Entry | None:
    """A link or a file; None for what is neither, or gone."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return b"L", relative, os.fsencode(os.readlink(path)) + b"\0"
        if stat.S_ISREG(mode):
            return b"F", relative, (b"x" if mode & stat.S_IXUSR else b"-") + _content(path, buffer)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    return None


def _content(path: str, buffer: memoryview) -> bytes:
    """Digest of the bytes of a file; of its own, because its length may change while it is read."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        while size := os.readv(descriptor, [buffer]):
            digest.update(buffer[:size])
    finally:
        os.close(descriptor)
    return digest.digest()


def _rules(path: str) -> DockerIgnore | None:
    try:
        return DockerIgnore.parse(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise UsageProblem(f"{path}: {error}") from error


def _unreadable(path: str, error: OSError) -> TreeUnreadable:
    return TreeUnreadable(
        f"{path}: cannot be read: {error.strerror}. Whether it has changed cannot be told; allow reading it, or exclude it."
    )
