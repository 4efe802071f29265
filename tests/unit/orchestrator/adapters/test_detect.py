"""What `init` finds, and that the deploy.json it leads to is one that the program accepts."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator import config
from orchestrator.adapters import detect
from orchestrator.adapters.detect_docker import Built, built_service, exposed_ports, published
from orchestrator.domain.errors import UsageProblem
from orchestrator.targets import registry

NOW = "2026-03-18T14:30:22+00:00"
HOME = {"HOME": "/home/ann"}


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    return directory


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    return path


def entries(project: Path, environ: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    return {target.name: target.entry for target in detect.detect(project, HOME if environ is None else environ)}


def document(project: Path) -> dict[str, Any]:
    return detect.initial_document(project, detect.detect(project, HOME), created_at=NOW)


def accepted(project: Path, written: dict[str, Any]) -> config.ProjectConfig:
    """Read *written* as every command does."""
    path = write(project, {".claude/popkit/deploy.json": json.dumps(written)}) / ".claude/popkit/deploy.json"
    return config.load(path, config_types=registry.config_type, kinds=tuple(registry.KINDS), project_dir=project)


EVERYTHING = {
    "Dockerfile": "FROM scratch\nEXPOSE 8080\n",
    "package.json": '{"name": "@acme/Shop Web", "version": "1.0.0", "scripts": {"build": "vite build"}}',
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0.0"\n',
    "vercel.json": "{}",
    "netlify.toml": '[build]\ncommand = "npm run build"\npublish = "dist"\n',
    "k8s/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n"
    "      containers:\n        - name: app\n          image: shop\n",
    ".github/workflows/ci.yml": "",
}


def test_an_empty_project_can_be_released_locally(project: Path) -> None:
    written = document(project)

    assert written == {
        "version": "1.0",
        "project_name": "shop",
        "created_at": NOW,
        "default_environment": "staging",
        "environments": {"staging": {}, "production": {"requires_validation": True, "auto_rollback": True}},
        "targets": {
            "local": {
                "enabled": True,
                "primary": True,
                "config": {
                    "path": "/home/ann/.local/share/pop-deploy/shop",
                    "source": ".",
                    "exclude": [".env", ".env.*", ".claude", "*.log", "node_modules", ".venv", "venv", "__pycache__"],
                },
                "environments": {"staging": {"config": {"path": "/home/ann/.local/share/pop-deploy/shop-staging"}}},
            }
        },
        "ci": {"provider": None, "triggers": {}, "manual_only": True},
        "history": [],
    }
    assert list(written)[-1] == "history"


def test_finds_everything_and_enables_only_what_is_safe(project: Path) -> None:
    found = entries(write(project, EVERYTHING))

    assert list(found) == ["docker", "local", "npm", "pypi", "vercel", "netlify", "kubernetes"]
    assert [name for name, entry in found.items() if entry["enabled"]] == ["docker", "local"]
    assert found["npm"]["config"] == {"package_name": "@acme/Shop Web", "access": "restricted", "tag": "latest"}
    assert found["pypi"]["config"]["package_name"] == "shop"
    assert found["netlify"]["config"] == {"build_command": "npm run build", "publish_directory": "dist"}
    assert found["kubernetes"]["config"] == {
        "image_name": "shop-web",
        "context": "shop-web",
        "namespace": "shop-web",
        "manifests": "k8s/",
        "deployment": "web",
        "container": "app",
    }


def test_says_why(project: Path) -> None:
    found = {target.name: target.why for target in detect.detect(write(project, EVERYTHING), HOME)}

    assert found["docker"] == "Dockerfile, run as container shop-web"
    assert found["kubernetes"] == "k8s/web.yaml has a Deployment"
    assert all(why and "\n" not in why for why in found.values())


@pytest.mark.parametrize("files", [{}, EVERYTHING, {"compose.yaml": "services:\n  web:\n    build: .\n"}])
@pytest.mark.parametrize("name", ["shop", "Mein Café é", "日本語", "-x-", "a" * 200])
def test_what_it_writes_is_accepted_with_one_primary(tmp_path: Path, name: str, files: dict[str, str]) -> None:
    project = tmp_path / name
    project.mkdir()
    write(project, files)

    read = accepted(project, document(project))

    assert [entry["primary"] for entry in read.targets.values()].count(True) == 1
    for environment in ("staging", "production"):
        for target in read.targets:
            assert config.resolve(read, target, environment).kind == target


def test_environments_do_not_get_in_each_others_way(project: Path) -> None:
    read = accepted(project, document(write(project, EVERYTHING)))

    local = [config.resolve(read, "local", environment).config for environment in ("staging", "production")]
    docker = [config.resolve(read, "docker", environment).config for environment in ("staging", "production")]

    assert [settings.path for settings in local] == [
        "/home/ann/.local/share/pop-deploy/shop-web-staging",
        "/home/ann/.local/share/pop-deploy/shop-web",
    ]
    assert [(settings.run.name, settings.run.ports) for settings in docker] == [
        ("shop-web-staging", ("127.0.0.1:18080:8080",)),
        ("shop-web", ("127.0.0.1:8080:8080",)),
    ]


@pytest.mark.parametrize(
    ("files", "source", "build"),
    [
        (["public/index.html", "dist/index.html"], "public", None),
        (["dist/index.html"], "dist", None),
        (["site/index.html"], "site", None),
        (["public"], ".", None),
        (["pyproject.toml", "dist/shop.whl", "build/lib"], ".", None),
        (["package.json", "public/x", "dist/index.html"], "dist", ["npm", "run", "build"]),
        (["package.json", "yarn.lock", "build/index.html"], "build", ["yarn", "run", "build"]),
        (["package.json", "public/x"], "public", None),
    ],
)
def test_finds_the_directory_to_release(project: Path, files: list[str], source: str, build: list[str] | None) -> None:
    package = '{"scripts": {"build": "make"}}'

    found = entries(write(project, {name: package if name == "package.json" else "" for name in files}))["local"]["config"]

    assert (found["source"], found.get("build")) == (source, build)
    assert ("exclude" in found) == (source == ".")


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/ann"}, "/data/pop-deploy/shop"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/ann"}, "/home/ann/.local/share/pop-deploy/shop"),
        ({}, "{parent}/shop-releases"),
        ({"HOME": "{project}"}, "{parent}/shop-releases"),
        ({"HOME": "{project}/home"}, "{parent}/shop-releases"),
    ],
)
def test_never_releases_into_the_project(project: Path, environ: dict[str, str], path: str) -> None:
    environ = {name: value.format(project=project) for name, value in environ.items()}

    assert entries(project, environ)["local"]["config"]["path"] == path.format(parent=project.parent)


def test_knows_where_continuous_integration_is_set_up(project: Path) -> None:
    assert document(project)["ci"]["manual_only"]
    assert document(write(project, {".gitlab-ci.yml": ""}))["ci"] == {
        "provider": "gitlab_ci",
        "triggers": {},
        "manual_only": False,
    }
    assert document(write(project, {".github/workflows/x.yaml": ""}))["ci"]["provider"] == "github_actions"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({}, "shop"),
        ({"package.json": '{"name": "@acme/web"}'}, "web"),
        ({"package.json": "{}", "pyproject.toml": '[project]\nname = "api"\n'}, "api"),
        ({"pyproject.toml": '[tool.poetry]\nname = "api"\n'}, "api"),
        ({"package.json": '{"name": "-\\u001b[31m\\n"}'}, "[31m"),
        ({"package.json": '{"name": 5}'}, "shop"),
    ],
)
def test_names_the_project(project: Path, files: dict[str, str], name: str) -> None:
    assert detect.project_name(write(project, files)) == name


@pytest.mark.parametrize(
    ("name", "made"),
    [("Mein Café!", "mein-cafe"), ("日本語", "app"), ("a__b..c", "a-b-c"), ("x" * 100, "x" * 60), ("--", "app")],
)
def test_makes_names_that_images_and_directories_may_have(name: str, made: str) -> None:
    assert detect.slug(name) == made


@pytest.mark.parametrize("file", ["package.json", "pyproject.toml"])
def test_says_what_cannot_be_read(project: Path, file: str) -> None:
    with pytest.raises(UsageProblem, match=f"^{file}: cannot be read"):
        detect.detect(write(project, {file: "{["}), HOME)


def test_odd_files_of_other_tools_are_no_obstacle(project: Path) -> None:
    files = {"vercel.json": "{", "netlify.toml": "[", "k8s/a.yaml": "kind: Service", ".vercel/project.json": "[]"}

    assert list(entries(write(project, files))) == ["local", "vercel", "netlify"]


def test_private_packages_are_not_offered_for_publishing(project: Path) -> None:
    files = {
        "package.json": '{"name": "x", "private": true}',
        "pyproject.toml": '[project]\nname = "x"\nclassifiers = ["Private :: Do Not Upload"]\n',
    }

    assert list(entries(write(project, files))) == ["local"]


def test_knows_which_site_a_linked_project_is(project: Path) -> None:
    files = {
        ".vercel/project.json": '{"projectId": "p", "orgId": "o"}',
        "netlify.toml": "",
        ".netlify/state.json": '{"siteId": "s"}',
    }

    found = entries(write(project, files))

    assert found["vercel"]["config"] == {"project_id": "p", "org_id": "o"}
    assert found["netlify"]["config"] == {"site_id": "s"}


def test_a_compose_service_that_is_built_is_what_runs(project: Path) -> None:
    files = {"Dockerfile": "FROM scratch", "compose.yaml": "services:\n  db:\n    image: pg\n  web:\n    build: .\n"}

    found = entries(write(project, files))["docker"]

    assert found["enabled"]
    assert found["config"]["compose"] == {"file": "compose.yaml", "project": "shop", "service": "web"}
    assert "run" not in found["config"]


def test_a_compose_file_without_its_dockerfile_is_switched_off(project: Path) -> None:
    found = entries(write(project, {"docker-compose.yml": "services:\n  web:\n    build: ./web\n"}))

    assert list(found) == ["local", "docker"]
    assert not found["docker"]["enabled"]
    assert found["docker"]["config"]["dockerfile"] == "web/Dockerfile"


def test_a_compose_file_that_builds_nothing_does_not_matter(project: Path) -> None:
    files = {"Dockerfile": "FROM scratch", "compose.yaml": "services:\n  db:\n    image: pg\n"}

    assert "run" in entries(write(project, files))["docker"]["config"]


@pytest.mark.parametrize("context", ["../elsewhere", "$CONTEXT", "/abs"])
def test_a_context_outside_the_project_is_not_followed(project: Path, context: str) -> None:
    files = {"Dockerfile": "FROM scratch", "compose.yaml": f"services:\n  web:\n    build: {context}\n"}

    found = entries(write(project, files))["docker"]["config"]

    assert (found["build_context"], found["dockerfile"]) == (".", "Dockerfile")


@pytest.mark.parametrize(
    ("compose", "built"),
    [
        ("", None),
        ("services:\n  web:\n    image: x\n", None),
        ("services:\n  web:\n    build: .\n", Built("web")),
        ('version: "3"\nservices:\n    "my-web":  # ours\n        build: "./app"  # here\n', Built("my-web", "./app")),
        (
            "services:\n  web:\n    ports:\n      - 80:80\n    build:\n      dockerfile: Dockerfile.prod\n      context: app\n"
            "      args:\n        context: no\n    environment:\n      context: no\n",
            Built("web", "app", "Dockerfile.prod"),
        ),
        ("services:\n  a:\n    build: ./a\n  b:\n    build: .\n", Built("b")),
        ("services:\n  a:\n    build: ./a\n  b:\n    build: ./b\n", Built("a", "./a")),
        ("services:\n  a:\n    labels:\n      build: no\n", None),
        ("services:\n  a:\n    build: {context: x}\n", Built("a")),
        ("x-base:\n  a:\n    build: .\nservices:\n  web:\n    image: x\nvolumes:\n  v:\n    build: .\n", None),
    ],
)
def test_reads_as_much_of_a_compose_file_as_it_needs(compose: str, built: Built | None) -> None:
    assert built_service(compose) == built


@pytest.mark.parametrize(
    ("dockerfile", "ports"),
    [
        ("FROM scratch\n", []),
        ("FROM scratch\nEXPOSE 80 443/tcp\nexpose 53/udp $PORT 99999 80\n", [(80, ""), (443, ""), (53, "/udp")]),
        ("FROM a\nEXPOSE 1234\nFROM b\nEXPOSE 8080\n", [(8080, "")]),
    ],
)
def test_reads_the_ports_of_the_last_stage(dockerfile: str, ports: list[tuple[int, str]]) -> None:
    assert exposed_ports(dockerfile) == ports


def test_publishes_to_this_machine_on_ports_that_need_no_privilege() -> None:
    ports = [(80, ""), (8080, ""), (60000, ""), (53, "/udp")]

    assert published(ports, 0) == ["127.0.0.1:8081:80", "127.0.0.1:8080:8080", "127.0.0.1:60000:60000", "127.0.0.1:8053:53/udp"]
    assert published(ports[2:3], 10_000) == ["127.0.0.1:50000:60000"]


def test_renewing_keeps_what_is_not_ours(project: Path) -> None:
    fresh = document(write(project, EVERYTHING))
    existing = {
        "x-team": "web",
        "unknown": [1],
        "project_name": "the old name",
        "created_at": "2020-01-01T00:00:00Z",
        "environments": {"live": {}},
        "default_environment": "live",
        "redact": ["internal"],
        "history": [{"version": "0.9"}],
        "targets": {"mine": {"type": "local", "primary": True, "config": {"path": "/x"}}, "local": {"config": {"path": "/old"}}},
    }

    renewed = detect.renewed_document(existing, fresh)

    assert {key: renewed[key] for key in existing if key != "targets"} == {k: v for k, v in existing.items() if k != "targets"}
    assert renewed["targets"]["mine"] == {"type": "local", "primary": False, "config": {"path": "/x"}}
    assert renewed["targets"]["local"] == fresh["targets"]["local"]
    assert list(renewed)[-1] == "history"
    assert [name for name, entry in renewed["targets"].items() if entry["primary"]] == ["docker"]


def test_renewing_survives_a_file_that_is_all_wrong(project: Path) -> None:
    renewed = detect.renewed_document({"targets": [1]}, document(project))

    assert list(renewed["targets"]) == ["local"]


def test_renewing_what_was_just_written_changes_nothing(project: Path) -> None:
    fresh = document(write(project, EVERYTHING))

    assert json.dumps(detect.renewed_document(fresh, fresh)) == json.dumps(fresh)
