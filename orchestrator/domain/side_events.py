"""Events of the streams beside the deployments': slots, decisions given to a running deployment, audit, import, configuration."""

from __future__ import annotations

from orchestrator.domain.events import Event

# --- the stream of decisions, one for each deployment --------------------------


class DecisionGiven(Event):
    """Somebody answered while a living process was at work on the deployment: that one takes the answer over.

    *decision_id* ``abort`` answers no question: it asks that process to stop before its next step.
    """

    decision_id: str
    answer: str
    how: str
    by: str
    host: str
    reason: str = ""


# --- the slot's own stream ---------------------------------------------------


class SlotTaken(Event):
    """The version of this event in the slot's stream is the holder's epoch.

    Attributes:
        taken_over_from: Deployment and process of the dead holder whose claim stood until now, or None.
        pid_namespace: In which *pid* counts; "" where that is not known.
    """

    deployment_id: str
    host: str
    pid: int
    start_ticks: int
    boot_id: str
    taken_over_from: str | None = None
    pid_namespace: str = ""


class SlotReleased(Event):
    """The claim has ended: with its deployment, or (*by* is set) because a person released it.

    Attributes:
        outcome: State of the deployment.
        by: The person, and *reason* what they said.
        former_holder: Whose claim it was.
        killed: Its process was still there, and was killed for it.
    """

    deployment_id: str
    outcome: str
    by: str = ""
    reason: str = ""
    former_holder: str = ""
    killed: bool = False


# --- the audit stream ---------------------------------------------------------


class AnchorFailed(Event):
    """The signed head of event *position* did not reach the command or file that deploy.json names."""

    position: int
    message: str


# --- the import stream -------------------------------------------------------


class HistoryImported(Event):
    """A record of deploy.json's history that was written by somebody else; *identity* is its SHA-256.

    *record* is its JSON text: events are stored with sorted keys, and it goes back to the file with its keys in their order.
    """

    project: str
    identity: str
    record: str


# --- a project's configuration stream ----------------------------------------


class ConfigurationChanged(Event):
    """deploy.json is not what it was when a command looked at it last; no value of it is here.

    Attributes:
        before: Digest of all but the history; None at the first look.
        by: ``outside``, or who ran `init`; "" at the first look at a file that was there.
        changed: Place of each field that differs to its digest (`domain.configuration_edits`); None for one that is gone.
    """

    project: str
    before: str | None
    after: str
    by: str
    changed: dict[str, str | None]
