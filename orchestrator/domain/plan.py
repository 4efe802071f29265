"""What a deployment is going to do: `Plan`, its `Step`s, and the `Release` it leaves behind.

Pure values; nothing here reads the world. A plan is built by `targets/*.plan`, recorded by `services/prepare.py` and run step
by step by `services/step_runner.py`. Its digest names it: the same digest means the same effects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JsonObject = dict[str, Any]

CANARY_WEIGHT, CANARY_WATCH, CANARY_REMOVE = "canary.weight", "canary.watch", "canary.remove"
"""Kinds of steps that every canary has; see `targets/canary_plans.py`."""


class Mode(StrEnum):
    """How a deployment runs. `dry_run` simulates; it is never a mode that changes a target."""

    DRY_RUN = "dry_run"
    DEPLOY = "deploy"
    CANARY = "canary"

    @property
    def live(self) -> bool:
        return self is not Mode.DRY_RUN


@dataclass(frozen=True, slots=True)
class Slot:
    """(project, environment, target): at most one live deployment holds it."""

    project: str
    environment: str
    target: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.target}"

    @property
    def stream(self) -> str:
        """Name of the slot's own stream, whose version is the epoch that fences writers."""
        return f"slot-{self.project}/{self.environment}/{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Version, commit and artifact digests as the target knows them.

    Attributes:
        artifacts: Name to digest, for example ``{"registry/shop/web": "sha256:..."}``.
        detail: What this kind of target needs to bring the release back; JSON values only.
    """

    version: str
    commit_sha: str | None = None
    deployment_id: str | None = None
    artifacts: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        return {
            "version": self.version,
            "commit_sha": self.commit_sha,
            "deployment_id": self.deployment_id,
            "artifacts": dict(self.artifacts),
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Release:
        """Raises TypeError for what `to_json` would not have made of a release."""
        release = cls(**data)
        _require(release, version=str, commit_sha=_TEXT, deployment_id=_TEXT, artifacts=dict, detail=dict)
        _require_all(release.artifacts.values(), str)
        return release


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded, resumable effect of a plan.

    Attributes:
        name: Unique in its plan, stable between runs: the key of its outcome. Example ``push``.
        title: What the report shows while it runs, for example ``Pushing to registry``.
        kind: What the target dispatches on, for example ``docker.push``; ``hook`` for the user's own commands.
        inputs: JSON values that fix what the step does. Never a secret: references to secrets only. Never the
            deployment's ID: a dry run and its live deployment have the same digest.
        command: The argument list as shown to people, where the step is one command; else None.
        timeout_s: Deadline of the step, seconds.
        effect: False for steps that only wait or read: they are simply done again on resume.
        repeatable: Doing it again after an unknown outcome is harmless and leads to the same state (a build).
        live: It changes what is live. A failure before the first such step leaves the target as it was.
    """

    name: str
    title: str
    kind: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    timeout_s: float = 600.0
    effect: bool = True
    repeatable: bool = False
    live: bool = True

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "title": self.title,
            "kind": self.kind,
            "inputs": dict(self.inputs),
            "command": list(self.command) if self.command is not None else None,
            "timeout_s": self.timeout_s,
            "effect": self.effect,
            "repeatable": self.repeatable,
            "live": self.live,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        """Raises TypeError or KeyError for what `to_json` would not have made of a step."""
        command = data["command"]
        step = cls(**{**data, "command": tuple(command) if command is not None else None})
        _require(step, name=str, title=str, kind=str, inputs=dict, timeout_s=(float, int))
        _require(step, effect=bool, repeatable=bool, live=bool)
        _require_all(step.command or (), str)
        return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The ordered steps of a deployment (or rollback) with the inputs that fix them.

    Attributes:
        inputs: Everything outside the steps that the plan depends on, by name, each a short JSON value: ``config``
            (digest), ``commit``, ``source`` (digest of the source or build context), ``observed`` (what was live).
            `differences` names them when a confirmed plan has become stale.
        release: What will be live after the last step, as far as it is known before the first.
    """

    target: str
    kind: str
    environment: str
    version: str
    mode: Mode
    steps: tuple[Step, ...]
    release: Release
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all the plan holds, as ``sha256:<hex>``."""
        return "sha256:" + hashlib.sha256(canonical_json(self.to_json())).hexdigest()

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def differences(self, other: Plan) -> list[str]:
        """What makes *other* another plan, as phrases for a person: ``source: sha256:1.. -> sha256:2..``."""
        found = [
            f"{name}: {_short(self.inputs.get(name))} -> {_short(other.inputs.get(name))}"
            for name in sorted({*self.inputs, *other.inputs})
            if self.inputs.get(name) != other.inputs.get(name)
        ]
        for name in ("target", "environment", "version", "mode"):
            if getattr(self, name) != getattr(other, name):
                found.append(f"{name}: {getattr(self, name)} -> {getattr(other, name)}")
        mine, theirs = ({step.name: step.to_json() for step in plan.steps} for plan in (self, other))
        found += [f"step {name}" for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
        return found

    def to_json(self) -> JsonObject:
        return {
            "target": self.target,
            "kind": self.kind,
            "environment": self.environment,
            "version": self.version,
            "mode": str(self.mode),
            "steps": [step.to_json() for step in self.steps],
            "release": self.release.to_json(),
            "inputs": dict(self.inputs),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Raises TypeError, ValueError or KeyError for what `to_json` would not have made of a plan."""
        plan = cls(
            **{
                **data,
                "mode": Mode(data["mode"]),
                "steps": tuple(Step.from_json(step) for step in data["steps"]),
                "release": Release.from_json(data["release"]),
            }
        )
        _require(plan, target=str, kind=str, environment=str, version=str, inputs=dict)
        return plan


_TEXT = (str, type(None))


def _require(made: Any, **kinds: type | tuple[type, ...]) -> None:
    for name, kind in kinds.items():
        if not isinstance(getattr(made, name), kind):
            raise TypeError(f"{type(made).__name__.lower()}: {name}: {type(getattr(made, name)).__name__}")


def _require_all(values: Iterable[Any], kind: type) -> None:
    if not all(isinstance(value, kind) for value in values):
        raise TypeError(f"not every one of {list(values)!r:.100} is {kind.__name__}")


def _short(value: Any) -> str:
    """For people: twelve digits of a digest tell two apart."""
    return re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1", str(value)) if value is not None else "none"


def canonical_json(value: Any) -> bytes:
    """JSON bytes that are equal exactly when the values are: sorted keys, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
