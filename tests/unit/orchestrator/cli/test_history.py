"""`pop-deploy history`, as typed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import World


def test_says_so_when_there_is_no_deployment_yet(run: Run) -> None:
    assert run("history") == (0, "No deployments yet. Next: pop-deploy\n", "")
    assert run("history", "--json").data == {"deployments": []}


def test_lists_deployments_newest_first_in_aligned_columns(world: World, run: Run) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0", actor="somebody-with-a-long-name@ci").to_failed()
    world.deployment(version="1.2.0", mode="dry_run").to_simulated()

    ended = run("history")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert [line.split()[3] for line in lines[1:]] == ["1.1.0", "1.0.0"]
    assert lines[0].index("STATE") == lines[1].index("failed") == lines[2].index("verified")
    assert lines[1].endswith("update: port 8080 is taken")
    assert good.id in lines[2]


def test_shows_every_attempt_when_asked(world: World, run: Run) -> None:
    world.deployment(version="1.0.0", mode="dry_run").to_simulated(success=False)
    world.deployment(version="1.1.0").prepare().abort()

    assert run("history").out.startswith("No deployment fits")
    lines = run("history", "--all-attempts").out.splitlines()
    assert "aborted" in lines[1] and "checks failed" in lines[2]


def test_filters(world: World, run: Run) -> None:
    world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0", target="api").to_failed()
    world.deployment(version="1.2.0", environment="staging").to_verified()

    def versions(*arguments: str) -> list[str]:
        return [row["version"] for row in run("history", "--json", *arguments).data["deployments"]]

    assert versions("--target", "api") == ["1.1.0"]
    assert versions("-e", "staging") == ["1.2.0"]
    assert versions("--status", "success") == ["1.2.0", "1.0.0"]
    assert versions("--limit", "1") == ["1.2.0"]


def test_json_is_one_object_with_the_names_of_all_our_json(world: World, run: Run) -> None:
    story = world.deployment(reason="release").to_executing().run("build").start("push")

    (row,) = run("history", "--json").data["deployments"]
    assert (row["deployment_id"], row["state"], row["status"], row["dry_run"]) == (story.id, "executing", "running", False)
    assert row["step"] == {
        "name": "push",
        "title": "Pushing to registry",
        "number": 2,
        "total": 5,
        "started_at": row["updated_at"],
    }
    assert row["error"] is None


def test_a_bad_option_is_wrong_usage(run: Run) -> None:
    ended = run("history", "--status", "wonderful")

    assert ended.code == 2
    assert "rolled_back" in ended.err


def test_text_from_outside_cannot_touch_the_terminal(world: World, run: Run) -> None:
    world.deployment(version="1.0\x1b[2J").to_executing().run("build").fail(message="broken\x1b]0;title\x07\nsecond line")

    out = run("history").out
    assert "\x1b" not in out and "\x07" not in out
    assert out.rstrip().endswith("update: broken second line")


@pytest.mark.parametrize(
    ("variables", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_and_cuts_only_on_a_terminal(world: World, project: Path, variables: dict[str, str], coloured: bool) -> None:
    world.deployment().to_executing().run("build").fail(message="a long story " * 30)

    out = on_a_terminal(["history", "--dir", str(project)], variables)
    assert ("\x1b[31m" in out) is coloured
    assert "a long story" in out and out.rstrip().endswith("...")


def on_a_terminal(arguments: list[str], variables: dict[str, str]) -> str:
    """What the command writes to a real terminal."""
    ours, theirs = pty.openpty()
    environ = {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, **variables}
    script = "from orchestrator.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=theirs, stderr=theirs, stdin=theirs, env=environ
    ) as child:
        os.close(theirs)
        blocks = []
        try:
            while block := os.read(ours, 65536):
                blocks.append(block)
        except OSError:  # how Linux says that the other end has closed
            pass
        child.wait(30)
    os.close(ours)
    return b"".join(blocks).decode()


def test_starts_without_what_only_writers_need(world: World, project: Path) -> None:
    heavy = {"sqlalchemy", "alembic", "rich", "msgspec", "transitions", "pathlib", "orchestrator.domain.deployment"}
    world.deployment().to_verified()
    script = (
        "import atexit, sys; from orchestrator.cli.main import main; "
        f"atexit.register(lambda: print(sorted({heavy} & set(sys.modules)), file=sys.stderr)); "
        f"main(['history', '--dir', {str(project)!r}])"
    )

    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path}; {script}"], capture_output=True, text=True, check=False
    )
    assert ended.stderr.strip() == "[]"
    assert "verified" in ended.stdout
