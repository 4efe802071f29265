"""`pop-deploy logs`, as typed, and following a deployment that goes on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import bootstrap
from orchestrator.cli.following import BEGIN_S, Following, Live
from orchestrator.cli.logs import Screen
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import UsageProblem
from orchestrator.projections.slots import Holder
from orchestrator.projections.step_logs import StepLog
from orchestrator.rendering.logs import Harmless
from orchestrator.targets.base import SecretMissing
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import Story, World


def test_shows_what_each_step_printed_with_a_line_above_and_below(world: World, run: Run) -> None:
    story = world.deployment().to_executing().start("build").finish("build", log="compiling\ndone\n")
    story.start("push").fail_step("push", log="no such host")

    assert run("logs", story.id).out == (
        "==> [1/5] Building image (build)\ncompiling\ndone\n<== build: done (1s)\n\n"
        "==> [2/5] Pushing to registry (push)\nno such host\n<== push: failed (0.5s): push broke\n\n"
    )


def test_shows_one_step_only(world: World, run: Run) -> None:
    story = (
        world.deployment().to_executing().start("build").finish("build", log="one\n").start("push").finish("push", log="two\n")
    )

    assert run("logs", story.id, "push").out.splitlines()[1] == "two"
    unknown = run("logs", story.id, "prune")
    assert (unknown.code, unknown.out) == (2, "")
    assert "there are: build, push" in unknown.err


def test_a_long_log_comes_whole_and_bytes_come_as_they_are(world: World, run: Run) -> None:
    text = "".join(f"line {number} \x1b[32mgrün\x1b[0m\n" for number in range(500))
    world.deployment().to_executing().start("build").finish("build", log=text)

    assert text in run("logs", "latest").out


def test_json_has_every_attempt(world: World, run: Run) -> None:
    story = world.deployment().to_executing().start("build").interrupt().resume()
    story.start("build", attempt=2).finish("build", attempt=2, log="second\n")

    data = run("logs", story.id, "--json").data
    assert data["deployment_id"] == story.id
    assert [(log["attempt"], log["status"], log["output"]) for log in data["logs"]] == [
        (1, "running", ""),
        (2, "done", "second\n"),
    ]


def test_nothing_was_started(world: World, run: Run) -> None:
    story = world.deployment().prepare()

    assert run("logs", story.id).out == f"{story.id}: no step was started.\n"


def test_follow_is_no_json(world: World, run: Run) -> None:
    world.deployment()

    assert run("logs", "latest", "--follow", "--json").code == 2


def test_a_terminal_gets_no_escape_code_even_when_it_is_cut_in_two() -> None:
    shown = Harmless()

    parts = [shown.feed(block) for block in (b"\x1b[3", b"2mgreen\x1b", b"[0m\nnext", b" line")]
    assert "".join([*parts, shown.close()]) == "green\nnext line"


def test_a_line_without_end_is_shown_in_time() -> None:
    shown = Harmless()

    assert shown.feed(b"x" * 5000) == "x" * 5000


# --- following --------------------------------------------------------------------


class Spool:
    """Live output that a test writes."""

    def __init__(self) -> None:
        self.pending = b""

    def read(self) -> bytes:
        new, self.pending = self.pending, b""
        return new


class Follow:
    """Follows *story* while *plot* goes on: at each look of the follower the next thing happens."""

    def __init__(
        self, story: Story, plot: list[Callable[[], object]], *, step: str | None = None, alive: bool | None = True
    ) -> None:
        self.spool = Spool()
        self.alive = alive
        self.looks = 0
        self.plot = plot
        self.opened: list[StepLog] = []
        self.refuse = False
        self._following = Following(
            story.world.store, story.id, step, Screen(), open_live=self._open, at_work=lambda holder: self.alive, sleep=self._next
        )

    def until_end(self) -> str:
        return self._following.until_end()

    def _open(self, log: StepLog, deployment: Deployment) -> Live:
        if self.refuse:
            raise UsageProblem("it runs on ci-7")
        self.opened.append(log)
        return self.spool

    def _next(self, seconds: float) -> None:
        self.looks += 1
        if self.plot:
            self.plot.pop(0)()
        assert self.looks < 100, "it never ends"


@pytest.fixture
def memory() -> World:
    return World()


def test_follows_until_the_end_and_shows_everything_once(memory: World, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    story = memory.deployment().to_executing().start("build").finish("build", log="built\n").start("push")
    plot: list[Callable[[], object]] = []
    follow = Follow(story, plot)

    def prints(data: bytes) -> Callable[[], None]:
        return lambda: setattr(follow.spool, "pending", data)

    plot += [
        prints(b"pushing 1/2\n"),
        prints(b"pushing 2/2\n"),
        lambda: story.finish("push", log="pushing 1/2\npushing 2/2\npushed\n"),
        story.deploy,
        story.verify,
    ]

    assert follow.until_end() == f"{story.id} is verified."
    out = capsysbinary.readouterr().out.decode()
    assert out == (
        "==> [1/5] Building image (build)\nbuilt\n<== build: done (1s)\n\n"
        "==> [2/5] Pushing to registry (push)\npushing 1/2\npushing 2/2\npushed\n<== push: done (1s)\n\n"
    )
    assert [log.step for log in follow.opened] == ["push"]


def test_what_cannot_be_followed_live_comes_at_the_end(memory: World, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    story = memory.deployment().to_executing().start("build")
    follow = Follow(story, [lambda: story.finish("build", log="built\n"), lambda: story.deploy().verify()])
    follow.refuse = True

    follow.until_end()
    out = capsysbinary.readouterr().out.decode()
    assert "(shown when the step has ended: it runs on ci-7)\nbuilt\n" in out


def test_output_that_does_not_fit_what_was_shown_is_named(memory: World, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    story = memory.deployment().to_executing().start("build")
    follow = Follow(story, [])
    follow.plot = [
        lambda: setattr(follow.spool, "pending", b"the end of a flood"),
        lambda: story.finish("build", log="a flood of output"),
        lambda: story.deploy().verify(),
    ]

    follow.until_end()
    out = capsysbinary.readouterr().out.decode()
    assert "the end of a flood\n(some of it was not shown while it ran; the whole: pop-deploy logs)\n" in out


def test_only_the_step_that_was_named(memory: World, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    story = memory.deployment().to_executing().start("build")
    plot: list[Callable[[], object]] = [
        lambda: story.finish("build", log="built\n").start("push"),
        lambda: story.finish("push", log="pushed\n").deploy().verify(),
    ]

    Follow(story, plot, step="push").until_end()
    out = capsysbinary.readouterr().out.decode()
    assert "pushed" in out and "built" not in out


def test_a_failure_that_rolls_back_is_followed_to_its_end(memory: World) -> None:
    good = memory.deployment(version="1.0.0").to_verified()
    story = memory.deployment().to_executing(reference=good.release).start("update")
    follow = Follow(
        story,
        [
            lambda: story.fail_step("update").fail().start_back(good.release, automatic=True),
            lambda: story.run("restore", phase="rollback"),
            story.restore,
        ],
    )

    assert follow.until_end() == f"{story.id} is rolled back."


def test_stops_when_nobody_is_at_work_any_more(memory: World) -> None:
    story = memory.deployment().to_executing().start("build")

    reason = Follow(story, [], alive=False).until_end()
    assert reason.endswith(f"nobody is at work on it. Next: pop-deploy resume {story.id}")


def test_an_outcome_that_came_just_before_the_process_ended_is_seen(memory: World) -> None:
    story = memory.deployment().to_executing().start("build")
    follow = Follow(story, [])

    def dies_after_its_last_event(holder: Holder) -> bool:
        if story.deployment.state == "executing":
            story.finish("build").deploy().verify()
        return False

    follow._following._at_work = dies_after_its_last_event
    assert follow.until_end() == f"{story.id} is verified."


def test_goes_on_when_nobody_can_tell_whether_it_lives(memory: World) -> None:
    story = memory.deployment().to_executing().start("build")
    nothing: list[Callable[[], object]] = [lambda: None] * 5
    follow = Follow(story, [*nothing, lambda: story.finish("build").deploy().verify()], alive=None)

    assert follow.until_end() == f"{story.id} is verified."


def test_an_open_question_ends_it_at_once(memory: World) -> None:
    story = memory.deployment().prepare().ask()

    assert Follow(story, []).until_end() == f"{story.id} waits for an answer to confirm_deploy. Next: pop-deploy show {story.id}"


def test_what_does_not_begin_is_not_waited_for(memory: World, monkeypatch: pytest.MonkeyPatch) -> None:
    story = memory.deployment().prepare()
    times = iter([0.0, 1.0, BEGIN_S + 1])
    monkeypatch.setattr("orchestrator.cli.following.time.monotonic", lambda: next(times))

    assert Follow(story, []).until_end() == f"{story.id} is prepared and does not begin."


def test_follow_as_typed_ends_with_the_deployment(world: World, run: Run, project: Path) -> None:
    story = world.deployment().to_executing().start("build").finish("build", log="built\n").deploy().verify()

    ended = run("logs", "latest", "--follow")
    assert (ended.code, ended.err) == (0, f"{story.id} is verified.\n")
    assert "built" in ended.out


def test_ctrl_c_stops_following_and_nothing_else(world: World, project: Path) -> None:
    host, boot_id = bootstrap.this_boot()
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    story = world.deployment().prepare().confirm().execute()
    story.take_slot(pid=os.getpid(), host=host, boot_id=boot_id, start_ticks=ticks).start("build")
    script = "from orchestrator.cli.main import main; main()"
    arguments = ["logs", "latest", "--follow", "--dir", str(project)]

    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        first = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
    assert first == "==> [1/5] Building image (build)\n"
    assert (child.returncode, rest) == (0, "\nNo longer followed; the deployment itself goes on.\n")


# --- what may be shown live -----------------------------------------------------------


@pytest.fixture
def attempt(project: Path) -> Path:
    """A running attempt that prints a secret, in a project that refers to it."""
    config = {"path": "/srv/shop", "env": {"TOKEN": {"env": "SHOP_TOKEN"}}}
    targets = {"local": {"config": config}, "other": {"type": "local", "config": {"path": "/srv/other"}}}
    document = {"project_name": "shop", "redact": ["internal-[0-9]+"], "targets": targets}
    (project / ".claude" / "popkit" / "deploy.json").write_text(json.dumps(document))
    command = project / "attempt" / "main"
    command.mkdir(parents=True)
    (command / "claim").write_text("1 2 boot pid:[1]")
    (command / "out-0").write_text("hunter2-hunter2 of internal-17\n")
    return command.parent


def test_live_output_is_masked_like_everything_else(project: Path, attempt: Path) -> None:
    live = bootstrap.live_output(str(project), "local", str(attempt), {"SHOP_TOKEN": "hunter2-hunter2"})

    assert live.read() == b"*** of ***\n"


def test_what_cannot_be_masked_here_is_not_shown_live(project: Path, attempt: Path) -> None:
    with pytest.raises(SecretMissing, match="SHOP_TOKEN"):
        bootstrap.live_output(str(project), "local", str(attempt), {})


def test_secrets_of_other_targets_are_not_asked_for(project: Path, attempt: Path) -> None:
    assert b"hunter2" in bootstrap.live_output(str(project), "other", str(attempt), {}).read()
