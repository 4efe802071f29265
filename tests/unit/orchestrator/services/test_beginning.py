"""Beginning a deployment: what is refused before anything is recorded, its ID, its metadata, and deploy.json's history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.ids import stream_of
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from tests.unit.orchestrator.services.workspace import World


def test_history_is_written_once_a_deployment_has_ended(world: World) -> None:
    journal = world.deploy("1.0.0")

    (record,) = world.history_file.records
    assert record["deployment_id"] == journal.deployment.id
    assert {name: record[name] for name in ("target", "version", "status", "mode", "environment", "actor", "commit_sha")} == {
        "target": "web",
        "version": "1.0.0",
        "status": "success",
        "mode": "deploy",
        "environment": "default",
        "actor": "ann@ci-7",
        "commit_sha": "c1",
    }
    assert None not in record.values()


def test_records_of_others_are_taken_in_once_before_the_first_event(world: World) -> None:
    others = {"timestamp": "2026-01-01T00:00:00Z", "target": "web", "version": "0.9.0", "status": "success"}
    world.history_file.records = [others]

    publish_history(world.process())
    world.deploy("1.0.0")
    publish_history(world.process())

    assert [record["version"] for record in world.history_file.records] == ["1.0.0", "0.9.0"]
    assert world.history_file.records[1] == others
    assert len(list(world.store.read_stream("import"))) == 1


def test_a_file_that_cannot_be_written_does_not_fail_the_deployment(world: World) -> None:
    world.history_file.unwritable = True

    journal = world.deploy("1.0.0")

    assert journal.deployment.state is State.VERIFIED
    assert publish_history(world.process()) == "deploy.json: permission denied"


def test_an_id_that_was_taken_is_made_anew(world: World) -> None:
    first = world.begin()
    world.ids = iter([first.deployment.id, "deploy-20260318-143022-zzzz"])

    second = world.begin()

    assert second.deployment.id == "deploy-20260318-143022-zzzz"
    assert world.deployment(first.deployment.id).requested.version == "1.0.0"


def test_every_event_says_who_where_and_what_it_belongs_to(world: World) -> None:
    journal = world.deploy("1.0.0", world.process(actor="ann@ci-7", pid=123))

    metadata = world.metadata(journal.deployment.id)
    stream = stream_of(journal.deployment.id)
    assert {(one["actor"], one["host"], one["pid"], one["tool_version"]) for one in metadata} == {
        ("ann@ci-7", "ci-7", 123, "0.1.0")
    }
    assert {one["correlation_id"] for one in metadata} == {journal.deployment.id}
    assert (metadata[0]["causation_id"], metadata[1]["causation_id"]) == (None, f"{stream}@0")


def test_a_retry_names_what_it_was_caused_by(world: World) -> None:
    first = world.deploy("1.0.0")

    again = world.begin(caused_by=first.deployment.id)

    assert world.deployment(again.deployment.id).requested.caused_by == first.deployment.id


@pytest.mark.parametrize(
    ("entry", "message"),
    [({"enabled": False}, "enabled is false"), ({"environments": {"default": {"enabled": False}}}, "enabled is false")],
)
def test_a_disabled_target_is_refused_before_anything_is_recorded(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    world = World(tmp_path, **entry)

    with pytest.raises(UsageProblem, match=message):
        world.begin()

    assert world.store.appends == []


def test_without_any_enabled_target_nothing_begins(tmp_path: Path) -> None:
    world = World(tmp_path, enabled=False)

    with pytest.raises(UsageProblem, match="no target is enabled"):
        world.begin(target=None)

    assert world.store.appends == []


def test_without_a_version_nothing_begins(world: World) -> None:
    world.files.version = None  # type: ignore[assignment]

    with pytest.raises(UsageProblem, match="no version: name one with --version"):
        world.begin()

    assert world.store.appends == []


def test_the_environment_decides_which_targets_are_enabled(tmp_path: Path) -> None:
    world = World(tmp_path, targets={})
    world.configure("web", environments={"default": {"enabled": False}})
    world.configure("api")
    journal = world.begin(target=None, mode=Mode.DRY_RUN)

    advance(world.process(), journal, Consent())

    assert journal.deployment.target == "api"
