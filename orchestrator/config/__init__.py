"""deploy.json -> typed, checked settings; it is only ever read here, `history` is written by the projections' adapter.

Start at `project`, the whole file. Its parts: `reading` (bytes to one JSON object), `convert` with `checks` and `words` (JSON to
dataclasses, every mistake said in the file's own terms), `entry` (one target with its overrides). Then `selection`: what holds
for one deployment. `schema` makes the published JSON schema from the same classes and is imported by name where it is needed.

The kinds of target are not known here: the composition root passes `targets.registry.config_type` in.
"""

from orchestrator.config.errors import ConfigError, ConfigMissing, Problem, UnknownEnvironment, UnknownName, UnknownTarget
from orchestrator.config.project import ProjectConfig, load, parse
from orchestrator.config.selection import (
    ResolvedTarget,
    config_digest,
    default_target,
    enabled_targets,
    environment_name,
    resolve,
    rules,
)

__all__ = [
    "ConfigError",
    "ConfigMissing",
    "Problem",
    "ProjectConfig",
    "ResolvedTarget",
    "UnknownEnvironment",
    "UnknownName",
    "UnknownTarget",
    "config_digest",
    "default_target",
    "enabled_targets",
    "environment_name",
    "load",
    "parse",
    "resolve",
    "rules",
]
