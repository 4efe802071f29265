"""A first deploy.json: for what is really found, never over another one unasked, and always one that can be read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.beginning import init_surroundings
from orchestrator.bootstrap import load_config
from orchestrator.config import ConfigError
from orchestrator.domain.errors import UsageProblem
from orchestrator.projections.init_result import InitResult
from orchestrator.rendering import init_report
from orchestrator.services.init import CI, AlreadyThere, Wish, init

PATH = ".claude/popkit/deploy.json"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a page, a Dockerfile and a package that is not private; without git."""
    monkeypatch.delenv("CLAUDE_PLUGIN_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    directory = tmp_path / "shop"
    (directory / "public").mkdir(parents=True)
    (directory / "public" / "index.html").write_text("hello")
    (directory / "Dockerfile").write_text("FROM scratch\nEXPOSE 8080\n")
    (directory / "package.json").write_text('{"name": "shop", "version": "2.0.0"}')
    return directory


def run(project: Path, *, options: tuple[str, ...] = (), **wish: Any) -> InitResult:
    return init(init_surroundings(str(project)), Wish(**wish), options=options)


def written(project: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project / PATH).read_bytes())
    return document


def flags(project: Path) -> dict[str, tuple[bool, bool]]:
    return {name: (entry["enabled"], entry["primary"]) for name, entry in written(project)["targets"].items()}


def test_writes_what_was_found_and_says_why(project: Path) -> None:
    result = run(project)

    assert flags(project) == {"docker": (True, True), "local": (True, False), "npm": (False, False)}
    assert [(target.name, target.enabled, target.primary) for target in result.targets] == [
        ("docker", True, True),
        ("local", True, False),
        ("npm", False, False),
    ]
    assert all(target.why for target in result.targets)
    assert (result.path, result.replaced, result.backup, result.project_name) == (PATH, False, None, "shop")
    assert (result.default_environment, result.version) == ("staging", "2.0.0")
    assert result.next == ("pop-deploy execute --mode dry_run",)


def test_what_it_writes_can_be_read_back(project: Path) -> None:
    run(project)

    assert set(load_config(str(project)).targets) == {"docker", "local", "npm"}


def test_an_empty_directory_has_at_least_the_local_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAUDE_PLUGIN_DATA", raising=False)
    (tmp_path / "empty").mkdir()

    result = run(tmp_path / "empty", options=("--dir", "empty"))

    assert [target.name for target in result.targets] == ["local"]
    assert (result.version, result.next) == (None, ("pop-deploy execute --mode dry_run --version 0.1.0 --dir empty",))


def test_refuses_to_replace_a_file_unasked(project: Path) -> None:
    run(project)
    before = (project / PATH).read_bytes()

    with pytest.raises(AlreadyThere, match="pop-deploy init --force"):
        run(project, primary="local")

    assert (project / PATH).read_bytes() == before


def test_a_replaced_file_keeps_a_backup_the_history_and_the_users_keys(project: Path) -> None:
    run(project)
    record = {"timestamp": "2026-03-18T14:30:22Z", "target": "local", "version": "1.0.0", "status": "success"}
    mine = written(project) | {"x-team": "shop", "redact": ["secret-[0-9]+"], "history": [record]}
    mine["targets"]["mine"] = {"type": "local", "enabled": False, "config": {"path": "/srv/mine", "source": "public"}}
    (project / PATH).write_text(json.dumps(mine))

    result = run(project, force=True)

    now = written(project)
    assert (now["x-team"], now["redact"], now["history"]) == ("shop", ["secret-[0-9]+"], [record])
    assert now["targets"]["mine"]["config"]["path"] == "/srv/mine"
    assert (now["created_at"], now["project_name"]) == (mine["created_at"], "shop")
    assert result.backup is not None and json.loads((project / result.backup).read_bytes()) == mine
    assert {target.name: target.why for target in result.targets}["mine"] == ""
    assert {target.name: target.kind for target in result.targets}["mine"] == "local"


def test_named_targets_are_written_and_switched_on_in_that_order(project: Path) -> None:
    run(project, targets=("npm", "local", "npm"))

    assert flags(project) == {"npm": (True, True), "local": (True, False)}


@pytest.mark.parametrize("kind", ["docker", "npm", "pypi", "vercel", "netlify", "github_releases", "swarm", "kubernetes"])
def test_a_kind_that_is_named_and_was_not_detected_gets_its_defaults(tmp_path: Path, project: Path, kind: str) -> None:
    bare = tmp_path / "Bare Café"
    bare.mkdir()

    result = run(bare, targets=(kind, "local"))

    assert [(target.name, target.kind, target.primary) for target in result.targets] == [
        (kind, kind, True),
        ("local", "local", False),
    ]
    assert result.targets[0].why == "not detected here: default fields, complete them"
    assert list(load_config(str(bare)).targets) == [kind, "local"]


def test_a_detected_target_is_written_as_it_was_detected(project: Path) -> None:
    run(project, targets=("pypi", "docker"))

    assert written(project)["targets"]["docker"]["config"]["run"]["ports"] == ["127.0.0.1:8080:8080"]


def test_the_primary_target_can_be_named(project: Path) -> None:
    run(project, primary="local")

    assert flags(project) == {"docker": (True, False), "local": (True, True), "npm": (False, False)}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (
            {"targets": ("heroku", "local")},
            "--targets: heroku was not detected here and is no .*; there are: docker, local, npm, pypi,",
        ),
        ({"targets": ()}, "--targets: no name was not detected"),
        ({"primary": "web"}, "--primary web: there is no such target; there are: docker, local, npm"),
        ({"primary": "npm"}, "--primary npm: it is switched off. To switch it on, name it in --targets too"),
        ({"project_name": "two\nlines"}, "project_name"),
    ],
)
def test_refuses_what_does_not_fit_and_writes_nothing(project: Path, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageProblem, match=said):
        run(project, **wish)

    assert not (project / PATH).exists()


def test_refuses_a_file_that_is_no_json_and_leaves_it(project: Path) -> None:
    (project / ".claude" / "popkit").mkdir(parents=True)
    (project / PATH).write_text("{ my notes")

    with pytest.raises(ConfigError, match=r"deploy\.json"):
        run(project, force=True)

    assert (project / PATH).read_text() == "{ my notes"


def test_refuses_to_write_what_it_could_not_read_back(project: Path) -> None:
    run(project)
    mine = written(project)
    mine["targets"]["mine"] = {"type": "local", "config": {"pth": "/srv/mine"}}
    (project / PATH).write_text(json.dumps(mine))

    with pytest.raises(ConfigError, match=r"targets\.mine\.config"):
        run(project, force=True)

    assert written(project) == mine


def test_a_project_name_can_be_given(project: Path) -> None:
    assert run(project, project_name="Web Shop").project_name == "Web Shop"
    assert run(project, project_name="Shop", force=True).project_name == "Shop"


@pytest.mark.parametrize("ci", CI)
def test_the_ci_is_noted_as_wished(project: Path, ci: str) -> None:
    run(project, ci=ci)

    assert written(project)["ci"] == CI[ci]


def test_without_a_wish_the_ci_that_was_noted_stays(project: Path) -> None:
    run(project, ci="both")
    run(project, force=True)

    assert written(project)["ci"] == CI["both"]


def test_the_data_directory_of_the_plugin_is_used_and_shown(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_PLUGIN_DATA", str(tmp_path / "data"))

    result = run(project)

    assert result.path == str(tmp_path / "data" / "deploy.json")
    assert (tmp_path / "data" / "deploy.json").exists()


def test_the_report_says_what_was_found_where_it_stands_and_what_is_next(project: Path) -> None:
    first = init_report.text(run(project))
    second = init_report.text(run(project, targets=("local",), force=True))

    assert (
        "Project: shop\n\nTargets:\n  docker  primary  Dockerfile, run as container shop\n  local   enabled  public/ is" in first
    )
    assert "  npm     off      package.json is not private\n\nEnvironment: staging\n" in first
    assert f"Written: {PATH}\n\nNext: pop-deploy execute --mode dry_run\n" in first
    assert "  docker  enabled  left as it was\n" in second
    assert f"Replaced: {PATH}\nBackup: {PATH}.bak-" in second
