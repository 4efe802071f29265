"""What may stand in the configuration of a `local` target."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.targets.local import LocalConfig


def test_fills_in_what_is_not_said() -> None:
    config = LocalConfig(path="/srv/shop")

    assert (config.source, config.keep, config.drain_s) == (".", 5, 10.0)
    assert config.build is None
    assert config.run is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": " "}, "path: expected a directory"),
        ({"exclude": ("!keep.log",)}, "exclude: '!keep.log': patterns cannot be negated"),
        ({"exclude": ("[z-a]",)}, "exclude: no usable pattern"),
        ({"shared": ("/var/uploads",)}, "shared: expected a path inside a release, got '/var/uploads'"),
        ({"shared": ("../uploads",)}, "shared: expected a path inside a release"),
        ({"shared": (".",)}, "shared: expected a path inside a release"),
        ({"shared": ("a//b",)}, "shared: expected a path inside a release"),
        ({"shared": ("data/files", "data")}, "shared: 'data/files' lies in 'data', which is shared already"),
    ],
)
def test_refuses_what_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("[", r"\[")):
        LocalConfig(**{"path": "/srv/shop", **wrong})


def test_accepts_shared_paths_with_a_slash_at_the_end() -> None:
    assert LocalConfig(path="/srv/shop", shared=("uploads/", "data/files")).shared == ("uploads/", "data/files")
