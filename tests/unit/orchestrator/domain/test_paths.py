"""Input paths stay inside the project."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.paths import PathOutside, checked_input_path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "public").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (project / "out").symlink_to(tmp_path / "other")
    (project / "in").symlink_to("public")
    (project / "loop").symlink_to("loop")
    return project


@pytest.mark.parametrize(
    ("value", "expected"),
    [(".", "."), ("public", "public"), ("in/a", "public/a"), ("not/there", "not/there"), ("public/../x", "x"), ("..a", "..a")],
)
def test_follows_links_that_stay_inside(project: Path, value: str, expected: str) -> None:
    assert checked_input_path(project, value) == project.resolve() / expected


def test_accepts_an_absolute_path_inside(project: Path) -> None:
    assert checked_input_path(project, str(project / "public")) == project.resolve() / "public"


@pytest.mark.parametrize(
    "value", ["..", "../project-2", "/", "/etc/passwd", "out", "out/a", "public/../../other", "in/../../../x"]
)
def test_refuses_what_leads_outside(project: Path, value: str) -> None:
    with pytest.raises(PathOutside, match=r"outside the project; if that is meant, add .* to allow_paths") as caught:
        checked_input_path(project, value)

    assert caught.value.value == value
    assert isinstance(caught.value, UsageProblem)


@pytest.mark.parametrize(
    ("value", "entry"),
    [
        ("../other/a", "../other/a"),
        ("public/../../other", "../other"),
        ("/etc/passwd", "/etc/passwd"),
        ("out/a", "{tmp}/other/a"),
        ("..", ".."),
    ],
)
def test_the_message_names_field_path_place_and_the_entry_that_would_allow_it(
    project: Path, tmp_path: Path, value: str, entry: str
) -> None:
    entry = entry.format(tmp=tmp_path.resolve())

    with pytest.raises(PathOutside) as caught:
        checked_input_path(project, value, field="source")

    place = (project / value).resolve()
    advice = f"if that is meant, add {json.dumps(entry)} to allow_paths"
    assert str(caught.value) == f'source: "{value}" leads to "{place}", outside the project; {advice}'
    assert checked_input_path(project, value, [entry]) == place


def test_a_link_to_a_name_with_escape_codes_is_said_without_them(project: Path, tmp_path: Path) -> None:
    (project / "odd").symlink_to(tmp_path / "\x1b[2J")

    with pytest.raises(PathOutside) as caught:
        checked_input_path(project, "odd")

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["", "a\0b", "a\nb", "\x1b"])
def test_refuses_what_is_no_path(project: Path, value: str) -> None:
    with pytest.raises(PathOutside, match="is no path"):
        checked_input_path(project, value)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Path.resolve leaves a loop as it is; opening it fails")
def test_refuses_a_loop_of_links(project: Path) -> None:
    with pytest.raises(PathOutside, match="cannot be followed"):
        checked_input_path(project, "loop/a")


@pytest.mark.parametrize("allowed", ["../other", "out", "{tmp}/other"])
def test_accepts_what_is_allowed_by_name(project: Path, tmp_path: Path, allowed: str) -> None:
    path = checked_input_path(project, "out/file", [allowed.format(tmp=tmp_path)])

    assert path == tmp_path.resolve() / "other" / "file"


def test_a_name_that_only_begins_like_an_allowed_path_is_not_inside_it(project: Path) -> None:
    with pytest.raises(PathOutside):
        checked_input_path(project, "../other-2", ["../other"])
