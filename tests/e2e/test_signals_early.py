"""A signal before anything was opened: nothing has begun, exit code 8, a sentence and no traceback."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.e2e

# The program as it is, which gets a signal just when it reads deploy.json, or when it loads one of its modules.
AT_THE_FILE = """
import os, sys
number, sys.argv = int(sys.argv[1]), ["pop-deploy", *sys.argv[2:]]
from orchestrator import bootstrap
load = bootstrap.load_config
def interrupted(directory):
    os.kill(os.getpid(), number)
    return load(directory)
bootstrap.load_config = interrupted
from orchestrator.cli.main import main
main()
"""
AT_A_MODULE = """
import os, sys
number, sys.argv = int(sys.argv[1]), ["pop-deploy", *sys.argv[2:]]
from orchestrator.cli.main import main
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "orchestrator.cli.errors":
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
main()
"""
NUMBERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
LIVE = ("execute", "--mode", "deploy", "--yes")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("where", [AT_THE_FILE, AT_A_MODULE], ids=["at the file", "at a module"])
def test_nothing_has_begun_and_the_code_says_so(project: Project, where: str, number: int) -> None:
    done = project.run(str(int(number)), *LIVE, program=(sys.executable, "-c", where))

    assert done.code == 8
    assert "Stopped: nothing was" in done.err
    assert "Traceback" not in done.err
    assert not (project.data / "events.db").exists()


def test_what_nohup_ignores_stays_ignored(project: Project) -> None:
    done = project.run(str(int(signal.SIGHUP)), *LIVE, program=("nohup", sys.executable, "-c", AT_THE_FILE))

    assert done.code == 0, done.err
    assert project.live == "hello"


def test_a_command_that_only_reads_ends_in_the_same_way(live: Project) -> None:
    done = live.run(str(int(signal.SIGTERM)), "--dir", os.fspath(live.path), program=(sys.executable, "-c", AT_THE_FILE))

    assert done.code == 8
    assert "Stopped: nothing was" in done.err
