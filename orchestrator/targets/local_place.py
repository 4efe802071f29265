"""The directory that a `local` slot deploys to: whose it is, which releases it holds, which one is current.

    PATH/.pop-deploy.json             marker: which slot this place belongs to
    PATH/releases/NAME/               the contents of a source at one deployment
    PATH/releases/NAME.json           its record, written before the directory gets its name
    PATH/releases/NAME.partial/       being copied, or being removed; swept when its deployment is dead
    PATH/current -> releases/NAME
    PATH/shared/                      what every release links to
    PATH/logs/NAME.log                output of the service that runs that release
    PATH/run/service.json             which process the service is

Not here: copying and pruning (`local_releases.py`), the service (`local_service.py`). Start at `Place`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Release, Slot
from orchestrator.targets.base import ForeignResource, StepError, Unreachable

MARKER = ".pop-deploy.json"
PARTIAL = ".partial"
SCHEMA = 1

DRAFT = ".new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one release directory.

    Attributes:
        sequence: Counts the releases of a place; clocks that jump cannot change their order.
        digest: Of the contents as they were copied, ``sha256:<hex>``.
        run: ``{"argv", "env", "drain_s"}`` of the service, with references to secrets only; None without a service.
    """

    name: str
    version: str
    commit_sha: str | None
    deployment_id: str
    sequence: int
    digest: str
    files: int
    bytes: int
    run: Mapping[str, Any] | None

    def outcome(self) -> dict[str, Any]:
        """The data of the step that made this release."""
        return {"directory": self.name, "digest": self.digest, "files": self.files, "bytes": self.bytes}

    def release(self, path: str) -> Release:
        return Release(
            version=self.version,
            commit_sha=self.commit_sha,
            deployment_id=self.deployment_id,
            artifacts={"source": self.digest},
            detail={"path": path, "directory": self.name, "run": self.run, "sizes": {"source": self.bytes}},
        )


@dataclass(frozen=True, slots=True)
class Place:
    """One slot's directory; *root* is absolute. Methods named like facts only read."""

    root: Path
    slot: Slot
    adopt: bool = False

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def service_file(self) -> Path:
        return self.root / "run" / "service.json"

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"

    def directory(self, name: str) -> Path:
        return self.releases / name

    def partial(self, name: str) -> Path:
        return self.releases / f"{name}{PARTIAL}"

    def record_file(self, name: str) -> Path:
        return self.releases / f"{name}.json"

    def is_ours(self) -> bool:
        """True when the marker names this slot, False when nothing stands here yet (or `adopt` lets us take it over).

        Raises:
            ForeignResource: Something stands here that is not this slot's, and `adopt` is not set.
            Unreachable: The directory cannot be read.
        """
        try:
            owner = self._owner()
        except OSError as error:
            raise Unreachable(f"cannot read {error.filename}: {error.strerror}. Deploy as a user who may.") from error
        if owner is None or owner == _identity(self.slot):
            return owner is not None
        if not self.adopt:
            raise ForeignResource(
                f"{self.root} {_whose(owner)}. Give {self.slot} a path of its own, or set adopt: true to take it over."
            )
        return False

    def current_name(self) -> str | None:
        """Name of the release that `current` points to; None without one.

        Raises:
            ForeignResource: `current` is something we did not make, and `adopt` is not set.
        """
        target = _readlink(self.current)
        if target is None:
            return None
        name = target.removeprefix("releases/")
        if f"releases/{name}" == target and "/" not in name and self.record(name) is not None:
            return name
        if self.adopt:
            return None
        shown = f"points to {target}" if target else "is no symbolic link"
        raise ForeignResource(f"{self.current} {shown}, which {self.slot} has not made. Move it away, or set adopt: true.")

    def record(self, name: str) -> Record | None:
        """The record of release *name* of this slot; None unless both record and directory are there."""
        found = read_json(self.record_file(name))
        if found is None or found.get("slot") != _identity(self.slot) or not self.directory(name).is_dir():
            return None
        return Record(name=name, **found["release"])

    def records(self) -> list[Record]:
        """All releases of this slot, oldest first."""
        names = [path.stem for path in self.releases.glob("*.json")] if self.releases.is_dir() else []
        return sorted((record for name in names if (record := self.record(name))), key=lambda record: record.sequence)

    def claim(self) -> None:
        """Make this place ours: create it, and put the marker in.

        Raises:
            ForeignResource: It is somebody else's, also when they came a moment before us.
            OSError: It cannot be created.
        """
        if not self.is_ours():
            self.root.mkdir(parents=True, exist_ok=True)
            marker = {"schema": SCHEMA, **_identity(self.slot)}
            write_json(self.root / MARKER, marker, replace=self.adopt)
            self.is_ours()
        self.releases.mkdir(exist_ok=True)
        for private in ("logs", "run"):
            (self.root / private).mkdir(mode=0o700, exist_ok=True)

    def write_record(self, record: Record) -> None:
        release = asdict(record)
        del release["name"]
        write_json(self.record_file(record.name), {"schema": SCHEMA, "slot": _identity(self.slot), "release": release})

    def switch(self, name: str) -> None:
        """Point `current` to release *name*, atomically and durably.

        Raises:
            StepError: `current` is a real directory; nothing was changed.
            OSError: The link cannot be made.
        """
        if self.current.is_dir() and not self.current.is_symlink():
            raise StepError(f"{self.current} is a directory, not a link: move it away and run again.", effect=False)
        temporary = self.root / f".current{DRAFT}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(f"releases/{name}")
        temporary.rename(self.current)
        sync_directory(self.root)

    def _owner(self) -> dict[str, Any] | None:
        """What the marker says; None when nothing stands here; an empty dict when it is somebody's without a marker."""
        if not self.root.is_dir():
            return {} if os.path.lexists(self.root) else None
        marker = self.root / MARKER
        if not marker.exists():
            strange = [entry for entry in self.root.iterdir() if not _is_harmless(entry.name)]
            return {} if strange else None
        return {key: value for key, value in (read_json(marker) or {}).items() if key != "schema"}


def release_name(version: str, deployment_id: str) -> str:
    """Directory name of the release that *deployment_id* makes of *version*: ``1.2.0-deploy-20260318-143022-k3f9``."""
    readable = re.sub(r"[^A-Za-z0-9._+-]", "_", version)[:80].lstrip(".-")
    return f"{readable or '_'}-{deployment_id}"


def write_json(path: Path, value: Mapping[str, Any], *, mode: int = 0o644, replace: bool = True) -> None:
    """Write *value* so that a reader sees all of it or nothing, also after a power cut.

    With *replace* unset an existing file stays as it is, whoever wrote it.
    """
    # A name of its own: two who claim a place at once must not write into each other's draft.
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}{DRAFT}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        temporary.rename(path)
    else:
        _link_unless_there(temporary, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_unless_there(temporary: Path, path: Path) -> None:
    # A hard link is the one way to create a file exclusively and with its contents complete.
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return  # the caller reads whose it is
    finally:
        temporary.unlink()


def _identity(slot: Slot) -> dict[str, str]:
    return {"project": slot.project, "environment": slot.environment, "target": slot.target}


def _is_harmless(name: str) -> bool:
    """What an administrator may have put there before the first deployment, or a killed claim has left."""
    return name in {"shared", "lost+found"} or (name.startswith(MARKER) and name.endswith(DRAFT))


def _whose(owner: Mapping[str, Any]) -> str:
    if not owner:
        return "is not empty and has no marker of ours"
    return f"belongs to {owner.get('project')} {owner.get('environment')}/{owner.get('target')}"


def _readlink(path: Path) -> str | None:
    """Target of a link; "" for something else; None for nothing."""
    try:
        return os.readlink(path)  # noqa: PTH115 - Path.readlink would tidy up the target
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return {}  # not ours: we only ever put whole documents there
    return value if isinstance(value, dict) else {}
