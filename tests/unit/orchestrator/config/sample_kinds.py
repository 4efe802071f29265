"""Small configuration classes: every shape that the classes of the real kinds have, and nothing of their meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

from orchestrator.config import ProjectConfig, parse
from orchestrator.domain.settings import Value


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    file: str
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    pause_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxConfig:
    """A kind with every type of field.

    Attributes:
        tags: Names of
            the box.
        keep: How many stay.
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("source", "shared", "compose.file")

    image: str
    tags: tuple[str, ...] = ()
    exclude: list[str] = field(default_factory=list)
    build: tuple[str, ...] | None = None
    env: dict[str, Value] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    source: str = "."
    shared: tuple[str, ...] = ()
    keep: int = field(default=5, metadata={"minimum": 1, "maximum": 100})
    floor: int = field(default=0, metadata={"minimum": 0})
    ceiling: float = field(default=0.0, metadata={"maximum": 1})
    ratio: float | None = None
    debug: bool = False
    order: Literal["first", "last"] = "first"
    size: Size = Size.SMALL
    token: Value | None = None
    drain_s: float = 10.0
    compose: Compose | None = None
    steps: tuple[Weight | Pause, ...] = ()
    command: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.image.isupper():
            raise ValueError(f"image: expected lower case, got {self.image!r}")
        if self.build is not None and self.compose is not None:
            raise ValueError("build and compose exclude each other: keep one")


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseConfig:
    level: int = 0
    EXTRA_KEYS: ClassVar[bool] = True


class FreeConfig(dict[str, Any]):
    """Anything goes."""


KINDS: dict[str, type] = {"box": BoxConfig, "loose": LooseConfig, "free": FreeConfig}


def read(document: Mapping[str, Any], **options: Any) -> ProjectConfig:
    return parse(json.dumps(document).encode(), "deploy.json", config_types=KINDS.get, kinds=KINDS, **options)


def with_box(config: Mapping[str, Any] | None = None, **entry: Any) -> dict[str, Any]:
    """A document with one target ``web`` of the kind ``box``."""
    return {"targets": {"web": {"type": "box", "config": {"image": "shop", **(config or {})}, **entry}}}
