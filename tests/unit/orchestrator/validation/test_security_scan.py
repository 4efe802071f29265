"""Static analysis: bandit as it is, semgrep as a stand-in that says what its documentation shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import security_scan
from tests.unit.orchestrator.validation.subjects import TOOLS, files, path_of, ran, stand_in, subject

SEVERE = "import subprocess\nsubprocess.call(input(), shell=True)\n"
MILD = "assert True\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def bandit_report(*findings: tuple[str, str]) -> str:
    results = [
        {"filename": "./app.py", "line_number": 2, "test_id": "B602", "issue_severity": severity, "issue_confidence": confidence}
        for severity, confidence in findings
    ]
    return json.dumps({"errors": [], "metrics": {}, "results": results})


def test_the_real_bandit_fails_a_severe_finding_and_passes_over_tests(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_of(TOOLS))
    files(project, {"shop/app.py": SEVERE, "tests/test_app.py": SEVERE, "test_more.py": SEVERE, ".venv/x.py": SEVERE})

    found = security_scan.look(subject(project))

    assert (found.status, found.message) == (
        Outcome.FAIL,
        "bandit: 1 severe of 2 findings: shop/app.py:2 B602: correct them",
    )


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], Outcome.PASS),
        ([("LOW", "HIGH")], Outcome.WARN),
        ([("HIGH", "MEDIUM")], Outcome.WARN),
        ([("MEDIUM", "HIGH")], Outcome.WARN),
        ([("LOW", "LOW"), ("HIGH", "HIGH")], Outcome.FAIL),
    ],
)
def test_only_high_severity_with_high_confidence_fails(
    project: Path, tools: Path, findings: list[tuple[str, str]], status: Outcome
) -> None:
    files(project, {"app.py": MILD})
    stand_in(tools, "bandit", expects=["--recursive", "."], says=bandit_report(*findings), code=bool(findings))

    assert security_scan.look(subject(project)).status is status


def test_files_that_bandit_could_not_read_are_no_pass(project: Path, tools: Path) -> None:
    files(project, {"app.py": "def"})
    report = {"errors": [{"filename": "./app.py", "reason": "syntax error"}], "results": []}
    stand_in(tools, "bandit", says=json.dumps(report))

    assert security_scan.look(subject(project)).status is Outcome.WARN


def test_obeys_what_the_project_tells_bandit(project: Path, tools: Path) -> None:
    files(project, {"app.py": MILD, "pyproject.toml": '[tool.bandit]\nskips = ["B101"]\n'})
    stand_in(tools, "bandit", expects=["--configfile", "pyproject.toml"], says=bandit_report())

    assert security_scan.look(subject(project)).status is Outcome.PASS


def test_python_without_bandit_is_a_skip(project: Path, tools: Path) -> None:
    files(project, {"app.py": MILD})

    found = security_scan.look(subject(project))

    assert (found.status, "bandit is not on PATH" in found.message) == (Outcome.SKIP, True)


def test_a_scanner_without_a_report_is_a_skip_with_its_last_words(project: Path, tools: Path) -> None:
    files(project, {"app.py": MILD})
    tools.mkdir()
    (tools / "bandit").write_text("#!/bin/sh\necho 'bandit: broken installation' >&2\nexit 2\n", encoding="utf-8")
    (tools / "bandit").chmod(0o755)

    found = security_scan.look(subject(project))

    assert (found.status, "broken installation" in found.message) == (Outcome.SKIP, True)


def test_without_sources_to_scan_there_is_nothing_to_say(project: Path, tools: Path) -> None:
    files(project, {"app.js": "eval(x)"})

    assert security_scan.look(subject(project)).status is Outcome.SKIP


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"severity": "ERROR"}, Outcome.FAIL),
        ({"severity": "HIGH", "metadata": {"confidence": "HIGH"}}, Outcome.FAIL),
        ({"severity": "ERROR", "metadata": {"confidence": "LOW"}}, Outcome.WARN),
        ({"severity": "WARNING"}, Outcome.WARN),
    ],
)
def test_applies_the_projects_own_rules_with_semgrep(
    project: Path, tools: Path, extra: dict[str, object], status: Outcome
) -> None:
    files(project, {"app.js": "eval(x)", ".semgrep.yml": "rules: []\n"})
    report = {"results": [{"check_id": "rules.no-eval", "path": "app.js", "start": {"line": 1, "col": 1}, "extra": extra}]}
    stand_in(tools, "semgrep", expects=["scan", "--config=.semgrep.yml", "--metrics=off", "--json"], says=json.dumps(report))

    found = security_scan.look(subject(project))

    assert found.status is status
    assert ("app.js:1 no-eval" in found.message) == (status is Outcome.FAIL)


@pytest.mark.parametrize(("code", "status"), [(0, Outcome.PASS), (3, Outcome.FAIL)])
def test_a_configured_scanner_replaces_the_others(project: Path, tools: Path, code: int, status: Outcome) -> None:
    files(project, {"app.py": SEVERE})
    argv = [sys.executable, "-c", f"import sys; sys.exit({code})"]
    checked = subject(project, validation={"security_scan": argv})

    assert security_scan.look(checked).status is status
    assert ran(checked) == [tuple(argv)]


def test_a_configured_scanner_that_is_missing_is_a_skip(project: Path, tools: Path) -> None:
    found = security_scan.look(subject(project, validation={"security_scan": ["trivy", "fs", "."]}))

    assert (found.status, "trivy is not on PATH" in found.message) == (Outcome.SKIP, True)
