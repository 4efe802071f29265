"""Writing a deploy.json for what is found in a project: `init`.

What is found, and how a document is made of it, the adapters know; here is decided what is chosen of it, that nothing is replaced
unasked, and that what is written can be read again. Not here: asking (`cli/commands/init.py`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.config.errors import ConfigMissing
from orchestrator.domain.errors import UsageProblem
from orchestrator.projections.init_result import InitResult, TargetFound

Document = dict[str, Any]

CI: dict[str, Document] = {
    "github_actions": {
        "provider": "github_actions",
        "triggers": {"push": ["main"], "tag": ["v*"]},
        "manual_only": False,
        "workflow_dispatch": False,
    },
    "manual_only": {"provider": None, "triggers": {}, "manual_only": True, "workflow_dispatch": False},
    "both": {
        "provider": "github_actions",
        "triggers": {"push": ["main"], "tag": ["v*"]},
        "manual_only": False,
        "workflow_dispatch": True,
    },
}
"""``--ci`` to what stands under ``ci``; passed on to other tools, never read by us."""


class AlreadyThere(UsageProblem):
    """There is a deploy.json, and nobody said that it may be replaced."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is there already; it was not touched. To detect again, keeping a backup, your own keys and the history: "
            "pop-deploy init --force"
        )
        self.path = path


class Suggestion(Protocol):
    """A target that was detected: *entry* is what would stand in the file, *why* what was seen."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def entry(self) -> Document: ...

    @property
    def why(self) -> str: ...


class Snapshot(Protocol):
    """The file as it was read."""

    @property
    def document(self) -> Document: ...


class ConfigFile(Protocol):
    """deploy.json; see `orchestrator.adapters.deploy_json`."""

    def read(self) -> Any: ...

    def create(self, document: Mapping[str, Any]) -> None: ...

    def replace(self, document: Mapping[str, Any], *, read: Any) -> None: ...

    def backup(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What `init` works with, wired by `bootstrap.py`.

    Attributes:
        initial: Document for suggestions, made at the given time.
        renewed: Document for a file that exists (first argument), from a fresh one.
        check: Raises `ConfigError` for the bytes of a file that could not be read back.
        show: A path as people see it.
        default: A target of a kind of which nothing was found; None for one that has no defaults (*kinds* have).
        note: Puts the change on record as ours where there is a store: the document before, or None, and after. Never raises.
    """

    file: ConfigFile
    path: str
    suggestions: Callable[[], Sequence[Any]]
    initial: Callable[[Sequence[Any], str], Document]
    renewed: Callable[[Mapping[str, Any], Mapping[str, Any]], Document]
    check: Callable[[bytes], object]
    now: Callable[[], str]
    version: Callable[[], str | None]
    show: Callable[[str], str]
    default: Callable[[str], Any]
    kinds: tuple[str, ...]
    note: Callable[[Mapping[str, Any] | None, Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asks for; None where detection decides.

    Attributes:
        targets: Names among those detected, or kinds that have defaults; they are written in this order, and switched on.
        primary: Any enabled target of the file.
        ci: A key of `CI`.
        force: An existing file may be replaced.
    """

    project_name: str | None = None
    targets: tuple[str, ...] | None = None
    primary: str | None = None
    ci: str | None = None
    force: bool = False


def init(around: Surroundings, wish: Wish, *, options: Sequence[str] = ()) -> InitResult:
    """Detect, choose, check, write.

    Args:
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.

    Raises:
        AlreadyThere: There is a file and *wish* does not allow to replace it.
        ConfigError: The existing file cannot be read, or the new one could not be.
        UsageProblem: A name that was not detected and is no kind with defaults, or a primary target that is switched off. Nothing
            was written in any case.
    """
    before = _existing(around)
    if before is not None and not wish.force:
        raise AlreadyThere(around.show(around.path))
    chosen = _chosen(around, wish.targets)
    document = _document(around, wish, chosen, before)
    around.check(json.dumps(document).encode())
    backup = _write(around, document, before)
    around.note(before.document if before is not None else None, document)
    return _result(around, document, chosen, backup, options)


def _existing(around: Surroundings) -> Snapshot | None:
    try:
        snapshot: Snapshot = around.file.read()
    except ConfigMissing:
        return None
    return snapshot


def _chosen(around: Surroundings, names: tuple[str, ...] | None) -> list[Suggestion]:
    found = around.suggestions()
    if names is None:
        return list(found)
    by_name = {suggestion.name: suggestion for suggestion in found}
    chosen = {name: by_name.get(name) or around.default(name) for name in names}
    unknown = [name for name, suggestion in chosen.items() if suggestion is None]
    if unknown or not names:
        there_are = ", ".join(dict.fromkeys((*by_name, *around.kinds)))
        raise UsageProblem(
            f"--targets: {', '.join(unknown) or 'no name'} was not detected here and is no kind of target that can be written; "
            f"there are: {there_are}"
        )
    return list(chosen.values())


def _document(around: Surroundings, wish: Wish, chosen: Sequence[Suggestion], before: Snapshot | None) -> Document:
    fresh = around.initial(chosen, around.now())
    if wish.targets is not None:
        # Who names a target means it, also one that publishes to the world.
        for entry in fresh["targets"].values():
            entry["enabled"] = True
    document = fresh if before is None else around.renewed(before.document, fresh)
    if wish.project_name is not None:
        document["project_name"] = wish.project_name
    if wish.ci is not None:
        document["ci"] = CI[wish.ci]
    _set_primary(document["targets"], wish, [suggestion.name for suggestion in chosen])
    return document


def _set_primary(targets: Document, wish: Wish, chosen: Sequence[str]) -> None:
    """Exactly one: the wished one, else the first that was named, else what detection says."""
    named = chosen[0] if wish.targets is not None else None
    primary = wish.primary or named
    if primary is None:
        return
    if primary not in targets:
        raise UsageProblem(f"--primary {primary}: there is no such target; there are: {', '.join(targets)}")
    if not targets[primary].get("enabled", True):
        raise UsageProblem(f"--primary {primary}: it is switched off. To switch it on, name it in --targets too.")
    for name, entry in targets.items():
        entry["primary"] = name == primary


def _write(around: Surroundings, document: Document, before: Snapshot | None) -> str | None:
    if before is None:
        around.file.create(document)
        return None
    backup = around.file.backup()
    around.file.replace(document, read=before)
    return backup


def _result(
    around: Surroundings, document: Document, chosen: Sequence[Suggestion], backup: str | None, options: Sequence[str]
) -> InitResult:
    seen = {suggestion.name: suggestion for suggestion in chosen}
    targets = tuple(
        TargetFound(
            name=name,
            kind=str(entry.get("type") or name),
            enabled=bool(entry.get("enabled", True)),
            primary=bool(entry.get("primary")),
            why=seen[name].why if name in seen else "",
        )
        for name, entry in document["targets"].items()
    )
    version = around.version()
    named = [] if version is not None else ["--version", "0.1.0"]
    return InitResult(
        path=around.show(around.path),
        replaced=backup is not None,
        backup=around.show(backup) if backup is not None else None,
        project_name=document["project_name"],
        default_environment=document.get("default_environment"),
        targets=targets,
        version=version,
        next=(shlex.join(["pop-deploy", "execute", "--mode", "dry_run", *named, *options]),),
    )
