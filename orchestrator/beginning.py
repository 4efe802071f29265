"""What `init` works with, wired: `init_surroundings`; and which files of the project are there. `bootstrap` wires the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator import bootstrap

if TYPE_CHECKING:
    from orchestrator.services.init import Surroundings


def needed_files(directory: str, targets: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """(target, file, whether it is there) of what *targets* need."""
    from orchestrator.adapters import setup_files

    return setup_files.needed(directory, targets)


def usual_files(directory: str) -> list[str]:
    """What is there of the files that targets usually need."""
    from orchestrator.adapters import setup_files

    return setup_files.usual(directory)


def has_version(directory: str) -> bool:
    """Whether the project says its version; git is asked last. What cannot be read counts: whoever needs it names the mistake."""
    from pathlib import Path

    from orchestrator.adapters import version
    from orchestrator.domain.errors import PopDeployError

    try:
        return version.detect(Path(directory).absolute(), None) is not None or bool(bootstrap.project_facts(directory).version)
    except PopDeployError:
        return True


def init_surroundings(
    directory: str, store: str | None = None, *, warn: Callable[[str], None] = lambda message: None
) -> Surroundings:
    """What `init` works with; nothing is read before it asks. *warn* is told why its change could not be put on record."""
    from datetime import UTC, datetime
    from pathlib import Path

    from orchestrator import config
    from orchestrator.adapters import data_directory, detect, detect_defaults
    from orchestrator.adapters.deploy_json import DeployJsonFile
    from orchestrator.services.init import Surroundings
    from orchestrator.targets import registry

    project = Path(directory).absolute()
    path = data_directory.deploy_json(data_directory.data_directory(directory))

    def check(raw: bytes) -> object:
        return config.parse(
            raw, Path(path).name, config_types=registry.config_type, kinds=tuple(registry.KINDS), project_dir=project
        )

    return Surroundings(
        file=DeployJsonFile(path),
        path=path,
        suggestions=lambda: detect.detect(project),
        initial=lambda targets, now: detect.initial_document(project, targets, created_at=now),
        renewed=detect.renewed_document,
        check=check,
        now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        version=lambda: bootstrap.project_facts(directory).version,
        show=lambda shown: str(Path(shown).relative_to(project)) if Path(shown).is_relative_to(project) else shown,
        default=lambda kind: detect_defaults.default_target(project, kind),
        kinds=tuple(detect_defaults.DEFAULTS),
        note=lambda before, after: _note_init(directory, store, before, after, warn),
    )


def _note_init(
    directory: str, store: str | None, before: Mapping[str, Any] | None, after: Mapping[str, Any], warn: Callable[[str], None]
) -> None:
    """Where something was ever recorded, say that this change is no edit from outside."""
    from contextlib import closing
    from pathlib import Path

    from eventstore.errors import EventStoreError
    from orchestrator.adapters import identity
    from orchestrator.domain.errors import PopDeployError
    from orchestrator.domain.masking import Masker
    from orchestrator.services.configuration import note_own

    masker = Masker(after.get("redact", ()))
    try:
        bootstrap.open_reader(directory, store).close()  # makes none where there is none
        with closing(bootstrap.open_store(directory, store)) as opened:
            actor = masker.mask(identity.actor(None, os.environ, Path(directory).absolute()))
            host = identity.here().host
            note_own(opened, after["project_name"], before, after, actor=actor, host=host, mask=masker)
    except bootstrap.NoStore:
        return
    except (PopDeployError, EventStoreError, OSError) as error:
        warn(f"this change of deploy.json is not on record as yours: {error}")
