"""Loading and writing a deployment: the `Journal` is one deployment, open for writing by one process.

Every event goes through `Journal.record`: masked, appended at the expected version (and, once the slot is held, guarded by its
epoch), then applied to the aggregate. What is in memory is therefore never ahead of what is on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from eventstore import NO_STREAM, Attachment, EventReader, Guard, GuardFailed, NewEvent, WrongExpectedVersion
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import SlotLost, UsageProblem
from orchestrator.domain.events import (
    DeploymentDeployed,
    DeploymentPrepared,
    DeploymentRequested,
    DeploymentVerified,
    Event,
    RollbackStarted,
    RolledBack,
)
from orchestrator.domain.ids import stream_of
from orchestrator.projections import deployments
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import Lock
from orchestrator.services.slot_holder import loss
from orchestrator.services.workspace import Workspace


class Journal:
    """One deployment and the right to append to it.

    Attributes:
        guard: Slot stream and epoch, while the slot is held.
        lock: The slot's, while it is held; see `services/slot.py`.
        taken_over_from: Whose claim was taken over with the slot, or None.
        planned_at: Version of the slot's stream when this process planned, or None when it did not: a plan that was made
            elsewhere or before a person was asked is made again before it runs.
    """

    def __init__(self, workspace: Workspace, deployment: Deployment, version: int) -> None:
        self._workspace = workspace
        self._version = version
        self.deployment = deployment
        self.guard: Guard | None = None
        self.lock: Lock | None = None
        self.taken_over_from: str | None = None
        self.planned_at: int | None = None

    @property
    def version(self) -> int:
        return self._version

    def record(self, *events: Event, attachments: Sequence[Attachment] = ()) -> None:
        """Append *events* in one transaction, then apply them at the time that the store gives them.

        Raises:
            WrongExpectedVersion: Somebody else wrote to this deployment; nothing was written.
            SlotLost: This process held the slot, and another one has it now; nothing was written.
            GuardFailed: The slot, which was not held, has changed hands; nothing was written.
            UsageProblem: A secret stands where only what is recorded can be carried out; nothing was written.
            IllegalTransition: The lifecycle does not allow it; nothing was written, or no replay could ever pass it.
        """
        self.deployment.require_all(events)
        workspace, clean = self._workspace, [self._masked(event) for event in events]
        deployment_id = self.deployment.id or _id_of(events[0])
        metadata = orjson.dumps(self._metadata(deployment_id), option=orjson.OPT_SORT_KEYS)
        new_events = [NewEvent(new.type, new.data, metadata, new.schema_version) for new, _ in clean]
        try:
            self._version, time = workspace.store.append(
                stream_of(deployment_id),
                new_events,
                expected_version=self._version,
                guard=self.guard,
                attachments=attachments,
            )
        except (GuardFailed, WrongExpectedVersion) as late:
            try:
                self.check_held()
            except SlotLost as lost:
                raise lost from late
            raise
        for _, event in clean:
            self.deployment.apply(event, time)

    def behind(self) -> bool:
        """Whether others have recorded something since."""
        return self._workspace.store.version(stream_of(self.deployment.id)) != self._version

    def catch_up(self) -> None:
        """Follow what others have recorded since.

        Raises:
            IllegalTransition, HistoryBroken: As `Deployment.apply` does.
        """
        for recorded in self._workspace.store.read_stream(stream_of(self.deployment.id), self._version):
            self.deployment.apply(CODEC.decode(recorded), recorded.time)
            self._version = recorded.version

    def check_held(self) -> None:
        """Raise SlotLost where this process held the slot and has lost it. What was not held cannot be lost."""
        guard, store = self.guard, self._workspace.store
        if self.lock is not None and guard is not None and store.version(guard.stream) != guard.version:
            raise loss(self._workspace, self.deployment.slot, self.deployment.id, guard.version)

    def _masked(self, event: Event) -> tuple[NewEvent, Event]:
        """No secret reaches the store: an event that holds one is rewritten before it is recorded.

        What is carried out is what was recorded; so what would be carried out differently is refused instead.
        """
        new = CODEC.encode(event)
        if not self._workspace.mask.may_mask_json(new.data):
            return new, event
        fields = orjson.loads(new.data)
        masked = self._workspace.mask.mask_json(fields)
        if masked == fields:
            return new, event
        masked |= {name: fields[name] for name in _KEPT.get(type(event), ())}
        for name in _VERBATIM.get(type(event), ()):
            if masked[name] != fields[name]:
                raise UsageProblem(
                    f"deploy.json: {name}: holds a secret or what redact matches ({_first_masked(fields[name], masked[name])}), "
                    'and cannot be recorded as it is. Refer to a secret with {"env": "NAME"}, or make redact narrower.'
                )
        clean: Event = type(event)(**masked)
        return CODEC.encode(clean), clean

    def _metadata(self, deployment_id: str) -> dict[str, object]:
        workspace = self._workspace
        return {
            "actor": workspace.actor,
            "host": workspace.here.host,
            "pid": workspace.here.pid,
            "tool_version": workspace.tool_version,
            "correlation_id": deployment_id,
            "causation_id": f"{stream_of(deployment_id)}@{self._version}" if self._version >= 0 else None,
        }


def create(workspace: Workspace, request: DeploymentRequested) -> Journal:
    """Begin a deployment with *request*; its ID is made anew if another process was faster."""
    from dataclasses import replace

    while True:
        journal = Journal(workspace, Deployment(), NO_STREAM)
        try:
            journal.record(request)
        except WrongExpectedVersion:
            request = replace(request, deployment_id=workspace.new_id())
        else:
            return journal


def load(workspace: Workspace, deployment_id: str) -> Journal:
    """Fold the deployment from its stream.

    Args:
        deployment_id: An ID, an unambiguous beginning of one, or ``latest``.

    Raises:
        UsageProblem: There is none of that name, or several.
    """
    project = workspace.config.project_name
    deployment, version = fold(workspace.store, deployments.resolve(workspace.store, deployment_id, project=project))
    if deployment.requested.project != project:
        raise UsageProblem(
            f"{deployment.id} belongs to {deployment.requested.project}, which shares the store; this is {project}. "
            f"Next: go to the directory of {deployment.requested.project}, or name it with --dir"
        )
    return Journal(workspace, deployment, version)


def fold(reader: EventReader, deployment_id: str) -> tuple[Deployment, int]:
    """The deployment as its events say, and the version of the last one."""
    deployment, version = Deployment(), NO_STREAM
    for recorded in reader.read_stream(stream_of(deployment_id)):
        deployment.apply(CODEC.decode(recorded), recorded.time)
        version = recorded.version
    if version == NO_STREAM:
        raise UsageProblem(f"no deployment {deployment_id}. Next: pop-deploy history --all-attempts")
    return deployment, version


_VERBATIM: dict[type[Event], tuple[str, ...]] = {
    DeploymentRequested: ("deployment_id", "project", "environment", "version", "target"),
    DeploymentPrepared: ("plan", "on_failure"),
}
"""Fields that mean something else when a part of them is masked."""
_KEPT: dict[type[Event], tuple[str, ...]] = {
    RollbackStarted: ("plan", "plan_digest", "to"),
    DeploymentDeployed: ("release",),
    DeploymentVerified: ("release",),
    RolledBack: ("release",),
}
"""Fields made of what is on record already. A secret that is revealed later and happens to be a word of them tells nothing new;
masking it would break the way back."""


def _first_masked(before: Any, after: Any) -> str:
    """The first text inside two JSON values that masking has changed, as it is afterwards."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        return next(_first_masked(value, after[key]) for key, value in before.items() if value != after[key])
    if isinstance(before, list) and isinstance(after, list):
        return next(_first_masked(one, other) for one, other in zip(before, after, strict=True) if one != other)
    return str(after)


def _id_of(event: Event) -> str:
    if not isinstance(event, DeploymentRequested):
        raise TypeError(f"a deployment begins with DeploymentRequested, not {type(event).__name__}")
    return event.deployment_id
