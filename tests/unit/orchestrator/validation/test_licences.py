"""Licences of dependencies, as lock files and installed packages say them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import licences
from orchestrator.validation.spdx import alternatives
from tests.unit.orchestrator.validation.subjects import files, subject


def lock(**entries: dict[str, object]) -> str:
    packages = {"": {}, **{f"node_modules/{name}": entry for name, entry in entries.items()}}
    return json.dumps({"lockfileVersion": 3, "packages": packages})


def installed(project: Path, name: str, *headers: str) -> None:
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", *headers, "", "A description\nLicense: not a header"])
    files(project, {f".venv/lib/python3.11/site-packages/{name}-1.0.dist-info/METADATA": text})


MIT: dict[str, object] = {"license": "MIT"}


def test_without_lock_file_and_environment_nothing_is_known(tmp_path: Path) -> None:
    assert licences.look(subject(tmp_path)).status is Outcome.SKIP


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ({"license": "MIT"}, Outcome.PASS),
        ({"license": "LGPL-3.0-only"}, Outcome.PASS),
        ({"license": "(MIT OR GPL-3.0-only)"}, Outcome.PASS),
        ({"license": "GPL-3.0-only"}, Outcome.WARN),
        ({"license": "MIT AND AGPL-3.0-or-later"}, Outcome.WARN),
        ({"license": {"type": "SSPL-1.0"}}, Outcome.WARN),
        ({}, Outcome.WARN),
        ({"license": "SEE LICENSE IN x"}, Outcome.WARN),
        ({"license": "GPL-3.0-only", "dev": True}, Outcome.PASS),
    ],
    ids=str,
)
def test_strong_copyleft_and_silence_warn(tmp_path: Path, entry: dict[str, object], status: Outcome) -> None:
    files(tmp_path, {"package-lock.json": lock(ms=MIT, other=entry)})

    found = licences.look(subject(tmp_path))

    assert found.status is status, found.message
    assert ("other" in found.message) == (status is not Outcome.PASS)


def test_strong_copyleft_fits_a_project_that_is_under_it_itself(tmp_path: Path) -> None:
    files(
        tmp_path, {"package-lock.json": lock(x={"license": "GPL-3.0-only"}), "package.json": '{"license": "AGPL-3.0-or-later"}'}
    )

    assert licences.look(subject(tmp_path)).status is Outcome.PASS


@pytest.mark.parametrize(
    ("licence", "status"),
    [
        ("MIT", Outcome.PASS),
        ("mit", Outcome.PASS),
        ("ISC", Outcome.FAIL),
        ("MIT OR ISC", Outcome.PASS),
        ("MIT AND ISC", Outcome.FAIL),
    ],
)
def test_with_a_list_of_allowed_ones_every_other_fails(tmp_path: Path, licence: str, status: Outcome) -> None:
    files(tmp_path, {"package-lock.json": lock(x={"license": licence})})

    found = licences.look(subject(tmp_path, validation={"allowed_licences": ["MIT", "Apache-2.0"]}))

    assert found.status is status
    assert (f"x ({licence})" in found.message) == (status is Outcome.FAIL)


def test_asks_the_installed_package_where_the_lock_file_is_silent(tmp_path: Path) -> None:
    files(tmp_path, {"package-lock.json": lock(x={}), "node_modules/x/package.json": '{"licenses": [{"type": "MIT"}]}'})

    assert licences.look(subject(tmp_path)).status is Outcome.PASS


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("License-Expression: MIT", Outcome.PASS),
        ("Classifier: License :: OSI Approved :: MIT License", Outcome.PASS),
        ("License: BSD", Outcome.PASS),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", Outcome.WARN),
        ("License: UNKNOWN", Outcome.WARN),
        ("Summary: says nothing", Outcome.WARN),
    ],
)
def test_reads_the_metadata_in_the_projects_own_environment(tmp_path: Path, header: str, status: Outcome) -> None:
    installed(tmp_path, "dep", header)
    installed(tmp_path, "pip", "License: UNKNOWN")
    installed(tmp_path, "shop", "License: UNKNOWN")
    files(tmp_path, {"pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n'})

    assert licences.look(subject(tmp_path)).status is status


@pytest.mark.parametrize(
    ("expression", "choices"),
    [
        ("MIT", [{"MIT"}]),
        ("MIT OR Apache-2.0", [{"MIT"}, {"Apache-2.0"}]),
        ("MIT AND (ISC OR Zlib)", [{"MIT", "ISC"}, {"MIT", "Zlib"}]),
        ("MIT OR ISC AND Zlib", [{"MIT"}, {"ISC", "Zlib"}]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [{"GPL-2.0-only WITH Classpath-exception-2.0"}]),
        ("(MIT", [{"(MIT"}]),
        ("BSD License", [{"BSD License"}]),
        ("MIT OR", [{"MIT OR"}]),
        ("(" * 200, [{"(" * 200}]),
        ("(" * 90_000, [{"(" * 90_000}]),
        ("(A OR B) AND " * 14 + "C", [{"(A OR B) AND " * 14 + "C"}]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_an_expression_leaves_choices_and_an_unreadable_one_is_a_name(expression: str, choices: list[set[str]]) -> None:
    assert alternatives(expression) == choices


@given(st.lists(st.sampled_from(["MIT", "(", ")", "AND", "OR", "WITH", "x", " "]), max_size=200).map(" ".join))
def test_whatever_somebody_calls_a_licence_has_at_least_one_choice(expression: str) -> None:
    assert alternatives(expression)
