"""Release directories of a `local` slot: copied whole or not at all, kept for the way back, pruned when old.

Not here: which files and how (`local_copy.py`), names and records (`local_place.py`), the service. Start at `make_release`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.excludes import Excludes
from orchestrator.targets.base import StepError
from orchestrator.targets.local_copy import Copied, Tick, copy_file, copy_tree, opened_directory, reason
from orchestrator.targets.local_place import DRAFT, PARTIAL, Place, Record, sync_directory


def make_release(
    place: Place, name: str, source: Path, excludes: Excludes, facts: Mapping[str, Any], tick: Tick
) -> tuple[Record, Copied]:
    """Copy *source* to release *name* of *place*, durably and under its name only when complete.

    Args:
        source: Absolute, without a link in it.
        facts: ``version``, ``commit_sha``, ``deployment_id``, ``run`` and ``shared``: what to link instead of copying, each name
            with where the source has it (without a link in it, too).

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
    place: Place, source: Path, partial: Path, excludes: Excludes, shared: Mapping[str, Path], tick: Tick
) -> tuple[Copied, str]:
    copied, digest = copy_tree(source, partial, excludes, tick)
    if not copied.files:
        message = f"{source} holds nothing to release. Check `source`, `exclude` and what `build` leaves there."
        raise StepError(message, effect=False)
    for entry, original in shared.items():
        _link_shared(place, original, partial, entry, tick)
    return copied, digest


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


def _link_shared(place: Place, original: Path, release: Path, entry: str, tick: Tick) -> None:
    link, real = release / entry, place.shared / entry
    if not os.path.lexists(real):
        _first_shared(original, real, tick)
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
        with opened_directory(original.parent) as directory:
            copy_file(original, directory, draft, Copied(), tick)
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
