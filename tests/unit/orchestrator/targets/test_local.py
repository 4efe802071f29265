"""The `local` target as a whole: what a deployment leaves behind, and how an interrupted one is found again."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.plan import Mode, Plan, Slot, Step
from orchestrator.domain.settings import SecretRef
from orchestrator.targets import processes
from orchestrator.targets.base import Answer, StepError
from tests.unit.orchestrator.targets.local_world import ID, RUN, WAITS, World, numbered, request


def released(world: World) -> set[str]:
    return {str(path.relative_to(world.srv / "current" / ".")) for path in (world.srv / "current").rglob("*")}


def step(plan: Plan, name: str) -> Step:
    return plan.step(name)


def test_leaves_a_place_that_people_can_read(world: World) -> None:
    world.deploy(run=RUN, shared=("uploads",))

    name = f"1.0.0-{ID}"
    assert sorted(str(path.relative_to(world.srv)) for path in world.srv.rglob("*")) == [
        ".pop-deploy.json",
        "current",
        "logs",
        f"logs/{name}.log",
        "releases",
        f"releases/{name}",
        f"releases/{name}.json",
        f"releases/{name}/serve.py",
        f"releases/{name}/uploads",
        "run",
        "run/service.json",
        "shared",
        "shared/uploads",
    ]
    assert str((world.srv / "current").readlink()) == f"releases/{name}"
    assert json.loads((world.srv / ".pop-deploy.json").read_text()) == {
        "schema": 1,
        "project": "shop",
        "environment": "staging",
        "target": "web",
    }
    assert (world.srv / "run").stat().st_mode & 0o777 == 0o700
    assert (world.srv / "run" / "service.json").stat().st_mode & 0o777 == 0o600


def test_releases_the_project_without_our_own_data(world: World) -> None:
    for path in (
        ".git/HEAD",
        ".claude/popkit/events.db",
        ".claude/settings.json",
        "data/events.db",
        "web/page.html",
        "debug.log",
    ):
        (world.project / path).parent.mkdir(parents=True, exist_ok=True)
        (world.project / path).write_text(path)
    target = world.target(path="deploy/web", exclude=("*.log",), data_dir=world.project / "data")

    world.run(target, target.plan(request()))

    copy = world.project / "deploy" / "web" / "current"
    assert {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()} == {
        ".claude/settings.json",
        "serve.py",
        "web/page.html",
    }


def test_names_as_input_what_it_releases(world: World) -> None:
    target = world.target(source="web", exclude=("*.log",), data_dir=world.project / "data")
    excludes = target.input_excludes()

    assert target.input_paths() == (world.project / "web",)
    assert excludes.skips(world.project, "data")
    assert excludes.skips(world.project / "web", "deep/x.log")
    assert excludes.skips(world.root, "srv")
    assert not excludes.skips(world.project / "web", "index.html")


def test_names_the_project_as_input_of_a_build(world: World) -> None:
    (world.root / "elsewhere").mkdir()

    assert world.target(source="web", build=("make",)).input_paths() == (world.project,)
    outside = world.target(source="../elsewhere", build=("make",), allow_paths=("../elsewhere",))
    assert outside.input_paths() == (world.project, world.root / "elsewhere")


def test_builds_in_the_project_with_its_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t")
    build = "import os; os.mkdir('public'); open('public/built', 'w').write(os.environ['TOKEN'])"

    world.deploy(source="public", build=(sys.executable, "-c", build), env={"TOKEN": SecretRef(env="SHOP_TOKEN")})

    assert (world.srv / "current" / "built").read_text() == "s3cr3t"


def test_stops_at_a_build_that_fails(world: World) -> None:
    target = world.target(build=(sys.executable, "-c", "import sys; sys.exit('no compiler here')"))

    with pytest.raises(StepError, match="no compiler here") as caught:
        world.run(target, target.plan(request()))
    assert caught.value.exit_code == 1
    assert not world.srv.exists()


def test_refuses_a_canary(world: World) -> None:
    with pytest.raises(CanaryUnsupported, match="--mode deploy"):
        world.target().plan(replace(request(), mode=Mode.CANARY))


def test_applies_every_step_twice_without_another_effect(world: World) -> None:
    target = world.target(run=RUN, shared=("uploads",))
    plan = target.plan(request())
    first = world.run(target, plan)
    service = world.service.running()
    inode = (world.srv / "releases" / f"1.0.0-{ID}").stat().st_ino

    again = world.run(target, plan)

    assert {**again, "prune": {}} == {**first, "prune": {}}
    assert world.service.running() == service
    assert (world.srv / "releases" / f"1.0.0-{ID}").stat().st_ino == inode


def test_copies_again_after_it_was_killed_in_the_copy(world: World) -> None:
    target = world.target()
    plan = target.plan(request())
    place = world.place()
    place.claim()
    place.partial(f"1.0.0-{ID}").mkdir()
    (place.partial(f"1.0.0-{ID}") / "half").write_text("half")
    place.partial(f"0.9.0-{numbered(1)}").mkdir()

    before = target.probe(step(plan, "release"), ID, {})
    world.run(target, plan)

    assert before.answer is Answer.NOT_DONE
    assert sorted(path.name for path in place.releases.iterdir()) == [f"1.0.0-{ID}", f"1.0.0-{ID}.json"]
    assert not (place.current / "half").exists()


def test_takes_a_service_that_was_started_and_ended_for_started(world: World) -> None:
    (world.project / "serve.py").write_text("")
    target = world.target(run=RUN)
    plan = target.plan(request())
    outcomes = world.run(target, plan)
    state = world.service.state()
    assert state is not None
    processes.wait_end(state.process, 5)

    found = target.probe(step(plan, "restart"), ID, outcomes)

    assert (found.answer, found.data) == (Answer.DONE, outcomes["restart"])
    assert found.detail == f"pid {state.process.pid} was started and has ended"


def test_cannot_tell_about_builds_and_pruning(world: World) -> None:
    target = world.target(build=("true",))
    plan = target.plan(request())

    answers = {name: target.probe(step(plan, name), ID, {}).answer for name in ("build", "prune")}

    assert answers == {"build": Answer.UNKNOWN, "prune": Answer.UNKNOWN}
    assert all(step(plan, name).repeatable for name in answers)


def test_cannot_tell_on_a_machine_without_the_release(world: World) -> None:
    target = world.target()
    plan = target.plan(request())
    outcomes = world.run(target, plan)
    shutil.rmtree(world.srv)

    found = target.probe(step(plan, "activate"), ID, outcomes)

    assert found.answer is Answer.UNKNOWN
    assert "is gone, or another machine has it" in found.detail


def test_cannot_tell_about_a_place_of_another_slot(world: World) -> None:
    world.deploy()
    target = world.target(slot=Slot("shop", "production", "web"))

    found = target.probe(step(target.plan(request()), "activate"), ID, {})

    assert found.answer is Answer.UNKNOWN
    assert "belongs to shop staging/web" in found.detail


def test_does_not_roll_back_to_a_release_that_was_removed(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    second = world.deploy("1.1.0", numbered(2), run=RUN)
    target = world.target(run=RUN)
    back = target.rollback(target.plan(request("1.1.0")), first)
    shutil.rmtree(world.srv / "releases" / first.detail["directory"])
    running = world.service.running()

    with pytest.raises(StepError, match=r"does not exist any more, so 1\.0\.0 cannot be made live again\. Nothing was changed"):
        world.run(target, back, numbered(2))
    assert target.observe() == second
    assert world.service.running() == running


def test_keeps_the_failed_release_to_look_at(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    world.deploy("1.1.0", numbered(2), run=RUN)
    target = world.target(run=RUN)

    world.run(target, target.rollback(target.plan(request("1.1.0")), first), numbered(2))

    assert (world.srv / "releases" / f"1.1.0-{numbered(2)}" / "serve.py").exists()
    assert world.place().log(f"1.1.0-{numbered(2)}").exists()
    running = world.service.running()
    assert running is not None
    assert running.directory == first.detail["directory"]
    assert Path(f"/proc/{running.process.pid}/cwd").readlink() == world.srv / "releases" / first.detail["directory"]


def test_leaves_the_references_service_running_when_nothing_was_switched(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    running = world.service.running()
    target = world.target(run=RUN)
    failed = target.plan(request("1.1.0", observed=first, reference=first))
    target.apply(step(failed, "release"), world.step_run(step(failed, "release"), numbered(2)))

    world.run(target, target.rollback(failed, first), numbered(2))

    assert world.service.running() == running


def test_brings_the_references_service_back_after_it_has_ended(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    ended = world.service.running()
    assert ended is not None
    processes.terminate(ended.process, True, 0)
    target = world.target(run=RUN)
    back = target.rollback(target.plan(request("1.1.0")), first)

    before = target.probe(step(back, "rollback_restart"), numbered(2), {})
    world.run(target, back, numbered(2))

    assert before.answer is Answer.NOT_DONE
    assert world.service.running() is not None


def test_ends_a_service_that_is_no_longer_configured(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    running = world.service.running()
    assert running is not None
    target = world.target()
    plan = target.plan(request("1.1.0", observed=first))
    before = target.probe(step(plan, "stop"), numbered(2), {})

    world.run(target, plan, numbered(2))

    assert not processes.alive(running.process)
    assert (before.answer, target.probe(step(plan, "stop"), numbered(2), {}).answer) == (Answer.NOT_DONE, Answer.DONE)


def test_ends_nothing_when_a_secret_of_the_next_release_is_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    world.deploy("1.0.0", numbered(1), run=RUN)
    running = world.service.running()

    with pytest.raises(StepError, match=r"environment variable SHOP_TOKEN is not set\. Nothing was changed"):
        world.deploy("1.1.0", numbered(2), run=RUN, env={"TOKEN": SecretRef(env="SHOP_TOKEN")})
    assert world.service.running() == running


def test_keeps_what_is_needed_when_it_prunes(world: World) -> None:
    first = world.deploy("1.0.0", numbered(1))
    for number in (2, 3):
        world.deploy(f"1.{number}.0", numbered(number))
    target = world.target(keep=1)
    plan = target.plan(request("1.4.0", reference=first))

    outcomes = world.run(target, plan, numbered(4))

    kept = sorted(path.name for path in (world.srv / "releases").iterdir() if path.is_dir())
    assert kept == [f"1.0.0-{numbered(1)}", f"1.4.0-{numbered(4)}"]
    assert outcomes["prune"] == {"removed": [f"1.2.0-{numbered(2)}", f"1.3.0-{numbered(3)}"]}


def test_never_prunes_the_live_release(world: World) -> None:
    world.deploy("1.0.0", numbered(1))
    world.deploy("1.1.0", numbered(2))
    world.place().switch(f"1.0.0-{numbered(1)}")
    target = world.target(keep=1)
    prune = step(target.plan(request("1.2.0")), "prune")

    outcome = target.apply(prune, world.step_run(prune, numbered(3)))

    assert outcome.data == {"removed": []}
    assert target.observe() is not None


def test_observes_that_the_service_does_not_run(world: World) -> None:
    release = world.deploy(run=RUN)
    target = world.target(run=RUN)
    before = target.observe()
    running = world.service.running()
    assert running is not None
    processes.terminate(running.process, True, 0)

    after = target.observe()

    assert before == release
    assert after == replace(release, detail={**release.detail, "service": "does not run"})


def test_observes_that_another_release_serves(world: World) -> None:
    world.deploy("1.0.0", numbered(1), run=RUN)
    world.deploy("1.1.0", numbered(2), run=RUN)
    world.place().switch(f"1.0.0-{numbered(1)}")

    observed = world.target(run=RUN).observe()

    assert observed is not None
    assert observed.detail["service"] == f"1.1.0-{numbered(2)} runs instead"


def test_works_through_a_link_to_its_place(world: World) -> None:
    (world.root / "disk").mkdir()
    world.srv.symlink_to("disk")

    release = world.deploy(run=RUN)

    assert world.target(run=RUN).observe() == release
    assert (world.root / "disk" / "current" / "serve.py").read_text() == WAITS


def test_says_when_its_place_was_moved_away(world: World) -> None:
    target = world.target()
    plan = target.plan(request())
    activate = step(plan, "activate")

    with pytest.raises(StepError, match="has no marker of staging/web any more"):
        target.apply(activate, world.step_run(activate))


def test_gives_up_a_copy_at_its_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    target = world.target()
    release = replace(step(target.plan(request()), "release"), timeout_s=0)
    moments = iter(range(0, 10_000, 2))
    monkeypatch.setattr("tests.contract.harness.PlainClock.monotonic", lambda clock: float(next(moments)))

    with pytest.raises(StepError, match="not complete after its timeout_s"):
        target.apply(release, world.step_run(release))
    assert not list((world.srv / "releases").iterdir())


def test_tells_what_it_left_out_of_a_release(world: World) -> None:
    os.mkfifo(world.project / "pipe")
    target = world.target()
    release = step(target.plan(request()), "release")
    run = world.step_run(release)

    target.apply(release, run)

    assert run.lines == ["left out, neither file nor directory nor link: pipe"]


def test_does_not_start_a_release_that_is_gone(world: World) -> None:
    target = world.target(run=RUN)
    plan = target.plan(request())
    world.run(target, replace(plan, steps=plan.steps[:2]))
    shutil.rmtree(world.srv / "releases" / f"1.0.0-{ID}")

    with pytest.raises(StepError, match="there is nothing to run"):
        target.apply(step(plan, "restart"), world.step_run(step(plan, "restart")))


def test_tells_how_far_a_copy_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (world.project / f"file{number}").write_bytes(bytes(1500))
    target = world.target()
    release = step(target.plan(request()), "release")
    run = world.step_run(release)
    moments = iter(range(0, 10_000, 2))
    monkeypatch.setattr("tests.contract.harness.PlainClock.monotonic", lambda clock: float(next(moments)))

    outcome = target.apply(release, run)

    assert "2 files, 3 kB" in run.lines
    assert outcome.message == "4 files, 4.53 kB"
