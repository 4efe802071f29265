"""A whole deploy.json: `load` reads the file, `parse` its bytes, both into a `ProjectConfig` without a single mistake in it.

`history` is carried along and not understood here; keys at the top that nobody knows are kept. What holds for one deployment
(its environment, its target with overrides) is chosen in `selection`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path as FilePath
from typing import Any

from orchestrator.config.checks import NAME, NAME_WORDS, project_name_problem, redact_problem
from orchestrator.config.convert import Converter
from orchestrator.config.entry import ConfigTypes, Kinds, Surroundings, check_variants
from orchestrator.config.errors import ConfigError, Enough
from orchestrator.config.reading import parse_json, read_file
from orchestrator.config.words import Path, did_you_mean, found, listed, quoted
from orchestrator.domain.receivers import Receiver
from orchestrator.domain.settings import AuditSettings, EnvironmentRules, ValidationSettings

_READABLE_VERSION = re.compile(r"1(\.[0-9]{1,9}){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopLevel:
    """The keys of a deploy.json that are read.

    Attributes:
        version: Of the format; this program reads 1.x.
        project_name: Names the project in every record; the directory's name when None.
        created_at: When the file was made, as its maker wrote it.
        redact: Regular expressions; what they match is masked in everything stored or shown.
        default_environment: The environment when none is named.
        environments: Rules by environment. Once it exists, no other environment can be named.
        allow_paths: Paths outside the project that inputs of any target may lead to.
        audit: Who receives the signed head of the store.
        notify: Who is told what happens.
        validation: The project's own word on what `validate` checks.
        targets: What can be deployed to, by name.
        ci: Settings of the CI system; ours only to pass on.
        history: Records of what happened; projected, never read as configuration.
    """

    version: str = "1.0"
    project_name: str | None = None
    created_at: str | None = None
    redact: tuple[str, ...] = ()
    default_environment: str | None = None
    environments: dict[str, EnvironmentRules] | None = None
    allow_paths: tuple[str, ...] = ()
    audit: AuditSettings = field(default_factory=AuditSettings)
    notify: tuple[Receiver, ...] = ()
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    ci: Any = None
    history: tuple[Any, ...] = ()

    EXTRA_KEYS = True  # other tools keep theirs beside ours


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectConfig:
    """A deploy.json in which everything is known to be right.

    Attributes:
        file: Name of the file, for messages.
        project_name: Never empty: the file's, else the project directory's name, else ``project``.
        top: The other top-level keys, typed.
        raw: The whole document as it was parsed; not to be changed.
        around: What entries are checked against; `selection.resolve` needs it again.
    """

    file: str
    project_name: str
    top: TopLevel
    raw: Mapping[str, Any] = field(repr=False)
    around: Surroundings = field(repr=False)

    @property
    def targets(self) -> Mapping[str, Mapping[str, Any]]:
        """Entries by target name as they stand in the file, in its order."""
        return self.top.targets

    @property
    def environments(self) -> Mapping[str, EnvironmentRules] | None:
        return self.top.environments

    @property
    def default_environment(self) -> str | None:
        return self.top.default_environment

    @property
    def redact(self) -> tuple[str, ...]:
        return self.top.redact

    @property
    def allow_paths(self) -> tuple[str, ...]:
        """Of the top level and of every target; overrides of an environment count as well."""
        entries = [entry for raw in self.targets.values() for entry in (raw, *raw.get("environments", {}).values())]
        own = [path for entry in entries for path in entry.get("allow_paths", ())]
        return (*self.top.allow_paths, *own)

    @property
    def audit(self) -> AuditSettings:
        return self.top.audit

    @property
    def validation(self) -> ValidationSettings:
        return self.top.validation

    @property
    def notify(self) -> tuple[Receiver, ...]:
        return self.top.notify

    @property
    def history(self) -> tuple[Any, ...]:
        return self.top.history

    @property
    def extra(self) -> dict[str, Any]:
        """Top-level keys that are not ours."""
        ours = {known.name for known in fields(TopLevel)}
        return {key: value for key, value in self.raw.items() if key not in ours}

    @property
    def ci_provider(self) -> str | None:
        """``ci.provider`` where it is text."""
        provider = self.top.ci.get("provider") if isinstance(self.top.ci, dict) else None
        return provider if isinstance(provider, str) else None


def load(
    path: FilePath, *, config_types: ConfigTypes, kinds: Collection[str] = (), project_dir: FilePath | None = None
) -> ProjectConfig:
    """The configuration in the file *path*.

    Args:
        config_types: Kind of target to the class of its `config`, None if there is no such kind (`targets.registry.config_type`).
        kinds: Names of all kinds, for messages.
        project_dir: With it, input paths are checked to stay inside.

    Raises:
        ConfigMissing: There is no such file.
        ConfigError: It cannot be read, or is not what it should be; all mistakes are in it.
    """
    return parse(read_file(path), path.name, config_types=config_types, kinds=kinds, project_dir=project_dir)


def parse(
    raw: bytes, file_name: str, *, config_types: ConfigTypes, kinds: Collection[str] = (), project_dir: FilePath | None = None
) -> ProjectConfig:
    """Like `load`, from the bytes of a file."""
    document = parse_json(raw, file_name)
    converter = Converter()
    top, around = None, Surroundings(Kinds(config_types, kinds), project_dir)
    with suppress(Enough):
        top = converter.read(document, TopLevel, ())
        if top is not None:
            around = around._replace(allow_paths=top.allow_paths)
            _check_top(converter, top)
        _check_targets(converter, document.get("targets"), around)
    if top is None or converter.problems:
        raise ConfigError(file_name, converter.problems)
    name = top.project_name or name_of(project_dir)
    return ProjectConfig(file=file_name, project_name=name, top=top, raw=document, around=around)


def _check_targets(converter: Converter, targets: Any, around: Surroundings) -> None:
    if not isinstance(targets, dict):
        return  # on the list already, or absent
    for name, raw in targets.items():
        if isinstance(raw, dict):
            check_variants(converter, name, raw, around, ("targets", name))
    primary = [name for name, raw in targets.items() if isinstance(raw, dict) and raw.get("primary") is True]
    if len(primary) > 1:
        converter.wrong(("targets",), "at most one primary target", listed(primary))


def _check_top(converter: Converter, top: TopLevel) -> None:
    if not _READABLE_VERSION.fullmatch(top.version):
        wanted, got = '"1.0" (the format this program reads)', found(top.version)
        converter.say(("version",), f"expected {wanted}, got {got}. A newer pop-deploy may read it", wanted, got)
    if top.project_name is not None and (problem := project_name_problem(top.project_name)):
        converter.say(("project_name",), problem)
    for index, pattern in enumerate(top.redact):
        if problem := redact_problem(pattern):
            converter.say(("redact", index), problem)
    for index, receiver in enumerate(top.notify):
        if receiver.name in {other.name for other in top.notify[:index]}:
            converter.say(("notify", index, "name"), f"expected a name of its own, got {quoted(receiver.name)} again")
    _check_environments(converter, top)


def _check_environments(converter: Converter, top: TopLevel) -> None:
    named: list[tuple[Path, str]] = [(("environments", name), name) for name in top.environments or ()]
    if top.default_environment is not None:
        named.append((("default_environment",), top.default_environment))
    for index, receiver in enumerate(top.notify):
        named += [(("notify", index, "environments", at), name) for at, name in enumerate(receiver.environments)]
    for target, raw in top.targets.items():
        overrides = raw.get("environments")
        named += [
            (("targets", target, "environments", name), name) for name in (overrides if isinstance(overrides, dict) else ())
        ]
    for path, name in named:
        if not NAME.fullmatch(name):
            converter.say(path, f"expected {NAME_WORDS}, got {quoted(name)}")
        elif top.environments is not None and name not in top.environments:
            hint = did_you_mean(name, top.environments, otherwise=f'; "environments" has: {listed(top.environments) or "none"}')
            converter.say(path, f'{quoted(name)} does not stand in "environments"{hint}')


def name_of(project_dir: FilePath | None) -> str:
    """The name of a project that its file does not name: the directory's, else ``project``."""
    name = project_dir.resolve().name if project_dir is not None else ""
    return name if project_name_problem(name) is None else "project"
