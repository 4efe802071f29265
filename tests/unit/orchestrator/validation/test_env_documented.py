"""Environment variables that the project reads, and whether anybody says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import env_documented, reading
from tests.unit.orchestrator.validation.subjects import files, subject

READS = {
    "a.js": "const url = process.env.SHOP_URL || process.env['SHOP_OTHER'];",
    "b.ts": 'const { SHOP_A, SHOP_B: b, SHOP_C = "" } = process.env;\nconst d = import.meta.env.VITE_SHOP;',
    "c.py": 'import os\nx = os.environ["SHOP_PY"]\ny = os.environ.get("SHOP_GET", "1")\nz = os.getenv(\'SHOP_ENV\')\n',
    "d.go": 'package x\nvar a = os.Getenv("SHOP_GO")\n',
    "e.rs": 'let a = std::env::var("SHOP_RUST");',
    "f.rb": "ENV['SHOP_RUBY'] + ENV.fetch(\"SHOP_FETCH\")",
    "g.php": "<?php getenv('SHOP_PHP');",
}
ALL = {
    *("SHOP_URL", "SHOP_OTHER", "SHOP_A", "SHOP_B", "SHOP_C", "VITE_SHOP", "SHOP_PY", "SHOP_GET", "SHOP_ENV"),
    *("SHOP_GO", "SHOP_RUST", "SHOP_RUBY", "SHOP_FETCH", "SHOP_PHP"),
}
SECRET = {"local": {"config": {"path": "../releases", "env": {"TOKEN": {"env": "SHOP_TOKEN"}}}}}


def test_finds_what_sources_in_every_language_read(tmp_path: Path) -> None:
    files(tmp_path, READS)

    assert env_documented._read_by_sources(tmp_path) == ALL


def test_warns_with_the_names_that_nobody_documents(tmp_path: Path) -> None:
    files(tmp_path, {"app.py": READS["c.py"], ".env.example": "SHOP_PY=\n", "docs/run.md": "Set `SHOP_GET` first."})

    found = env_documented.look(subject(tmp_path))

    assert (found.status, found.message) == (
        Outcome.WARN,
        "not documented: SHOP_ENV: name them in .env.example or the README",
    )


@pytest.mark.parametrize("page", [".env.example", ".env.sample", "README.md", "docs/how/to/run.rst"])
def test_passes_what_stands_in_a_page(tmp_path: Path, page: str) -> None:
    files(tmp_path, {"app.js": "process.env.SHOP_URL", page: "Needed: SHOP_URL=https://shop.example\n"})

    assert env_documented.look(subject(tmp_path)).status is Outcome.PASS


def test_a_part_of_a_longer_name_documents_nothing(tmp_path: Path) -> None:
    files(tmp_path, {"app.js": "process.env.SHOP", "README.md": "SHOP_URL is needed"})

    assert env_documented.look(subject(tmp_path)).status is Outcome.WARN


def test_counts_what_deploy_json_refers_to(tmp_path: Path) -> None:
    found = env_documented.look(subject(tmp_path, targets=SECRET))

    assert (found.status, "SHOP_TOKEN" in found.message) == (Outcome.WARN, True)


@pytest.mark.parametrize(
    "file",
    ["node_modules/x/a.js", "tests/a.js", "a.test.js", ".next/a.js", "dist/a.js", "test_a.py", "venv/lib/a.py"],
)
def test_what_others_wrote_and_tests_do_not_count(tmp_path: Path, file: str) -> None:
    files(tmp_path, {file: READS["c.py"] + READS["a.js"]})

    assert env_documented.look(subject(tmp_path)).status is Outcome.SKIP


@pytest.mark.parametrize("code", ["process.env.SHOP = 1", 'process.env["SHOP"] = 1', "process.env.PATH", "process.env.NODE_ENV"])
def test_what_is_set_or_always_there_is_not_asked_for(tmp_path: Path, code: str) -> None:
    files(tmp_path, {"app.js": code, "app.py": 'os.environ["SHOP"] = "1"\n'})

    assert env_documented.look(subject(tmp_path)).status is Outcome.SKIP


def test_a_comparison_is_a_read(tmp_path: Path) -> None:
    files(tmp_path, {"app.js": "if (process.env.SHOP_A === 'x') {}", "app.py": 'os.environ["SHOP_B"] == "1"\n'})

    assert env_documented._read_by_sources(tmp_path) == {"SHOP_A", "SHOP_B"}


def test_huge_and_binary_sources_and_links_are_passed_over(tmp_path: Path) -> None:
    files(tmp_path, {"huge.js": "process.env.SHOP_A;" + " " * reading.LARGEST_SOURCE_BYTES})
    (tmp_path / "binary.js").write_bytes(b"process.env.SHOP_B \xff\xfe")
    files(tmp_path, {"elsewhere/c.js": "process.env.SHOP_C"})
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link.js").symlink_to(tmp_path / "elsewhere" / "c.js")
    for name in ("huge.js", "binary.js"):
        (tmp_path / name).rename(tmp_path / "project" / name)

    assert env_documented.look(subject(tmp_path / "project")).status is Outcome.SKIP


def test_the_fix_adds_the_missing_names_and_nothing_else(tmp_path: Path) -> None:
    files(tmp_path, {"app.py": READS["c.py"], ".env.sample": "# Ours\nSHOP_PY=1"})

    said = env_documented.fix(subject(tmp_path))

    assert said == ".env.sample names SHOP_ENV, SHOP_GET"
    assert (tmp_path / ".env.sample").read_text(encoding="utf-8") == "# Ours\nSHOP_PY=1\nSHOP_ENV=\nSHOP_GET=\n"
    assert env_documented.look(subject(tmp_path)).status is Outcome.PASS
    assert env_documented.fix(subject(tmp_path)) == ""


def test_the_fix_makes_an_example_file_where_there_is_none(tmp_path: Path) -> None:
    assert env_documented.fix(subject(tmp_path, targets=SECRET)) == ".env.example names SHOP_TOKEN"
    assert (tmp_path / ".env.example").read_text(encoding="utf-8") == "SHOP_TOKEN=\n"


def test_the_fix_does_not_write_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    files(tmp_path, {"elsewhere": "mine\n"})
    (tmp_path / "project" / ".env.example").symlink_to(tmp_path / "elsewhere")

    assert env_documented.fix(subject(tmp_path / "project", targets=SECRET)) == ""
    assert (tmp_path / "elsewhere").read_text(encoding="utf-8") == "mine\n"
