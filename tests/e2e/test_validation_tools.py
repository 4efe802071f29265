"""The checks of `validate` with the real tools: npm, pytest, pip-audit, hadolint, kubectl. Each is skipped
where its tool is missing.

npm asks a registry of our own on this machine, so that what it reports can be known; it is npm's own report that is judged.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import (
    build,
    dependency_audit,
    dockerfile,
    integration_tests,
    lock_files,
    manifests,
    project_tests,
    security_scan,
)
from tests.unit.orchestrator.validation.subjects import TOOLS, files, ran, subject

pytestmark = pytest.mark.e2e

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH")
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
LOCAL_DEPENDENCY = {
    "package.json": json.dumps({"name": "shop", "version": "1.0.0", "dependencies": {"dep": "file:./dep"}}),
    "dep/package.json": json.dumps({"name": "dep", "version": "1.0.0", "license": "MIT"}),
}
LEFT_PAD = {"name": "left-pad", "version": "1.0.0", "dist": {"tarball": "http://127.0.0.1:9/x.tgz", "integrity": "sha512-AA=="}}


class Registry(ThreadingHTTPServer):
    """Knows one package, and of it what *advisories* says. Both of npm's endpoints for an audit are the bulk one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.advisories: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, Any]] = []

    def advise(self, severity: str) -> None:
        self.advisories["left-pad"] = [
            {"id": 1, "url": "https://example.com/1", "title": "Pads", "severity": severity, "vulnerable_versions": "<2.0.0"}
        ]


class _Answers(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self._say({"name": "left-pad", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": LEFT_PAD}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.server.asked.append((self.path, asked))
        self._say({name: found for name, found in self.server.advisories.items() if name in asked})

    def _say(self, answer: Mapping[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()
        thread.join(10)


def own_environment(project: Path) -> None:
    """That of the tests."""
    (project / ".venv").symlink_to(TOOLS.parent)


@needs_npm
def test_the_lock_file_that_npm_writes_agrees_until_something_else_is_asked_for(project: Path) -> None:
    files(project, LOCAL_DEPENDENCY)
    assert lock_files.look(subject(project)).status is Outcome.WARN

    assert lock_files.fix(subject(project)) == "package-lock.json renewed by npm"
    assert lock_files.look(subject(project)).status is Outcome.PASS
    assert not (project / "node_modules").exists()

    files(project, {"more/package.json": '{"name": "more", "version": "1.0.0"}'})
    changed = json.loads(LOCAL_DEPENDENCY["package.json"])
    changed["dependencies"]["more"] = "file:./more"
    files(project, {"package.json": json.dumps(changed)})
    found = lock_files.look(subject(project))
    assert (found.status, "on more" in found.message) == (Outcome.FAIL, True)

    assert lock_files.fix(subject(project)) == "package-lock.json renewed by npm"
    assert lock_files.look(subject(project)).status is Outcome.PASS


@needs_npm
@pytest.mark.parametrize("group", ["dependencies", "devDependencies"])
@pytest.mark.parametrize(("severity", "status"), [("", Outcome.PASS), ("moderate", Outcome.WARN), ("critical", Outcome.FAIL)])
def test_npm_audits_what_the_lock_file_names(
    project: Path, registry: Registry, group: str, severity: str, status: Outcome
) -> None:
    files(project, {"package.json": json.dumps({"name": "shop", "version": "1.0.0", group: {"left-pad": "1.0.0"}})})
    lock_files.fix(subject(project))
    if severity:
        registry.advise(severity)

    found = dependency_audit.look(subject(project))

    wanted = Outcome.WARN if (status, group) == (Outcome.FAIL, "devDependencies") else status
    assert found.status is wanted, found.message
    assert severity in found.message
    assert registry.asked[0][1] == {"left-pad": ["1.0.0"]}


@needs_npm
def test_an_npm_registry_that_is_away_is_a_skip_with_its_reason(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(project, LOCAL_DEPENDENCY)
    lock_files.fix(subject(project))
    document = json.loads((project / "package-lock.json").read_text(encoding="utf-8"))
    document["packages"]["node_modules/left-pad"] = {"version": "1.0.0"}
    document["packages"][""]["dependencies"]["left-pad"] = "1.0.0"
    files(project, {"package-lock.json": json.dumps(document)})
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")

    found = dependency_audit.look(subject(project))

    assert (found.status, "npm audit could not ask" in found.message) == (Outcome.SKIP, True), found.message


@needs_npm
def test_npm_builds_and_tests(project: Path) -> None:
    scripts = {"build": "node -e \"require('fs').writeFileSync('built', '')\"", "test": 'node -e "process.exit(3)"'}
    files(project, {"package.json": json.dumps({"name": "shop", "version": "1.0.0", "scripts": scripts})})

    assert build.look(subject(project)).status is Outcome.PASS
    assert (project / "built").exists()
    found = project_tests.look(subject(project))
    assert (found.status, "npm run test ended with 3" in found.message) == (Outcome.FAIL, True), found.message


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("def test_it():\n    assert True\n", Outcome.PASS, "ended well"),
        ("def test_it():\n    assert False\n", Outcome.FAIL, "1 failed"),
        ("import nothing_like_this\n", Outcome.FAIL, "1 error"),
        ("def helper(): ...\n", Outcome.SKIP, "found nothing to run"),
    ],
    ids=["passes", "fails", "cannot be imported", "has no test"],
)
@pytest.mark.parametrize("check", [project_tests, integration_tests], ids=["tests", "integration tests"])
def test_pytest_runs_in_the_projects_own_environment(project: Path, check: Any, body: str, status: Outcome, words: str) -> None:
    own_environment(project)
    files(project, {"tests/integration/test_shop.py": body, "pytest.ini": "[pytest]\n"})

    found = check.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message
    assert not (project / ".pytest_cache").exists()
    assert not list(project.rglob("__pycache__"))


def test_pip_audit_answers_or_says_why_not(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it knows, and whether it can be asked here, is not ours to say; that it understands what we ask is."""
    if not (TOOLS / "pip-audit").exists():
        pytest.skip("pip-audit is not installed beside the tests' Python")
    monkeypatch.setenv("PATH", f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    files(project, {"requirements.txt": "idna==2.7\n"})
    checked = subject(project)

    found = dependency_audit.look(checked)

    assert found.message.startswith("pip-audit"), found.message
    assert "unrecognized arguments" not in found.message
    assert found.status in (Outcome.PASS, Outcome.WARN, Outcome.SKIP)
    assert ran(checked)[0][0] == "pip-audit"


@needs_kubectl
def test_a_cluster_that_is_not_there_is_a_skip(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    files(project, {"k8s/web.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"})
    targets = {
        "web": {
            "type": "kubernetes",
            "config": {"image_name": "web", "context": "prod", "deployment": "web", "manifests": "k8s", "namespace": "shop"},
        }
    }

    found = manifests.look(subject(project, targets=targets))

    assert (found.status, "the cluster does not answer" in found.message) == (Outcome.SKIP, True), found.message


def test_a_scanner_of_ones_own_is_any_program(project: Path) -> None:
    scans = [sys.executable, "-m", "compileall", "-q", "."]
    files(project, {"app.py": "def"})

    found = security_scan.look(subject(project, validation={"security_scan": scans}))

    assert (found.status, "validation.security_scan" in found.message) == (Outcome.FAIL, True)


# hadolint


CAREFUL = """FROM debian:12.8-slim
RUN useradd --system shop
USER shop
HEALTHCHECK CMD ["true"]
"""


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (CAREFUL, Outcome.PASS, "hadolint finds nothing to correct"),
        (CAREFUL.replace(":12.8-slim", ""), Outcome.WARN, "DL3006 in line 1"),
        (CAREFUL.replace("useradd --system shop", "cd /srv && sudo make"), Outcome.FAIL, "DL3004 in line 2"),
        (CAREFUL.replace("RUN", "RUNN"), Outcome.FAIL, "DL1000 in line 2"),
        (CAREFUL.replace("USER", "ENV API_TOKEN=x\nUSER"), Outcome.FAIL, "secrets stay in the image"),
    ],
)
def test_hadolint_judges_a_dockerfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, status: Outcome, words: str
) -> None:
    monkeypatch.setenv("PATH", str(TOOLS))
    files(tmp_path, {"Dockerfile": content})

    found = dockerfile.look(subject(tmp_path))

    assert (found.status, words in found.message) == (status, True), found.message
