"""Which text may be a version."""

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.versions import checked_version


@pytest.mark.parametrize(
    "version", ["1.2.0", "0", "2026.3.18", "1.2.0-rc.1", "1.2.0+build.5", "_x", "1.2.0-3-g1a2b3c4", "a" * 128]
)
def test_accepts_what_can_name_a_release_everywhere(version: str) -> None:
    assert checked_version(version) == version


@pytest.mark.parametrize(
    "version", ["", "-1", ".1", "+1", "1 2", " 1", "1\n", "1/2", "..", "1.2\x1b[0m", "1é", "1:2", "1;rm", "$(x)", "a" * 129]
)
def test_refuses_everything_else(version: str) -> None:
    with pytest.raises(UsageProblem, match=r"^package\.json: expected a version like 1\.2\.0"):
        checked_version(version, "package.json")


def test_shows_the_refused_version_harmlessly_and_in_short() -> None:
    with pytest.raises(UsageProblem) as refused:
        checked_version("\x1b[2J" + "é" * 10_000)

    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 600
