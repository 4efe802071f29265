"""`pop-deploy metrics` and `pop-deploy store upgrade`, as typed."""

import sqlite3
from contextlib import closing
from pathlib import Path

from eventstore.sqlite import SqliteEventStore
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import Clock, World


def test_shows_outcomes_and_durations_per_target(world: World, run: Run) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    world.deployment().to_failed().to_rolled_back(good.release)
    world.deployment(target="api").to_verified()

    out = run("metrics").out
    lines = out.splitlines()
    heads = ("TARGET", "ATTEMPTS", "SUCCESS RATE", "SUCCESS", "FAILED", "ROLLED BACK", "ROLLBACK FAILED", "ABORTED", "DRY RUNS")
    assert " ".join(lines[0].split()) == " ".join(heads)
    assert lines[1].split() == ["production/api", "1", "100%", "1", "0", "0", "0", "0", "0"]
    assert lines[2].split() == ["production/web", "2", "50%", "1", "0", "1", "0", "0", "0"]
    assert lines[3].split()[:3] == ["together", "3", "67%"]
    assert any(line.split()[:3] == ["production/web", "rollback", "1"] for line in lines)
    assert any(line.split() == ["production/web", "update", "1", "1s", "1s", "1"] for line in lines)
    assert lines[-1] == "Percentiles are at most 2% off."


def test_json_says_null_where_there_is_no_data(world: World, run: Run) -> None:
    world.deployment(mode="dry_run").to_simulated()

    data = run("metrics", "--json").data
    assert data["percentile_error"] == 0.02
    (target,) = data["targets"]
    assert (target["target"], target["attempts"], target["simulated"], target["success_rate"]) == ("web", 0, 1, None)
    assert target["duration"] == {"count": 0, "p50_ms": None, "p95_ms": None}


def test_filters_by_target_and_environment(world: World, run: Run) -> None:
    world.deployment().to_verified()
    world.deployment(target="api", environment="staging").to_verified()

    data = run("metrics", "--target", "api", "-e", "staging", "--json").data
    assert [slot["target"] for slot in data["targets"]] == ["api"]
    assert data["total"]["attempts"] == 1


def test_without_any_deployment(run: Run) -> None:
    assert run("metrics") == (0, "No deployments yet. Next: pop-deploy\n", "")
    data = run("metrics", "--json").data
    assert (data["targets"], data["total"]["attempts"], data["total"]["success_rate"]) == ([], 0, None)


# --- store upgrade ----------------------------------------------------------------


def test_an_up_to_date_store_stays_as_it_is(world: World, run: Run) -> None:
    world.deployment().to_verified()

    ended = run("store", "upgrade", "--json")
    assert ended.code == 0
    assert (ended.data["upgraded"], ended.data["from_revision"], ended.data["read_models_built"]) == (False, "0001", [])
    assert "is up to date (schema revision 0001)" in run("store", "upgrade").out


def test_read_models_that_are_missing_are_built(project: Path, run: Run) -> None:
    clock = Clock()
    path = project / ".claude" / "popkit" / "events.db"
    story = World(SqliteEventStore(f"sqlite:///{path}", now=clock), clock).deployment().to_verified()

    ended = run("store", "upgrade")
    built = "deploy_history, deployments, metrics, notifications, releases, slots, validations"
    assert f"schema revision 0001 as before; read models built: {built}" in ended.out
    assert run("history", "--json").data["deployments"][0]["deployment_id"] == story.id


def test_a_newer_store_is_refused_and_left_untouched(world: World, project: Path, run: Run) -> None:
    world.deployment()
    world.store.close()
    path = project / ".claude" / "popkit" / "events.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    ended = run("store", "upgrade")
    assert (ended.code, ended.out) == (1, "")
    assert "9999" in ended.err and "use the newer pop-deploy" in ended.err
    assert path.read_bytes() == before


def test_without_a_store_there_is_nothing_to_upgrade(run: Run) -> None:
    ended = run("store", "upgrade")

    assert ended.code == 1
    assert "nothing to upgrade" in ended.err
