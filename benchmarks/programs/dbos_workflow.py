"""A workflow of five empty steps on DBOS, as its documentation writes one; run by `benchmarks.dbos` with DBOS's own interpreter.

Nothing is configured but the name, so that its state is in SQLite, in the current directory. Imports nothing of ours. WHAT is

    times             run the workflow for each line read, and print how many seconds it took
    interrupted ID    begin the workflow ID, and be killed (SIGKILL) in its third step
    recovered ID      start, which recovers what was interrupted, and print a line as soon as ID is on record as finished
"""

import logging
import os
import signal
import sys
import time
from threading import Event

from dbos import DBOS, SetWorkflowID

DEADLINE_S = 60.0
POLL_S = 0.001

DBOS(config={"name": "five-empty-steps", "log_level": logging.getLevelName(logging.ERROR)})
ended = Event()


@DBOS.step()
def one() -> None:
    pass


@DBOS.step()
def two() -> None:
    pass


@DBOS.step()
def three() -> None:
    if sys.argv[1] == "interrupted":
        os.kill(os.getpid(), signal.SIGKILL)


@DBOS.step()
def four() -> None:
    pass


@DBOS.step()
def five() -> None:
    pass


@DBOS.workflow()
def five_steps() -> None:
    one()
    two()
    three()
    four()
    five()
    ended.set()


def main(what: str, workflow: str = "") -> None:
    DBOS.launch()
    if what == "times":
        for _ in sys.stdin:
            started = time.perf_counter()
            five_steps()
            say(time.perf_counter() - started)
    elif what == "interrupted":
        with SetWorkflowID(workflow):
            five_steps()
    else:
        await_success(workflow)
        say("finished")
    os._exit(0)  # what follows its end is not measured


def await_success(workflow: str) -> None:
    """Until it is on record; its own thread says when it is worth asking."""
    deadline = time.monotonic() + DEADLINE_S
    if not ended.wait(DEADLINE_S):
        raise TimeoutError(f"{workflow} was not recovered within {DEADLINE_S:.0f} s")
    while DBOS.retrieve_workflow(workflow).get_status().status != "SUCCESS":
        if time.monotonic() > deadline:
            raise TimeoutError(f"{workflow} did not finish within {DEADLINE_S:.0f} s")
        time.sleep(POLL_S)


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
