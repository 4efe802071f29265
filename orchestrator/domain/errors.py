"""Every error of the product.

    PopDeployError
    ├── UsageProblem            wrong usage or configuration; nothing was done
    ├── Refused                 a rule says no; nothing was done
    │   ├── IllegalTransition   the deployment's state does not allow it
    │   ├── NotConfirmed        no confirmation of this very plan
    │   ├── PlanStale           what the plan depends on has changed
    │   ├── Frozen              the environment takes no deployments now
    │   ├── ValidationRequired  the environment takes only validated commits
    │   ├── CanaryUnsupported   this kind of target has no canary, or nothing to hold it against
    │   ├── CanaryLeft          the canary of a deployment that has lost its claim would be left behind
    │   ├── Drifted             somebody changed the target by hand
    │   ├── NothingToRollBack   no verified release to go back to
    │   ├── NothingLive         that release is not what is live
    │   ├── NotClaimed          there is no claim of that deployment to release
    │   └── Superseded          its claim was released, and another deployment has begun there since
    ├── SlotHeld                another deployment holds the slot
    ├── SlotLost                this process held the slot, and was replaced
    ├── SlotClaimedByDead       an interrupted deployment still claims the slot
    ├── DecisionOpen            a question must be answered first
    ├── HistoryBroken           an event does not follow from those before it: the store was changed by hand
    ├── OutcomeUnknown          neither we nor the target know whether a step's effect was made
    ├── AbortAsked              somebody asked the process at work to give the deployment up
    └── Interrupted             a signal asked this process to stop

Targets, adapters and configuration add theirs below `PopDeployError`. Only `cli/errors.py` knows exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.slot_holder import SlotHolder


class PopDeployError(Exception):
    """Root. The message says where, what, and what to do next."""


class UsageProblem(PopDeployError):
    """Wrong usage or configuration; nothing was done."""


class Refused(PopDeployError):
    """A rule says no; nothing was done."""

    rule = "refused"


class IllegalTransition(Refused):
    rule = "state"

    def __init__(self, deployment_id: str, state: str, trigger: str, allowed: Sequence[str] = ()) -> None:
        hint = f" From here: {', '.join(allowed)}." if allowed else " It has ended."
        following = f"{hint} Next: pop-deploy show {deployment_id}"
        super().__init__(f"{deployment_id} is {state}: cannot {trigger.replace('_', ' ')}.{following}")
        self.deployment_id, self.state, self.trigger = deployment_id, state, trigger


class NotConfirmed(Refused):
    rule = "confirmation"


class PlanStale(Refused):
    rule = "stale_plan"

    def __init__(self, message: str, differences: Sequence[str]) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class Frozen(Refused):
    rule = "freeze"


class ValidationRequired(Refused):
    rule = "validation"


class CanaryUnsupported(Refused):
    rule = "canary"


class Drifted(Refused):
    rule = "drift"


class NothingToRollBack(Refused):
    rule = "rollback_reference"


class NothingLive(Refused):
    rule = "live_release"


class NotClaimed(Refused):
    rule = "no_claim"


class CanaryLeft(Refused):
    rule = "canary_left"


class Superseded(Refused):
    rule = "superseded"


class OfSlot(PopDeployError):
    """Base of what is said of a slot. *deployment_id* has, claims or had it; *holder*: what is known of who has it now."""

    def __init__(self, message: str, *, slot: str, deployment_id: str, holder: SlotHolder | None = None) -> None:
        super().__init__(message)
        self.slot, self.deployment_id, self.holder = slot, deployment_id, holder


class SlotHeld(OfSlot):
    """Somebody else is at work in the slot."""


class SlotLost(OfSlot):
    """Another process has the slot now: what this one wanted to write was refused, and it starts nothing more."""


class SlotClaimedByDead(OfSlot):
    """The holder died; its deployment must be resumed or aborted first."""


class DecisionOpen(PopDeployError):
    """A question stands; *decision_id* says which."""

    def __init__(self, deployment_id: str, decision_id: str, question: str) -> None:
        super().__init__(f"{deployment_id} waits for a decision: {decision_id}: {question}")
        self.deployment_id, self.decision_id, self.question = deployment_id, decision_id, question


class OutcomeUnknown(PopDeployError):
    """A person must look at the target; a step may or may not have been done."""

    def __init__(self, deployment_id: str, step: str, detail: str) -> None:
        super().__init__(f"{deployment_id}: nobody knows whether {step} was done: {detail}")
        self.deployment_id, self.step, self.detail = deployment_id, step, detail


class HistoryBroken(PopDeployError):
    """An event does not follow from those before it: no version of this program has written them like this."""

    def __init__(self, deployment_id: str, event: str, reason: str) -> None:
        super().__init__(
            f"{deployment_id or 'a deployment'}: {event} does not follow from what is on record before it ({reason}). "
            "Was the store changed by hand? Next: pop-deploy audit verify"
        )
        self.deployment_id, self.event, self.reason = deployment_id, event, reason


class Interrupted(PopDeployError):
    """A signal asked this process to stop."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(f"interrupted by {signal_name}")
        self.signal_name = signal_name


class AbortAsked(PopDeployError):
    """Somebody asked to give the deployment up while it was running; it stops before its next step."""

    def __init__(self, deployment_id: str, by: str) -> None:
        super().__init__(f"{deployment_id}: {by} asked to abort it")
        self.deployment_id, self.by = deployment_id, by
