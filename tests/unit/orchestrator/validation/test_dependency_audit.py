"""What the audit tools say and what follows from it. The tools are stand-ins that print what the real ones do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import dependency_audit
from tests.unit.orchestrator.validation.subjects import files, path_of, ran, stand_in, subject

PACKAGE = {"name": "shop", "dependencies": {"minimist": "0.0.8"}}


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def npm_report(padding: int = 0, **counts: int) -> str:
    """As of npm 7 and later."""
    severities = {**dict.fromkeys(("info", "low", "moderate", "high", "critical"), 0), **counts}
    vulnerable = {"minimist": {"name": "minimist", "severity": "critical", "via": ["x" * padding]}}
    metadata = {"vulnerabilities": {**severities, "total": sum(severities.values())}, "dependencies": {"prod": 2, "total": 2}}
    return json.dumps({"auditReportVersion": 2, "vulnerabilities": vulnerable, "metadata": metadata}, indent=2)


def with_npm(project: Path, tools: Path, says: str, *, code: int = 1) -> None:
    files(project, {"package.json": json.dumps(PACKAGE), "package-lock.json": "{}"})
    stand_in(tools, "npm", expects=["audit", "--json"], says=says, code=code)


@pytest.mark.parametrize(
    ("counts", "status", "words"),
    [
        ({}, Outcome.PASS, "knows no vulnerability"),
        ({"low": 2, "moderate": 1}, Outcome.WARN, "1 moderate, 2 low"),
        ({"high": 1}, Outcome.FAIL, "1 high"),
        ({"critical": 2, "low": 1}, Outcome.FAIL, "2 critical, 1 low"),
    ],
)
def test_severe_findings_of_npm_fail_and_others_warn(
    project: Path, tools: Path, counts: dict[str, int], status: Outcome, words: str
) -> None:
    with_npm(project, tools, npm_report(**counts), code=1 if counts else 0)

    found = dependency_audit.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message
    assert "development" not in found.message


def test_a_vulnerable_package_may_be_called_metadata(project: Path, tools: Path) -> None:
    with_npm(project, tools, npm_report(high=3).replace('"minimist"', '"metadata"'))

    assert "3 high" in dependency_audit.look(subject(project)).message


def test_a_report_so_long_that_its_beginning_is_cut_off_is_still_read(project: Path, tools: Path) -> None:
    with_npm(project, tools, npm_report(padding=200_000, high=3))

    assert "3 high" in dependency_audit.look(subject(project)).message


def test_severe_findings_in_development_dependencies_warn(project: Path, tools: Path) -> None:
    files(project, {"package.json": json.dumps(PACKAGE), "package-lock.json": "{}"})
    stand_in(tools, "npm", expects=["audit", "--json"], says=npm_report(high=1), others={"--omit=dev": npm_report(low=1)}, code=1)
    checked = subject(project)

    found = dependency_audit.look(checked)

    assert (found.status, "only in development dependencies" in found.message) == (Outcome.WARN, True), found.message
    assert ran(checked) == [("npm", "audit", "--json"), ("npm", "audit", "--json", "--omit=dev")]


@pytest.mark.parametrize(
    "says",
    [
        json.dumps({"message": "request failed, reason: connect ECONNREFUSED", "error": {"summary": "", "detail": ""}}),
        json.dumps({"error": {"code": "ENOLOCK", "summary": "This command requires an existing lockfile.", "detail": ""}}),
        "",
        "<html>",
        "[1]",
        '"metadata": {',
    ],
    ids=["no network", "no lock file", "silent", "a proxy's page", "a list", "cut off"],
)
def test_a_registry_that_does_not_answer_is_a_skip(project: Path, tools: Path, says: str) -> None:
    with_npm(project, tools, says)

    assert dependency_audit.look(subject(project)).status is Outcome.SKIP


def test_a_missing_tool_is_a_skip(project: Path) -> None:
    files(project, {"package.json": json.dumps(PACKAGE), "requirements.txt": "idna==2.7\n"})

    found = dependency_audit.look(subject(project))

    assert found.status is Outcome.SKIP
    assert "npm is not on PATH" in found.message
    assert "pip-audit is not on PATH" in found.message


def test_a_project_without_dependencies_has_nothing_to_audit(project: Path) -> None:
    files(project, {"package.json": '{"name": "shop"}', "requirements.txt": "# none\n"})

    assert dependency_audit.look(subject(project)).message == dependency_audit._NONE


VULNERABLE = {"name": "idna", "version": "2.7", "vulns": [{"id": "PYSEC-2024-60", "fix_versions": ["3.7"]}]}
CLEAN = {"name": "click", "version": "8.1.7", "vulns": []}
SKIPPED = {"name": "own", "skip_reason": "Dependency not found and could not be audited: own (1)"}


@pytest.mark.parametrize(
    ("packages", "code", "status", "words"),
    [
        ([CLEAN], 0, Outcome.PASS, "no vulnerability in 1 package"),
        ([CLEAN, VULNERABLE], 1, Outcome.WARN, "idna 2.7 (PYSEC-2024-60)"),
        ([CLEAN, SKIPPED], 0, Outcome.SKIP, "could not look at own"),
    ],
)
def test_findings_of_pip_audit_warn_because_it_knows_no_severity(
    project: Path, tools: Path, packages: list[object], code: int, status: Outcome, words: str
) -> None:
    files(project, {"requirements.txt": "idna==2.7\nclick==8.1.7\n"})
    stand_in(
        tools, "pip-audit", expects=["--no-deps", "--disable-pip", "json"], says=json.dumps({"dependencies": packages}), code=code
    )

    found = dependency_audit.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message


def test_asks_pip_audit_for_what_the_lock_file_pins(project: Path, tools: Path) -> None:
    lock = (
        '[[package]]\nname = "idna"\nversion = "2.7"\nsource = { registry = "https://index.example/simple" }\n'
        '[[package]]\nname = "shop"\nversion = "1"\nsource = { editable = "." }\n'
    )
    files(project, {"uv.lock": lock, "requirements.txt": "other==1\n"})

    assert dependency_audit._pinned(project) == {"uv.lock": {"idna": "2.7"}}


def test_what_is_not_pinned_cannot_be_audited(project: Path) -> None:
    files(project, {"requirements.txt": "idna>=2\nclick==8.1.7\n"})

    found = dependency_audit.look(subject(project))

    assert (found.status, "lock them" in found.message) == (Outcome.SKIP, True)


def test_a_failing_pip_audit_is_a_skip_with_its_last_words(project: Path, tools: Path) -> None:
    files(project, {"requirements.txt": "idna==2.7\n"})
    tools.mkdir()
    (tools / "pip-audit").write_text("#!/bin/sh\necho 'ERROR: no connection' >&2\nexit 1\n", encoding="utf-8")
    (tools / "pip-audit").chmod(0o755)

    found = dependency_audit.look(subject(project))

    assert (found.status, "no connection" in found.message) == (Outcome.SKIP, True)


# yarn and bun: stand-ins, neither is installed here

FINDING = {"value": "minimist", "children": {"ID": 1, "Issue": "Prototype Pollution", "Severity": "critical"}}
BERRY = {"yarn.lock": "__metadata:\n  version: 8\n"}
CLASSIC = {"yarn.lock": "# yarn lockfile v1\n"}


def summary(**counts: int) -> str:
    """The last line of yarn 1."""
    return json.dumps({"type": "auditSummary", "data": {"vulnerabilities": {"info": 0, "low": 0, **counts}}})


@pytest.mark.parametrize(
    ("lock", "tool", "says", "code", "status", "words"),
    [
        (BERRY, "yarn", json.dumps(FINDING), 1, Outcome.FAIL, "yarn npm audit: 1 critical"),
        (BERRY, "yarn", "", 0, Outcome.PASS, "yarn npm audit knows no vulnerability"),
        (BERRY, "yarn", "", 1, Outcome.SKIP, "ended with 1"),
        (BERRY, "yarn", npm_report(moderate=2), 1, Outcome.WARN, "2 moderate"),
        (CLASSIC, "yarn", '{"type": "auditAdvisory"}\n' + summary(high=1), 8, Outcome.FAIL, "yarn audit: 1 high"),
        (CLASSIC, "yarn", summary(), 0, Outcome.PASS, "yarn audit knows no vulnerability"),
        (CLASSIC, "yarn", '{"type": "error", "data": "offline"}', 1, Outcome.SKIP, "yarn audit could not ask"),
        ({"bun.lock": "{}"}, "bun", json.dumps({"minimist": [{"severity": "low"}]}), 1, Outcome.WARN, "bun audit: 1 low"),
        ({"bun.lock": "{}"}, "bun", json.dumps({"minimist": [{"severity": "new"}]}), 1, Outcome.WARN, "bun audit: 1 moderate"),
        ({"bun.lock": "{}"}, "bun", "{}", 0, Outcome.PASS, "bun audit knows no vulnerability"),
        ({"bun.lock": "{}"}, "bun", '{"error": {"summary": "offline"}}', 1, Outcome.SKIP, "could not ask: offline"),
    ],
)
def test_what_yarn_and_bun_report_is_read(
    project: Path, tools: Path, lock: dict[str, str], tool: str, says: str, code: int, status: Outcome, words: str
) -> None:
    files(project, {"package.json": json.dumps(PACKAGE), **lock})
    stand_in(tools, tool, says=says, code=code)

    found = dependency_audit.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message


@pytest.mark.parametrize("lock", [BERRY, {"bun.lock": "{}"}])
def test_without_yarn_or_bun_the_audit_is_skipped_with_the_reason(project: Path, lock: dict[str, str]) -> None:
    files(project, {"package.json": json.dumps(PACKAGE), **lock})

    found = dependency_audit.look(subject(project))

    assert (found.status, "PATH" in found.message) == (Outcome.SKIP, True), found.message


def test_requirements_files_of_other_names_are_audited_too(project: Path) -> None:
    listed = {"requirements.txt": "idna==2.7\n", "requirements-dev.txt": "idna==3.0\n", "requirements/prod.txt": "click>=8\n"}
    files(project, listed)

    pinned, found = dependency_audit._pinned(project), dependency_audit.look(subject(project))

    assert pinned == {"requirements.txt": {"idna": "2.7"}, "requirements-dev.txt": {"idna": "3.0"}, "requirements/prod.txt": {}}
    assert found.status is Outcome.SKIP
    assert "in requirements/prod.txt are not pinned" in found.message
