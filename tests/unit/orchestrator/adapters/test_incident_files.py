"""Report files: private, whole, and never written through a link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator.adapters.incident_files import ReportUnwritable, write_report

NAME = "incident-deploy-20260318-143022-k3f9.md"


def test_writes_a_private_file_in_a_private_directory(tmp_path: Path) -> None:
    (tmp_path / "my data").mkdir()

    path = Path(write_report(str(tmp_path / "my data"), NAME, "# é\n"))

    assert path == tmp_path / "my data" / "incidents" / NAME
    assert path.read_text(encoding="utf-8") == "# é\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_replaces_what_stood_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_report(str(tmp_path), NAME, "old and longer\n")

    write_report(str(tmp_path), NAME, "new\n")

    assert [(path.name, path.read_text()) for path in (tmp_path / "incidents").iterdir()] == [(NAME, "new\n")]


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "incidents").mkdir()
    (tmp_path / "incidents" / NAME).symlink_to(victim)

    path = Path(write_report(str(tmp_path), NAME, "report\n"))

    assert (victim.read_text(), path.is_symlink(), path.read_text()) == ("mine", False, "report\n")


def test_a_link_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "incidents").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ReportUnwritable, match="cannot be written"):
        write_report(str(tmp_path), NAME, "report\n")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_directory_in_its_place_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "incidents" / NAME).mkdir(parents=True)

    with pytest.raises(ReportUnwritable, match="a directory stands in its place"):
        write_report(str(tmp_path), NAME, "report\n")

    assert [path.name for path in (tmp_path / "incidents").iterdir()] == [NAME]


@pytest.mark.parametrize("name", ["../out.md", "/etc/out.md", ".hidden"])
def test_refuses_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportUnwritable, match="no name for a report"):
        write_report(str(tmp_path), name, "x")


def test_makes_no_project_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ReportUnwritable, match="there is no such directory"):
        write_report(str(tmp_path / "gone"), NAME, "x")

    assert list(tmp_path.iterdir()) == []
