"""deploy.json is shared with other tools and with editors: what they write is taken in as theirs, and stays as they wrote it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.e2e

# As the deploy skill's scripts have written them over the years, newest first.
OLD: list[dict[str, Any]] = [
    {"version": "1.2.0", "target": "local", "status": "success", "timestamp": "2026-02-03T10:00:00", "commit_sha": None},
    {
        "timestamp": "2026-02-02T10:00:00.123456",
        "version": 3,
        "target": "local",
        "status": "failed",
        "commit_sha": None,
        "error": "no",
    },
    {
        "timestamp": "2026-02-01",
        "version": "v1.0-rc.1+build 7",
        "status": "success",
        "target": "docker",
        "zone": {"b": 1, "a": [2.0, 1]},
    },
    {"timestamp": "yesterday", "version": None, "target": None, "status": "rolled_back", "rollback_to": 1.5},
]


def with_history(project: Project, records: list[dict[str, Any]]) -> None:
    project.configure(top={"history": records})


def edits(project: Project) -> list[dict[str, Any]]:
    found = project.run("history", "--all-attempts", "--json").json()["configuration_edits"]
    assert isinstance(found, list)
    return found


def test_old_records_stay_as_they_were_written_below_ours(project: Project) -> None:
    with_history(project, OLD)

    project.deploy("2.0.0")

    ours, *others = project.history
    assert ours["version"] == "2.0.0"
    assert json.dumps(others) == json.dumps(OLD)  # also the order of their keys


def test_old_records_come_back_when_the_file_was_written_anew(project: Project) -> None:
    with_history(project, OLD)
    project.deploy("2.0.0")
    with_history(project, [])

    project.deploy("2.1.0")

    assert [record["version"] for record in project.history] == ["2.1.0", "2.0.0", "1.2.0", 3, "v1.0-rc.1+build 7", None]
    assert json.dumps(project.history[2:]) == json.dumps(OLD)


def test_every_command_reads_beside_old_records(project: Project) -> None:
    with_history(project, OLD)

    codes = [project.run(*words).code for words in ((), ("history",), ("metrics",), ("slots",), ("prepare", "--mode", "deploy"))]

    assert codes == [0, 0, 0, 0, 0]


def test_an_edit_is_on_record_once_as_somebody_elses(live: Project) -> None:
    assert edits(live) == []
    live.configure(local={"timeout_s": 77})
    live.configure(top={"ci": {"provider": "gitlab_ci"}})

    live.run("prepare", "--mode", "deploy")
    live.run("prepare", "--mode", "deploy")

    (edit,) = edits(live)
    assert (edit["by"], edit["fields"]) == ("outside", ["ci.provider", "targets.local.timeout_s"])
    assert edit["taken_in_by"].startswith("ann@")
    shown = live.run("history", "--all-attempts").out
    assert f"outside, seen by {edit['taken_in_by']}: ci.provider, targets.local.timeout_s" in shown


def test_an_audit_lists_them_from_the_events_themselves(live: Project) -> None:
    live.configure(local={"timeout_s": 77})
    live.run("prepare", "--mode", "deploy")

    shown, (edit,) = live.run("audit", "verify").out, live.run("audit", "verify", "--json").json()["configuration_edits"]

    assert (edit["by"], edit["places"]) == ("outside", ["targets.local.timeout_s"])
    assert "Newest edits of deploy.json (UTC):" in shown
    assert "outside, seen by ann@" in shown and ": targets.local.timeout_s" in shown


def test_what_init_and_the_history_write_is_no_edit_from_outside(live: Project) -> None:
    assert live.run("init", "--force", "--targets", "docker,local").code == 0
    live.run("prepare", "--mode", "dry_run", "--target", "local")

    (edit,) = edits(live)
    assert edit["by"].startswith("ann@")
    assert edit["taken_in_by"] is None
    assert "targets.docker.enabled" in edit["fields"]


def test_commands_that_only_read_put_nothing_on_record(live: Project) -> None:
    before = (live.data / "events.db").read_bytes()
    live.configure(local={"timeout_s": 77})

    for words in ((), ("history",), ("metrics",), ("slots",)):
        live.run(*words)

    assert (live.data / "events.db").read_bytes() == before


def test_many_at_once_put_an_edit_on_record_once(live: Project) -> None:
    live.configure(local={"timeout_s": 77})

    with ThreadPoolExecutor(4) as threads:
        ended = list(threads.map(lambda _number: live.run("prepare", "--mode", "deploy"), range(4)))

    assert [done.code for done in ended] == [0] * 4, [done.err for done in ended]
    assert [edit["fields"] for edit in edits(live)] == [["targets.local.timeout_s"]]


def test_no_value_of_the_file_is_stored(live: Project) -> None:
    live.configure(top={"other_tool": {"password": "correct-horse-battery"}})

    live.run("prepare", "--mode", "deploy")

    assert edits(live)[0]["fields"] == ["other_tool.password"]
    assert all(b"correct-horse" not in file.read_bytes() for file in live.data.glob("events.db*"))
