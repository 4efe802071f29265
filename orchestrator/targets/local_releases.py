"""Release directories of a `local` slot: copied whole or not at all, kept for the way back, pruned when old.

Not here: names and records (`local_place.py`), switching and the service. Start at `make_release`. What is copied is decided by
`walk`, which the preflight's `measure` uses too, so that a dry run judges exactly what a live run takes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.domain.excludes import Excludes
from orchestrator.targets.base import StepError
from orchestrator.targets.local_place import DRAFT, PARTIAL, Place, Record, sync_directory

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


def make_release(
    place: Place, name: str, source: Path, excludes: Excludes, facts: Mapping[str, Any], tick: Tick
) -> tuple[Record, Copied]:
    """Copy *source* to release *name* of *place*, durably and under its name only when complete.

    Args:
        facts: ``version``, ``commit_sha``, ``deployment_id``, ``run`` and ``shared`` (names to link instead of copying).

    Raises:
        StepError: Nothing is left of the copy; the message names the file and the system's reason.
    """
    partial = place.partial(name)
    try:
        sweep(place)
        copied, digest = _copy_source(place, source, partial, excludes, facts["shared"], tick)
        known = {fact: facts[fact] for fact in ("version", "commit_sha", "deployment_id", "run")}
        sequence = max((record.sequence for record in place.records()), default=0) + 1
        made = Record(name=name, sequence=sequence, digest=digest, files=copied.files, bytes=copied.bytes, **known)
        _sync_filesystem(place.releases)
        place.write_record(made)
        partial.rename(place.directory(name))
        sync_directory(place.releases)
    except (OSError, StepError) as error:
        left = _discard(partial)
        if isinstance(error, StepError):
            raise
        message = f"cannot copy {source} to {place.directory(name)}: {reason(error)}{left}"
        raise StepError(message, effect=False) from error
    return made, copied


def _copy_source(
    place: Place, source: Path, partial: Path, excludes: Excludes, shared: Iterable[str], tick: Tick
) -> tuple[Copied, str]:
    copied, digest = copy_tree(source, partial, excludes, tick)
    if not copied.files:
        message = f"{source} holds nothing to release. Check `source`, `exclude` and what `build` leaves there."
        raise StepError(message, effect=False)
    for entry in shared:
        _link_shared(place, source, partial, entry, tick)
    return copied, digest


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


def sweep(place: Place) -> list[str]:
    """Remove what dead deployments left: half copies, half removals, records and logs without a release.

    Safe because the slot admits one deployment at a time: whatever is half done here is nobody's work any more.
    """
    swept = []
    for partial in sorted(place.releases.glob(f"*{PARTIAL}")):
        shutil.rmtree(partial)
        swept.append(partial.name)
    for directory in (place.root, place.releases, place.service_file.parent):
        for draft in directory.glob(f"*.json.*{DRAFT}"):
            draft.unlink()
    kept = {entry.name for entry in place.releases.iterdir() if entry.is_dir()}
    for stray in (*place.releases.glob("*.json"), *(place.root / "logs").glob("*.log")):
        if stray.stem not in kept:
            stray.unlink()
            swept.append(stray.name)
    return swept


def prune(place: Place, keep: int, protected: Iterable[str]) -> tuple[list[str], list[str]]:
    """Remove all but the newest *keep* releases and the *protected* ones.

    Returns:
        Names of what was removed, and a sentence for each release that could not be.
    """
    never = set(protected)
    removed, problems = [], []
    for record in place.records()[:-keep]:
        if record.name in never:
            continue
        try:
            # Renamed first: a removal that is interrupted must not look like a release.
            place.directory(record.name).rename(place.partial(record.name))
            removed.append(record.name)
        except OSError as error:
            problems.append(f"{record.name} stays: {reason(error)}")
    try:
        sweep(place)
    except OSError as error:
        problems.append(f"not all of what was removed could be deleted: {reason(error)}")
    return removed, problems


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


def _link_shared(place: Place, source: Path, release: Path, entry: str, tick: Tick) -> None:
    link, real = release / entry, place.shared / entry
    if not os.path.lexists(real):
        _first_shared(source / entry, real, tick)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.parent.resolve().is_relative_to(release.resolve()):
        raise StepError(f"shared {entry}: a link in the source leads its parent directory out of the release.", effect=False)
    link.symlink_to(os.path.relpath(real, link.parent))


def _first_shared(original: Path, real: Path, tick: Tick) -> None:
    """Start a shared path with what the source holds there; with an empty directory when it holds nothing."""
    real.parent.mkdir(parents=True, exist_ok=True)
    draft = real.with_name(f".{real.name}{PARTIAL}")  # beside it: `shared` may be a file system of its own
    _remove(draft)
    if original.is_dir():
        copy_tree(original, draft, Excludes(), tick)
    elif original.is_file():
        shutil.copy2(original, draft)
    else:
        draft.mkdir()
    draft.rename(real)


def _sync_filesystem(directory: Path) -> None:
    """Everything written so far reaches the disc: one call, where an fsync for each file costs a commit of the journal each."""
    import ctypes

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


def _discard(partial: Path) -> str:
    """Remove a half copy; "" or a sentence that says why it is still there."""
    try:
        _remove(partial)
    except OSError as error:
        return f" What was copied is still there: {reason(error)}"
    return ""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size(count: float) -> str:
    """*count* bytes for people: ``4.2 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def reason(error: OSError) -> str:
    """The system's words, the file, and what to do where it is known."""
    said = f"{error.strerror}: {error.filename}" if error.filename else str(error)
    hints = {errno.ENOSPC: "Free some space on that disk", errno.EDQUOT: "Free some of your quota", errno.EACCES: "Grant access"}
    hint = hints.get(error.errno or 0)
    return f"{said}. {hint} and run it again." if hint else f"{said}."
