"""A whole deploy.json is only written where there was none, or over the one that was shown, and after a backup."""

from pathlib import Path

import pytest

import orchestrator.config.reading  # noqa: F401 - imported lazily by what runs without privileges
from orchestrator.adapters import exchange
from orchestrator.adapters.deploy_json import DeployJsonBusy, DeployJsonFile
from orchestrator.domain.errors import UsageProblem
from tests.unit.orchestrator.adapters.deploy_json_files import TEXT, names


def test_creates_a_private_file_in_a_private_directory(tmp_path: Path) -> None:
    path = tmp_path / ".claude" / "popkit" / "deploy.json"

    DeployJsonFile(path).create({"project_name": "café", "history": []})

    assert path.read_text() == '{\n  "project_name": "café",\n  "history": []\n}\n'
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert names(path) == ["deploy.json"]


def test_creating_never_overwrites(tmp_path: Path, path: Path) -> None:
    dangling = tmp_path / "dangling.json"
    dangling.symlink_to(tmp_path / "nowhere" / "deploy.json")

    for there in (path, dangling):
        with pytest.raises(UsageProblem, match="is there already"):
            DeployJsonFile(there).create({})

    assert path.read_text() == TEXT
    assert not (tmp_path / "nowhere").exists()


def test_creating_never_overwrites_what_came_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deploy.json"
    monkeypatch.setattr(exchange, "recover", lambda target: path.write_text(TEXT))

    with pytest.raises(UsageProblem, match="is there already"):
        DeployJsonFile(path).create({})

    assert path.read_text() == TEXT
    assert names(path) == ["deploy.json"]


def test_a_backup_holds_the_same_with_the_same_mode(path: Path) -> None:
    path.write_text("not even JSON")
    path.chmod(0o640)

    made = [Path(DeployJsonFile(path).backup()) for _ in range(2)]

    assert [copy.read_text() for copy in made] == ["not even JSON"] * 2
    assert {copy.stat().st_mode & 0o777 for copy in made} == {0o640}
    assert made[0].name.startswith("deploy.json.bak-20")


def test_replaces_the_document_it_was_shown(path: Path) -> None:
    file = DeployJsonFile(path)

    file.replace({"version": "1.0"}, read=file.read())

    assert path.read_text() == '{\n  "version": "1.0"\n}\n'


def test_does_not_replace_what_somebody_has_changed_since(path: Path) -> None:
    file = DeployJsonFile(path)
    shown = file.read()
    path.write_text("{}")

    with pytest.raises(DeployJsonBusy, match="changed it meanwhile"):
        file.replace({"version": "1.0"}, read=shown)

    assert path.read_text() == "{}"
