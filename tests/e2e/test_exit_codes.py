"""Every exit code, once, by the command line alone. 2, 3, 4, 5 and 8 leave everything as it was."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project, at_gate

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes", "--target", "fake", "--environment", "default")


@pytest.fixture
def fake(project: Project) -> Project:
    """1.0.0 is live on a fake that goes back by itself."""
    project.fake(steps=1, bad_versions=["6.0.0", "7.0.0"])
    project.configure(fake={"auto_rollback": True})
    assert project.run(*LIVE).code == 0
    return project


def test_0_done(fake: Project) -> None:
    done = fake.run(*LIVE, "--version", "1.0.1")

    assert (done.code, "Result: SUCCESS" in done.out) == (0, True)


def test_1_failed_and_the_target_is_unchanged(fake: Project) -> None:
    fake.fake(steps=1, fail_at="step-1")

    done = fake.run(*LIVE, "--version", "1.0.1")

    assert (done.code, "Result: FAILED at step-1\nLive now: 1.0.0 (unchanged)" in done.out) == (1, True)


def test_2_wrong_usage(fake: Project) -> None:
    assert fake.run(*LIVE, "--version", "no version").code == 2


def test_3_waiting_for_a_decision(fake: Project) -> None:
    done = fake.run("execute", "--target", "fake", "--mode", "deploy")

    assert (done.code, "Answer with: pop-deploy decide" in done.out) == (3, True)


def test_4_another_deployment_holds_the_slot(project: Project) -> None:
    with at_gate(project) as (_, gate):
        done = project.run("execute", "--mode", "deploy", "--yes")
        gate.open()

    assert (done.code, "default/local is held by deploy-" in done.out) == (4, True)


def test_5_refused_by_a_rule(fake: Project) -> None:
    done = fake.run("execute", "--target", "fake", "--mode", "canary", "--yes")

    assert (done.code, "Result: REFUSED" in done.out) == (5, True)


def test_6_failed_and_rolled_back(fake: Project) -> None:
    done = fake.run(*LIVE, "--version", "6.0.0")

    assert (done.code, "Result: ROLLED BACK to 1.0.0\nLive now: 1.0.0 (restored and verified)" in done.out) == (6, True)


def test_7_the_rollback_failed(fake: Project) -> None:
    fake.fake(steps=1, fail_at="restore", bad_versions=["7.0.0"])

    done = fake.run(*LIVE, "--version", "7.0.0")

    assert (done.code, "Result: ROLLBACK FAILED\nLive now: unknown" in done.out) == (7, True)


@pytest.mark.parametrize("place", ["before", "after"])
def test_8_interrupted(fake: Project, place: str) -> None:
    killed = fake.run(*LIVE, "--version", "1.0.1", POP_DEPLOY_FAKE_KILL=f"step-1:{place}")
    refused = fake.run(*LIVE, "--version", "1.0.1")
    resumed = fake.run("resume")

    assert (killed.code, refused.code, resumed.code) == (-9, 8, 0)
    assert f"Next: pop-deploy resume {fake.deployments()[1].id}" in refused.out
