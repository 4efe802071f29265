"""Dockerfiles, good and bad, judged by our own rules and by hadolint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import dockerfile
from orchestrator.validation.dockerfile_text import instructions
from tests.unit.orchestrator.validation.subjects import files, path_of, stand_in, subject

GOOD = """# syntax=docker/dockerfile:1
ARG PYTHON=3.11-slim
FROM --platform=linux/amd64 python:${PYTHON} AS base
RUN apt-get update \\
    # what we need
    && apt-get install -y --no-install-recommends curl \\
    && rm -rf /var/lib/apt/lists/*

FROM base
ARG TOKEN
ENV API_TOKEN_FILE=/run/secrets/token \\
    PORT=8080
COPY . /app
USER shop:shop
HEALTHCHECK CMD curl -f http://127.0.0.1:8080/
CMD ["serve"]
"""


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_a_project_without_a_dockerfile_is_a_skip(project: Path) -> None:
    found = dockerfile.look(subject(project))

    assert (found.status, found.message) == (Outcome.SKIP, "no Dockerfile")


def test_passes_a_careful_dockerfile_and_says_that_hadolint_knows_more(project: Path) -> None:
    files(project, {"Dockerfile": GOOD})

    found = dockerfile.look(subject(project))

    assert (found.status, "hadolint, which knows more, is not on PATH" in found.message) == (Outcome.PASS, True), found.message


def test_a_user_of_an_earlier_stage_is_not_that_of_the_image(project: Path) -> None:
    files(project, {"Dockerfile": "FROM x:1 AS a\nUSER shop\nFROM y:1\nCOPY --from=a /x /x\n"})

    assert "no USER in the last stage" in dockerfile.look(subject(project)).message


def test_a_missing_healthcheck_is_said_and_is_no_warning(project: Path) -> None:
    files(project, {"Dockerfile": GOOD.replace("HEALTHCHECK", "# HEALTHCHECK")})

    found = dockerfile.look(subject(project))

    assert (found.status, "no HEALTHCHECK" in found.message) == (Outcome.PASS, True)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("USER shop:shop\n", "", "no USER in the last stage"),
        ("USER shop:shop", "USER root", "line 14: the service runs as root"),
        ("USER shop:shop", "USER 0:0", "runs as root"),
        ("python:${PYTHON}", "python", "line 3: python has no fixed version"),
        ("python:${PYTHON}", "localhost:5000/python:latest", "has no fixed version"),
        ("python:${PYTHON}", "localhost:5000/python", "has no fixed version"),
        ("PYTHON=3.11-slim", "PYTHON=latest", "python:latest has no fixed version"),
        ("COPY . /app", "ADD https://example.com/a.tgz /app", "line 13: ADD of a URL"),
        ("--no-install-recommends ", "", "line 4: apt installs more"),
        ("rm -rf /var/lib/apt/lists/*", "true", "line 4: apt's lists stay"),
    ],
)
def test_warns_with_the_line_of(project: Path, before: str, after: str, words: str) -> None:
    assert before in GOOD
    files(project, {"Dockerfile": GOOD.replace(before, after)})

    found = dockerfile.look(subject(project))

    assert (found.status, words in found.message) == (Outcome.WARN, True), found.message


@pytest.mark.parametrize(
    "base", ["scratch", "python@sha256:" + "a" * 64, "$UNKNOWN", "python:3.11", "localhost:5000/x/python:3.11@sha256:" + "b" * 64]
)
def test_a_base_that_is_fixed_or_unknown_is_no_warning(project: Path, base: str) -> None:
    files(project, {"Dockerfile": f"FROM {base}\nUSER shop\n"})

    assert dockerfile.look(subject(project)).status is Outcome.PASS


@pytest.mark.parametrize(
    "line",
    ["ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD hunter2", "ARG NPM_TOKEN=hunter2", 'ENV A=1 AWS_SECRET_ACCESS_KEY="hunter2 x"'],
)
def test_fails_a_secret_that_stays_in_the_image_and_does_not_show_it(project: Path, line: str) -> None:
    files(project, {"Dockerfile": f"{GOOD}{line}\n"})

    found = dockerfile.look(subject(project))

    assert found.status is Outcome.FAIL
    assert f"{line.split(maxsplit=1)[0]} " in found.message
    assert "hunter2" not in found.message


@pytest.mark.parametrize(
    "line", ["ARG NPM_TOKEN", "ENV DB_PASSWORD=$DB_PASSWORD", "ENV TOKEN_URL=x", "ENV MONKEY=1", "ENV PASSWORD_FILE=/x"]
)
def test_what_only_sounds_like_a_secret_is_none(project: Path, line: str) -> None:
    files(project, {"Dockerfile": f"{GOOD}{line}\n"})

    assert dockerfile.look(subject(project)).status is Outcome.PASS


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("", Outcome.FAIL),
        ("# nothing\n\n", Outcome.FAIL),
        ("FROM\n", Outcome.WARN),
        ("FROM x:1\\", Outcome.WARN),
        ("RUN <<E\n", Outcome.FAIL),
    ],
)
def test_a_broken_dockerfile_is_judged_without_a_traceback(project: Path, content: str, status: Outcome) -> None:
    files(project, {"Dockerfile": content})

    assert dockerfile.look(subject(project)).status is status


def test_reads_here_documents_and_another_escape_character() -> None:
    said = instructions("# escape=`\nFROM x:1 `\n  AS a\nRUN <<E1 cat && <<'E2' cat\nFROM no\nE1\nUSER no\nE2\nUSER b\n")

    assert [(line.number, line.word) for line in said] == [(2, "FROM"), (4, "RUN"), (9, "USER")]
    assert said[0].rest == "x:1  AS a" or said[0].rest == "x:1 AS a"


def test_looks_at_the_dockerfile_of_the_target(project: Path) -> None:
    files(project, {"docker/web.Dockerfile": "FROM x\nUSER a\n", "Dockerfile": GOOD})
    targets = {"docker": {"config": {"image_name": "shop/web", "dockerfile": "docker/web.Dockerfile"}}}

    assert dockerfile.look(subject(project, targets=targets)).message.startswith("docker/web.Dockerfile: line 1: x has no fixed")


def hadolint(tools: Path, *findings: tuple[str, str, int]) -> None:
    said = [
        {"code": code, "column": 1, "file": "Dockerfile", "level": level, "line": line, "message": "..."}
        for level, code, line in findings
    ]
    stand_in(tools, "hadolint", expects=["--format", "json", "Dockerfile"], says=json.dumps(said), code=1 if findings else 0)


@pytest.mark.parametrize(
    ("findings", "status", "words"),
    [
        ([], Outcome.PASS, "finds nothing"),
        ([("info", "DL3059", 4), ("style", "DL4001", 4)], Outcome.PASS, "finds nothing"),
        ([("info", "DL3059", 4), ("warning", "DL3008", 5)], Outcome.WARN, "DL3008 in line 5"),
        ([("warning", "DL3008", 5), ("error", "DL3000", 7)], Outcome.FAIL, "DL3000 in line 7"),
    ],
)
def test_believes_hadolint(project: Path, tools: Path, findings: list[tuple[str, str, int]], status: Outcome, words: str) -> None:
    files(project, {"Dockerfile": "FROM x\n"})
    hadolint(tools, *findings)

    found = dockerfile.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message


def test_looks_for_secrets_also_where_hadolint_is_content(project: Path, tools: Path) -> None:
    files(project, {"Dockerfile": f"{GOOD}ENV DB_PASSWORD=hunter2\n"})
    hadolint(tools)

    assert dockerfile.look(subject(project)).status is Outcome.FAIL


def test_a_hadolint_that_says_no_json_is_a_skip(project: Path, tools: Path) -> None:
    files(project, {"Dockerfile": GOOD})
    stand_in(tools, "hadolint", says="", error="hadolint: invalid option\n", code=2)

    found = dockerfile.look(subject(project))

    assert (found.status, "invalid option" in found.message) == (Outcome.SKIP, True)
