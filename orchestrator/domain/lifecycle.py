"""The lifecycle of a deployment: its states and the one table of transitions.

The `transitions` library checks the table's form and is used as a table only: no model is ever added to the machine (12 kB and
0.2 ms each), and making it is left to whoever wants it checked or drawn (`table`). `docs/lifecycle.md` is generated from here.
Commands ask `allowed` before they decide; replay asks `target_of` for every event, so an illegal history is found when it is
read.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.domain.errors import IllegalTransition


class State(StrEnum):
    REQUESTED = "requested"
    PREPARED = "prepared"
    CONFIRMED = "confirmed"
    EXECUTING = "executing"
    PAUSED = "paused"
    DEPLOYED = "deployed"
    VERIFIED = "verified"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    ABORTED = "aborted"
    SIMULATED = "simulated"


class Trigger(StrEnum):
    PREPARE = "prepare"
    SIMULATE = "simulate"
    CONFIRM = "confirm"
    EXECUTE = "execute"
    PAUSE = "pause"
    CONTINUE = "continue"
    DEPLOY = "deploy"
    VERIFY = "verify"
    DOUBT = "doubt"
    FAIL = "fail"
    ROLL_BACK = "roll_back"
    RESTORE = "restore"
    FAIL_ROLLBACK = "fail_rollback"
    ABORT = "abort"


S, T = State, Trigger

EDGES: tuple[tuple[Trigger, tuple[State, ...], State, str], ...] = (
    (T.PREPARE, (S.REQUESTED,), S.PREPARED, "target and mode are known; the plan is recorded"),
    (T.SIMULATE, (S.PREPARED,), S.SIMULATED, "a dry run has asked its checks and changed nothing"),
    (T.CONFIRM, (S.PREPARED,), S.CONFIRMED, "somebody confirmed this very plan"),
    (T.EXECUTE, (S.CONFIRMED,), S.EXECUTING, "the slot is held, the first step may start"),
    (T.PAUSE, (S.EXECUTING,), S.PAUSED, "a canary waits"),
    (T.CONTINUE, (S.PAUSED,), S.EXECUTING, "the canary goes on"),
    (T.DEPLOY, (S.EXECUTING,), S.DEPLOYED, "the last step is done"),
    # From rolled_back where a later rollback has made its release live again.
    (T.VERIFY, (S.DEPLOYED, S.VERIFIED, S.ROLLED_BACK), S.VERIFIED, "the target's evidence and the health check passed"),
    (T.DOUBT, (S.DEPLOYED, S.VERIFIED, S.ROLLED_BACK), S.DEPLOYED, "a later verification failed"),
    (T.FAIL, (S.EXECUTING, S.PAUSED, S.DEPLOYED), S.FAILED, "a step or the verification failed"),
    (
        T.ROLL_BACK,
        (S.FAILED, S.DEPLOYED, S.VERIFIED, S.ABORTED, S.ROLLED_BACK, S.ROLLBACK_FAILED),
        S.ROLLING_BACK,
        "the last verified release is brought back",
    ),
    (T.RESTORE, (S.ROLLING_BACK,), S.ROLLED_BACK, "the restored release is verified"),
    (T.FAIL_ROLLBACK, (S.ROLLING_BACK,), S.ROLLBACK_FAILED, "a person is needed"),
    (
        T.ABORT,
        (S.REQUESTED, S.PREPARED, S.CONFIRMED, S.EXECUTING, S.PAUSED, S.FAILED),
        S.ABORTED,
        "somebody gave it up",
    ),
)

ENDED = frozenset({S.VERIFIED, S.ROLLED_BACK, S.ROLLBACK_FAILED, S.ABORTED, S.SIMULATED, S.FAILED})
"""States in which nothing is under way: the slot is free."""
BEFORE_EXECUTION = frozenset({S.REQUESTED, S.PREPARED, S.CONFIRMED})
"""States in which nothing was begun."""
UNDER_WAY = frozenset({S.EXECUTING, S.PAUSED, S.DEPLOYED, S.ROLLING_BACK})
"""States in which an interrupted deployment is left behind; `resume` goes on from here."""


TABLE = {(source, trigger): target for trigger, sources, target, _ in EDGES for source in sources}
"""(state, trigger) to the next state. A test holds it against `table`, which is what the machine makes of the same edges."""


def table() -> dict[tuple[State, Trigger], State]:
    """`TABLE`, exported from the machine that has checked its form. Making that takes 7 ms, so no deployment asks for it."""
    from transitions import Machine

    machine = Machine(
        model=None,
        states=[str(state) for state in State],
        transitions=[
            {"trigger": str(trigger), "source": [str(source) for source in sources], "dest": str(dest)}
            for trigger, sources, dest, _ in EDGES
        ],
        initial=str(State.REQUESTED),
        auto_transitions=False,
    )
    return {
        (State(str(source)), Trigger(name)): State(str(edges[0].dest))
        for name, event in machine.events.items()
        for source, edges in event.transitions.items()
    }


def allowed(state: State) -> list[Trigger]:
    """The triggers that lead on from *state*, in the order of the table."""
    return [trigger for trigger in Trigger if (state, trigger) in TABLE]


def target_of(deployment_id: str, state: State, trigger: Trigger) -> State:
    """Where *trigger* leads from *state*.

    Raises:
        IllegalTransition: Nowhere; says what is allowed.
    """
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalTransition(deployment_id, state, trigger, allowed(state)) from None
