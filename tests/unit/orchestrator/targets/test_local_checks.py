"""What a `local` target asks of the machine before and after, and what it says when something is wrong."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Plan, Slot
from orchestrator.domain.settings import SecretRef
from orchestrator.targets import local_checks, processes
from orchestrator.targets.base import Check, CheckStatus
from orchestrator.targets.local import LocalTarget
from tests.unit.orchestrator.targets.local_world import ID, RUN, World, numbered, request

PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP


def preflight(target: LocalTarget, plan: Plan | None = None) -> dict[str, Check]:
    return {check.name: check for check in target.preflight(plan or target.plan(request()))}


def verdict(check: Check) -> tuple[CheckStatus, str]:
    return check.status, check.message


def test_finds_nothing_wrong_with_a_project_that_can_be_deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cr3t")
    target = world.target(build=("true",), run=RUN, env={"TOKEN": SecretRef(env="SHOP_TOKEN")}, shared=("uploads",))

    checks = preflight(target)

    assert {check.status for check in checks.values()} == {PASS}
    assert list(checks) == ["build program", "secret TOKEN", "source", "path", "disk space", "shared", "run program"]
    assert checks["source"].message == f"{world.project}: 1 file, {(world.project / 'serve.py').stat().st_size} B"
    assert checks["shared"].message == f"will be made in {world.srv}/shared: uploads"
    assert not any("s3cr3t" in check.message for check in checks.values())


def test_misses_programs(world: World) -> None:
    checks = preflight(world.target(build=("no-such-builder",), run=("no-such-server",)))

    wanted = "no such program on PATH. Install it, or correct the argument list."
    assert verdict(checks["build program"]) == (FAIL, f"no-such-builder: {wanted}")
    assert verdict(checks["run program"]) == (FAIL, f"no-such-server: {wanted}")


def test_looks_for_programs_on_the_path_that_the_target_sets(world: World) -> None:
    tools = world.root / "tools"
    tools.mkdir()
    shutil.copy("/bin/true", tools / "builder")

    assert preflight(world.target(build=("builder",), env={"PATH": str(tools)}))["build program"].status is PASS
    assert preflight(world.target(build=("builder",)))["build program"].status is FAIL


def test_leaves_a_program_that_comes_with_the_release_to_the_start(world: World) -> None:
    assert preflight(world.target(run=("./server",)))["run program"].status is SKIP


def test_misses_secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)

    check = preflight(world.target(run=RUN, env={"TOKEN": SecretRef(env="SHOP_TOKEN")}))["secret TOKEN"]

    assert verdict(check) == (FAIL, "environment variable SHOP_TOKEN is not set")


def test_misses_the_source_unless_a_build_makes_it(world: World) -> None:
    bare = preflight(world.target(source="public"))["source"]
    built = preflight(world.target(source="public", build=("true",)))["source"]

    assert verdict(bare) == (FAIL, f"{world.project}/public is no directory")
    assert verdict(built) == (WARN, f"{world.project}/public is no directory; the build has to make it")


def test_finds_an_empty_source(world: World) -> None:
    (world.project / "public").mkdir()

    assert verdict(preflight(world.target(source="public"))["source"]) == (
        FAIL,
        f"{world.project}/public holds nothing to release",
    )


def test_finds_links_that_would_lead_elsewhere(world: World) -> None:
    (world.project / "lib").symlink_to("../lib")

    check = preflight(world.target())["source"]

    assert check.status is FAIL
    assert "links that lead out of it would lead elsewhere in a release: lib." in check.message


def test_warns_of_what_it_would_leave_out(world: World) -> None:
    os.mkfifo(world.project / "pipe")

    check = preflight(world.target())["source"]

    assert check.status is WARN
    assert check.message.endswith("left out, neither file nor directory nor link: pipe")


@pytest.mark.parametrize("path", [".", ".."])
def test_refuses_to_copy_a_source_into_itself(world: World, path: str) -> None:
    check = preflight(world.target(path=path))["source"]

    assert check.status is FAIL
    assert f"source {world.project} lies in path" in check.message


def test_lets_the_place_lie_in_the_source(world: World) -> None:
    assert {check.status for check in preflight(world.target(path="deploy/web")).values()} == {PASS}


def test_refuses_a_place_of_another_slot(world: World) -> None:
    world.deploy()

    check = preflight(world.target(slot=Slot("shop", "production", "web")))["path"]

    assert check.status is FAIL
    assert "belongs to shop staging/web" in check.message


def test_warns_of_what_it_will_take_over(world: World) -> None:
    world.srv.mkdir()
    (world.srv / "index.html").write_text("somebody's")

    assert preflight(world.target())["path"].status is FAIL
    assert verdict(preflight(world.target(adopt=True))["path"]) == (
        WARN,
        f"{world.srv} is not empty and will be taken over (adopt)",
    )


def test_refuses_a_current_that_is_a_directory(world: World) -> None:
    (world.srv / "current").mkdir(parents=True)

    assert verdict(preflight(world.target(adopt=True))["path"]) == (
        FAIL,
        f"{world.srv}/current is a directory, not a link. Move it away.",
    )


def test_names_the_directory_that_it_may_not_write_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = world.root  # root may write anywhere
    monkeypatch.setattr(os, "access", lambda path, mode, **_: Path(path) != refused or mode == os.R_OK)

    check = preflight(world.target())["path"]

    assert verdict(check) == (FAIL, f"no permission to write in {world.root}. Grant it, or choose another path.")


def test_refuses_a_path_below_a_file(world: World) -> None:
    check = preflight(world.target(path="serve.py/web"))["path"]

    assert check.status is FAIL
    assert "serve.py" in check.message


def test_counts_the_space(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(world.root))(10**9, 10**9, 5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    check = preflight(world.target())["disk space"]

    assert check.status is FAIL
    assert "5 kB free" in check.message


def test_refuses_a_shared_path_that_cannot_be_made(world: World) -> None:
    (world.srv / "shared").mkdir(parents=True)
    (world.srv / "shared" / "data").write_text("a file")

    check = preflight(world.target(shared=("data/files",)))["shared"]

    assert check.status is FAIL
    assert f"{world.srv}/shared/data/files cannot be made" in check.message


def rollback_plan(world: World) -> tuple[LocalTarget, Plan]:
    first = world.deploy("1.0.0", numbered(1), run=RUN)
    world.deploy("1.1.0", numbered(2), run=RUN)
    target = world.target(run=RUN)
    return target, target.rollback(target.plan(request("1.1.0")), first)


def test_asks_whether_the_release_to_go_back_to_is_still_there(world: World) -> None:
    target, back = rollback_plan(world)
    before = preflight(target, back)
    shutil.rmtree(world.srv / "releases" / f"1.0.0-{numbered(1)}")

    after = preflight(target, back)

    assert {check.status for check in before.values()} == {PASS}
    assert after["release directory"].status is FAIL
    assert "does not exist any more" in after["release directory"].message


def verify(world: World, **config: Any) -> dict[str, Check]:
    target = world.target(**config)
    return {check.name: check for check in target.verify(target.plan(request()), ID, {})}


def test_verifies_the_link_the_record_and_the_service(world: World) -> None:
    world.deploy(run=RUN)

    checks = verify(world, run=RUN)

    assert [(name, check.status) for name, check in checks.items()] == [
        ("current release", PASS),
        ("release record", PASS),
        ("service process", PASS),
    ]


def test_asks_for_no_service_where_none_is_configured(world: World) -> None:
    world.deploy()

    assert list(verify(world)) == ["current release", "release record"]


def test_notices_that_current_was_moved(world: World) -> None:
    first = world.deploy("0.9.0", numbered(1))
    world.deploy()
    world.place().switch(first.detail["directory"])

    check = verify(world)["current release"]

    assert verdict(check) == (FAIL, f"{world.srv}/current is 0.9.0-{numbered(1)}, expected 1.0.0-{ID}")


def test_notices_that_current_was_replaced_by_hand(world: World) -> None:
    world.deploy()
    (world.srv / "current").unlink()
    (world.srv / "current").symlink_to("/somewhere")

    check = verify(world)["current release"]

    assert check.status is FAIL
    assert "points to /somewhere" in check.message


def test_notices_that_the_release_is_gone(world: World) -> None:
    world.deploy()
    shutil.rmtree(world.srv / "releases" / f"1.0.0-{ID}")

    assert verify(world)["release record"].status is FAIL


def test_notices_another_copy_under_the_releases_name(world: World) -> None:
    world.deploy()
    target = world.target()

    checks = {check.name: check for check in target.verify(target.plan(request()), ID, {"release": {"digest": "sha256:other"}})}

    assert checks["release record"].status is FAIL
    assert "sha256:other" in checks["release record"].message


def test_does_not_trust_a_service_that_ends_in_its_first_second(world: World) -> None:
    (world.project / "serve.py").write_text("import sys\nprint('loading')\nsys.exit('port 8080 is taken')\n")
    world.deploy(run=RUN)

    check = verify(world, run=RUN)["service process"]

    assert check.status is FAIL
    assert check.message.endswith("has ended; it wrote last: loading | port 8080 is taken")


def test_waits_until_a_service_has_lived_for_a_second(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    real = processes.wait_end
    monkeypatch.setattr(processes, "wait_end", lambda identity, timeout_s: waited.append(timeout_s) or real(identity, 0))
    world.deploy(run=RUN)

    check = verify(world, run=RUN)["service process"]

    assert check.status is PASS
    assert 0.5 < waited[0] <= local_checks.SETTLE_S


def test_notices_that_the_service_has_ended(world: World) -> None:
    world.deploy(run=RUN)
    state = world.service.state()
    assert state is not None
    os.kill(state.process.pid, signal.SIGKILL)

    check = verify(world, run=RUN)["service process"]

    assert verdict(check) == (FAIL, f"pid {state.process.pid} has ended; it wrote last: nothing")


def test_notices_that_another_release_serves(world: World) -> None:
    world.deploy("0.9.0", numbered(1), run=RUN)
    world.deploy()  # without a service, and without ending the old one

    check = verify(world, run=RUN)["service process"]

    assert check.status is FAIL
    assert f"what was started last is 0.9.0-{numbered(1)}" in check.message


def test_shows_what_helps_after_a_failure(world: World) -> None:
    before = world.target().diagnostics()
    (world.project / "serve.py").write_text("print('cannot bind to 8080')\n")
    world.deploy(run=RUN)
    state = world.service.state()
    assert state is not None
    processes.wait_end(state.process, 5)

    lines = world.target().diagnostics()

    assert before == [f"{world.srv}/current: not there", "service: none was started"]
    assert lines[0] == f"{world.srv}/current: 1.0.0-{ID}"
    assert lines[1] == f"service: pid {state.process.pid} of 1.0.0-{ID} has ended"
    assert lines[-1] == "cannot bind to 8080"


def test_never_fails_to_show_what_helps(world: World) -> None:
    world.deploy(run=RUN)
    world.place().log(f"1.0.0-{ID}").unlink()
    without_log = world.target().diagnostics()
    (world.srv / "current").unlink()
    (world.srv / "current").mkdir()

    assert without_log[0] == f"{world.srv}/current: 1.0.0-{ID}"
    assert without_log[-1].startswith("no log: [Errno 2] No such file")
    assert "is no symbolic link" in world.target().diagnostics()[0]
