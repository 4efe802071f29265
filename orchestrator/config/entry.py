"""One entry of `targets`: typed by `read_entry`, with an environment's overrides merged in by `merged`.

The entry must be complete and valid without its overrides too: that is what an environment without overrides uses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from orchestrator.config.checks import NAME, NAME_WORDS, url_problem
from orchestrator.config.convert import INVALID, Converter, extra_keys_allowed
from orchestrator.config.words import Path, did_you_mean, listed, quoted
from orchestrator.domain.paths import PathOutside, checked_input_path
from orchestrator.domain.settings import HealthCheck, Hooks, SecretRef

ConfigTypes = Callable[[str], type | None]
"""Kind of target to the class of its `config`; None for a kind that does not exist."""

Found = tuple[Path, str]
"""A path that stands in an entry, and where."""

SAME_EVERYWHERE = ("type", "primary", "environments")
"""Keys that an environment cannot override: the slot and the default target would change under a deployment's feet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """What stands beside `config` in a target's entry.

    Attributes:
        enabled: Whether `--all` and the default choice include it.
        primary: The target that is meant when none is named; at most one.
        type: Kind of target; the entry's name when None.
        config: Settings of that kind.
        adopt: May take over what it did not create.
        url: Where the deployment can be seen; ``{{version}}`` is filled in.
        health_check: Asked after the steps, until healthy or its deadline.
        auto_rollback: Go back by itself when a deployment fails; the environment's rule when None.
        hooks: The user's own commands around a deployment.
        timeout_s: Deadline of each step, seconds.
        rollback_timeout_s: Deadline of each step of a rollback, seconds; `timeout_s` when null. It begins anew with each of them:
            what the deployment has used up is not taken from it.
        allow_paths: Paths outside the project that inputs may lead to.
        environments: Overrides by environment: objects are merged, lists and other values replaced.
    """

    enabled: bool = True
    primary: bool = False
    type: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    adopt: bool = False
    url: str = ""
    health_check: HealthCheck | None = None
    auto_rollback: bool | None = None
    hooks: Hooks = field(default_factory=Hooks)
    timeout_s: float = 600.0
    rollback_timeout_s: float | None = None
    allow_paths: tuple[str, ...] = ()
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)


class Kinds(NamedTuple):
    """The kinds of target that a file may name."""

    config_type: ConfigTypes
    names: Collection[str] = ()


class Surroundings(NamedTuple):
    """What the check of an entry depends on besides the entry itself."""

    kinds: Kinds
    project_dir: FilePath | None = None
    allow_paths: tuple[str, ...] = ()


class ReadEntry(NamedTuple):
    """An entry without mistakes, and its `config` as the class of its kind."""

    entry: TargetEntry
    kind: str
    config: Any


def read_entry(converter: Converter, name: str, raw: Mapping[str, Any], around: Surroundings, path: Path) -> ReadEntry | None:
    """The entry *raw* of the target *name*, or None with its mistakes on the converter's list."""
    before = len(converter.problems)
    entry = converter.read(dict(raw), TargetEntry, path)
    wanted = _kind_type(converter, name, raw, around.kinds, path)
    raw_config = raw.get("config", {})
    config = converter.convert(raw_config, wanted, (*path, "config")) if wanted and isinstance(raw_config, dict) else INVALID
    if entry is not None and entry.url and (problem := url_problem(entry.url)):
        converter.say((*path, "url"), problem)
    if entry is not None and config is not INVALID:
        _check_inputs(converter, ReadEntry(entry, entry.type or name, config), around, path)
    if entry is None or len(converter.problems) > before:
        return None
    return ReadEntry(entry, entry.type or name, config)


def check_variants(converter: Converter, name: str, raw: Mapping[str, Any], around: Surroundings, path: Path) -> None:
    """Put every mistake in the entry *raw*, and in what its overrides make of it, on the converter's list."""
    if not NAME.fullmatch(name):
        converter.say(path, f"expected {NAME_WORDS}, got {quoted(name)}")
    if read_entry(converter, name, raw, around, path) is None:
        return  # what the overrides are merged over is wrong already
    for environment, override in raw.get("environments", {}).items():
        where = (*path, "environments", environment)
        for key in sorted(override.keys() & set(SAME_EVERYWHERE)):
            converter.say((*where, key), "is the same in every environment; only the entry itself may have it")
        read_entry(converter, name, merged(raw, environment), around, where)


def merged(raw: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """The entry *raw* as it holds in *environment*."""
    entry = {key: value for key, value in raw.items() if key != "environments"}
    override = raw.get("environments", {}).get(environment, {})
    return _deep_merge(entry, {key: value for key, value in override.items() if key not in SAME_EVERYWHERE})


def _deep_merge(base: dict[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in override.items():
        below = base.get(key)
        # {"file": ..} over {"env": ..} is another secret, not one with two places
        mergeable = isinstance(below, dict) and isinstance(value, dict) and not (_is_secret(below) and _is_secret(value))
        result[key] = _deep_merge(below, value) if mergeable and below is not None else value
    return result


def _is_secret(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and all(key in ("env", "file") and isinstance(name, str) for key, name in value.items())


def _kind_type(converter: Converter, name: str, raw: Mapping[str, Any], kinds: Kinds, path: Path) -> type | None:
    given = raw.get("type")
    kind = name if given is None else given
    if not isinstance(kind, str):
        return None  # on the list already
    wanted = kinds.config_type(kind)
    if wanted is None:
        hint = did_you_mean(kind, kinds.names, otherwise=f"; there are: {listed(kinds.names)}" if kinds.names else "")
        advice = '; add "type"' if given is None else ""
        converter.say((*path, "type"), f"{quoted(kind)} is no kind of target{advice}{hint}", "a kind of target", quoted(kind))
    return wanted


def _check_inputs(converter: Converter, read: ReadEntry, around: Surroundings, path: Path) -> None:
    """Every path that is an input of *read* stays in the project, and so does every relative path to a secret."""
    if around.project_dir is None:
        return
    allow_paths = (*around.allow_paths, *read.entry.allow_paths)
    for where, value in (*_inputs(read.config), *_credentials(read)):
        try:
            checked_input_path(around.project_dir, value, allow_paths)
        except PathOutside as error:
            wanted, said = "a path inside the project", "; ".join(filter(None, (error.reason, error.advice)))
            converter.say((*path, *where), f"expected {wanted}, but {quoted(value)} {said}", wanted, quoted(value))


def _inputs(config: Any) -> Iterator[Found]:
    for dotted in getattr(type(config), "INPUT_PATHS", ()):
        for where, value in _values(config, dotted):
            if value or not extra_keys_allowed(type(config)):  # the deploy skill writes "" for what it does not know
                yield ("config", *where), value


def _credentials(read: ReadEntry) -> Iterator[Found]:
    """Paths of secrets that are relative and so mean files of the project. An absolute one says by itself that it lies
    elsewhere (``/run/secrets/token``), as most secrets should; what is read there goes into no release."""
    config = read.config
    named = [found for dotted in getattr(type(config), "CREDENTIAL_PATHS", ()) for found in _values(config, dotted)]
    found = [*named, *_secret_files(config, ())]
    found = [(("config", *where), value) for where, value in found] + list(
        _secret_files(read.entry.health_check, ("health_check",))
    )
    yield from ((where, value) for where, value in found if not FilePath(value).is_absolute())


def _secret_files(value: Any, where: Path) -> Iterator[Found]:
    if isinstance(value, SecretRef):
        if value.file is not None:
            yield (*where, "file"), value.file
    elif is_dataclass(value):
        for each in fields(value):
            yield from _secret_files(getattr(value, each.name), (*where, each.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secret_files(item, (*where, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _secret_files(item, (*where, index))


def _values(value: Any, dotted: str) -> Iterator[Found]:
    """Every path in the field *dotted* below *value*, with where it stands; none where a field above it is None.

    A list is looked into. Where it may hold paths as well as objects with a path (``assets``), each name says one of them.
    """
    key, _, rest = dotted.partition(".")
    if isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from (((index, *where), found) for where, found in _values(item, dotted))
    elif key and hasattr(value, key):
        yield from (((key, *where), found) for where, found in _values(getattr(value, key), rest))
    elif not key and isinstance(value, str):
        yield (), value
