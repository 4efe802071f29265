"""The table of deployments: what a row says at each point, and every query on it."""

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import Slot
from orchestrator.domain.questions import DEPLOY_TARGET, STEP_OUTCOME
from orchestrator.projections import deployments
from orchestrator.projections.deployments_table import DeploymentRow
from tests.unit.orchestrator.histories import Story, World


@pytest.fixture
def world() -> World:
    return World()


def row(story: Story) -> DeploymentRow:
    (found,) = deployments.get(story.world.store, story.id)
    return found


def ids(rows: list[DeploymentRow]) -> list[str]:
    return [row.id for row in rows]


# --- the row ----------------------------------------------------------------------


def test_a_request_waits_for_its_target(world: World) -> None:
    story = world.deployment(target=None, mode=None, reason="release day").ask(DEPLOY_TARGET)

    found = row(story)
    assert (found.state, found.status, found.target, found.mode) == ("requested", "waiting", None, None)
    assert (found.decision_id, found.question) == ("deploy_target", "Which target should I deploy?")
    assert (found.actor, found.reason, found.commit_sha) == ("ann@ci-7", "release day", "0a1b2c3d")


def test_an_answer_closes_the_question_and_the_choices_are_kept(world: World) -> None:
    story = world.deployment(target=None, mode=None).ask().choose(target="api", mode="dry_run").prepare().simulate()

    found = row(story)
    assert (found.target, found.mode, found.dry_run, found.status) == ("api", "dry_run", True, "simulated")
    assert found.simulated_ok is True
    assert found.duration_ms == 5000  # from the request: nothing is executed


def test_a_running_step_is_named_until_it_ends(world: World) -> None:
    story = world.deployment().to_executing().run("build").start("push")

    running = row(story)
    assert (running.step, running.step_title, running.step_number, running.step_total) == ("push", "Pushing to registry", 2, 5)
    assert running.step_started_at == running.updated_at
    assert (running.status, running.effect, running.touched_live) == ("running", True, False)
    story.finish("push")
    assert row(story).step is None
    story.start("update")
    assert row(story).touched_live is True


def test_a_verified_deployment_says_how_long_it_took(world: World) -> None:
    story = world.deployment()
    story.to_executing()
    world.clock.wait(seconds=100)
    story.run("build").deploy().verify()

    found = row(story)
    assert (found.state, found.status, found.error, found.step) == ("verified", "success", None, None)
    assert found.started_at is not None and found.finished_at is not None
    assert found.duration_ms == 104_000


def test_verifying_again_does_not_make_a_deployment_longer(world: World) -> None:
    story = world.deployment().to_verified()
    before = row(story)
    world.clock.wait(days=3)

    doubted = row(story.doubt())
    assert (doubted.state, doubted.status, doubted.error_step, doubted.error) == (
        "deployed",
        "success",
        "health_check",
        "health check: got 500",
    )
    again = row(story.verify())
    assert (again.finished_at, again.duration_ms, again.error) == (before.finished_at, before.duration_ms, None)


def test_a_failure_and_its_rollback_are_both_told(world: World) -> None:
    good = world.deployment(version="1.1.0").to_verified()
    story = world.deployment().to_failed(reference=good.release)
    failed = row(story)
    story.to_rolled_back(good.release)

    assert (failed.state, failed.status, failed.error_step, failed.error) == ("failed", "failed", "update", "port 8080 is taken")
    found = row(story)
    assert (found.state, found.status, found.rollback_to, found.rollback_by) == (
        "rolled_back",
        "rolled_back",
        "1.1.0",
        "policy auto_rollback",
    )
    assert found.error == "port 8080 is taken"


def test_an_abort_is_a_failure_only_after_an_effect(world: World) -> None:
    before = world.deployment().prepare().abort()
    unsettled = world.deployment().to_executing().abort()
    during = world.deployment().to_executing().run("build").abort()
    after_failure = world.deployment().to_executing().fail(step="build").abort()

    assert [row(story).status for story in (before, unsettled, during, after_failure)] == [
        "aborted",
        "aborted",
        "failed",
        "failed",
    ]


def test_an_interruption_stands_until_somebody_goes_on(world: World) -> None:
    story = world.deployment().to_executing().run("build").interrupt("SIGTERM")

    assert row(story).interrupted_by == "SIGTERM"
    assert row(story.resume()).interrupted_by is None


def test_the_outcome_of_a_step_closes_the_question_about_it(world: World) -> None:
    story = world.deployment().to_executing().start("build").ask(STEP_OUTCOME)
    asked = row(story).decision_id

    story.finish("build", found=True)
    assert (asked, row(story).decision_id) == ("step_outcome", None)


# --- queries ----------------------------------------------------------------------


def test_newest_leaves_out_dry_runs_and_what_did_nothing(world: World) -> None:
    first = world.deployment().to_verified()
    dry = world.deployment(mode="dry_run").to_simulated()
    dropped = world.deployment().prepare().abort()
    waiting = world.deployment().prepare()

    assert ids(deployments.newest(world.store, limit=10)) == [waiting.id, first.id]
    everything = deployments.newest(world.store, limit=10, include_dry_runs=True)
    assert ids(everything) == [waiting.id, dropped.id, dry.id, first.id]
    assert ids(deployments.newest(world.store, limit=2, include_dry_runs=True)) == [waiting.id, dropped.id]


def test_newest_filters_by_target_environment_and_status(world: World) -> None:
    web = world.deployment().to_verified()
    staging = world.deployment(environment="staging").to_verified()
    api = world.deployment(target="api").to_failed()
    broken = world.deployment().to_failed()

    assert ids(deployments.newest(world.store, limit=9, target="web")) == [broken.id, staging.id, web.id]
    assert ids(deployments.newest(world.store, limit=9, environment="production")) == [broken.id, api.id, web.id]
    assert ids(deployments.newest(world.store, limit=9, target="web", environment="production")) == [broken.id, web.id]
    assert ids(deployments.newest(world.store, limit=9, status="failed")) == [broken.id, api.id]
    assert ids(deployments.newest(world.store, limit=9, target="web", status="success")) == [staging.id, web.id]
    assert deployments.newest(world.store, limit=9, target="nowhere") == []


def test_finds_ids_by_their_beginning(world: World) -> None:
    one = world.deployment(id="deploy-20260318-143022-k3f9")
    two = world.deployment(id="deploy-20260318-143022-k3fa")
    other = world.deployment(id="deploy-20270101-000000-zzzz")

    assert deployments.find(world.store, "deploy-20260318") == [two.id, one.id]
    assert deployments.find(world.store, "20270101") == [other.id]
    assert deployments.find(world.store, "deploy-9") == []


@pytest.mark.parametrize("text", ["deploy-20270101-000000-zzzz", "deploy-2027", "2027", "latest"])
def test_resolves_what_a_person_types(world: World, text: str) -> None:
    world.deployment(id="deploy-20260318-143022-k3f9")
    world.deployment(id="deploy-20270101-000000-zzzz", mode="dry_run")

    assert deployments.resolve(world.store, text) == "deploy-20270101-000000-zzzz"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deploy-2026", "more than one deployment: deploy-20260318-143022-k3fa, deploy-20260318-143022-k3f9"),
        ("deploy-20260318-143022-k3fx", "Did you mean deploy-20260318-143022-k3f"),
        ("nonsense", "The last ones: deploy-20260318-143022-k3fa, deploy-20260318-143022-k3f9"),
        ("\udc80", "no deployment"),
    ],
)
def test_refuses_to_guess_an_id(world: World, text: str, message: str) -> None:
    world.deployment(id="deploy-20260318-143022-k3f9")
    world.deployment(id="deploy-20260318-143022-k3fa")

    with pytest.raises(UsageProblem, match=message):
        deployments.resolve(world.store, text)


@pytest.mark.parametrize("text", ["latest", "deploy-1"])
def test_says_when_there_is_no_deployment_at_all(world: World, text: str) -> None:
    with pytest.raises(UsageProblem, match="Next: pop-deploy execute"):
        deployments.resolve(world.store, text)


def test_finds_a_plan_by_its_digest(world: World) -> None:
    digest = "sha256:" + "ab" * 32
    world.deployment().prepare(digest=digest)
    newer = world.deployment(mode="dry_run").prepare(digest=digest)
    world.deployment().prepare(digest="sha256:" + "abab" * 2 + "00" * 28)

    assert deployments.by_plan_digest(world.store, digest) == newer.id
    assert deployments.by_plan_digest(world.store, "ab" * 32) == newer.id
    assert deployments.by_plan_digest(world.store, "abababababab") == newer.id
    assert deployments.by_plan_digest(world.store, "sha256:" + "ff" * 32) is None
    with pytest.raises(UsageProblem, match="more than one plan"):
        deployments.by_plan_digest(world.store, "abababab")
    with pytest.raises(UsageProblem, match="at least 8"):
        deployments.by_plan_digest(world.store, "abab")


def test_only_a_live_deployment_that_began_counts_as_one(world: World) -> None:
    slot = Slot("shop", "production", "web")
    world.deployment(mode="dry_run").to_simulated()
    world.deployment().prepare().abort()
    world.deployment(environment="staging").to_verified()
    world.deployment().prepare()

    assert not deployments.has_live(world.store, slot)
    assert deployments.latest(world.store, slot) is None
    story = world.deployment().to_failed()
    world.deployment().prepare()
    assert deployments.has_live(world.store, slot)
    assert [found.id for found in [deployments.latest(world.store, slot)] if found] == [story.id]


def test_unfinished_is_what_waits_runs_or_still_claims_its_slot(world: World) -> None:
    world.deployment().to_verified()
    world.deployment(mode="dry_run").to_simulated()
    waiting = world.deployment().prepare().ask()
    interrupted = world.deployment(target="api").to_executing().interrupt()
    unverified = world.deployment(target="db").to_executing().run("build").deploy()
    claiming = world.deployment(target="cache").to_executing().run("build").deploy().verify()

    assert ids(deployments.unfinished(world.store)) == [claiming.id, unverified.id, interrupted.id, waiting.id]
    claiming.release_slot()
    assert claiming.id not in ids(deployments.unfinished(world.store))


def test_a_doubted_release_is_not_unfinished(world: World) -> None:
    world.deployment().to_verified().doubt()

    assert deployments.unfinished(world.store) == []


@pytest.mark.parametrize(
    "query",
    [
        f"{deployments._READ} WHERE status = 'failed' ORDER BY position DESC LIMIT 5",
        f"{deployments._READ} WHERE project = 'a' AND environment = 'b' AND target = 'c' AND status = 'd' "
        "ORDER BY position DESC LIMIT 5",
        "SELECT project, environment, target FROM deployments WHERE (project, environment, target) > ('a', 'b', 'c') "
        "ORDER BY project, environment, target LIMIT 1",
        "SELECT id FROM deployments WHERE plan_digest = 'x' ORDER BY position DESC LIMIT 1",
        "SELECT id FROM deployments WHERE id >= 'a' AND id < 'b' ORDER BY id DESC LIMIT 5",
        "SELECT key FROM deploy_history WHERE project = 'shop' ORDER BY moment DESC, position DESC LIMIT 5",
        "SELECT release FROM releases WHERE project = 'a' AND environment = 'b' AND target = 'c' AND verified = 1 "
        "ORDER BY position DESC LIMIT 5",
        "SELECT release FROM releases WHERE project = 'a' AND environment = 'b' AND target = 'c' AND verified = 1 "
        "AND version = 'x' ORDER BY position DESC LIMIT 1",
    ],
)
def test_every_query_walks_an_index_in_its_order(world: World, query: str) -> None:
    plan = " ".join(row[3] for row in world.store.query(f"EXPLAIN QUERY PLAN {query}"))

    assert "USING" in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN deployments " not in f"{plan} "
