"""Every error of the product.

    PopDeployError
    ├── UsageProblem            wrong usage or configuration; nothing was done
    ├── Refused                 a rule says no; nothing was done
    │   ├── IllegalTransition   the deployment's state does not allow it
    │   ├── NotConfirmed        no confirmation of this very plan
    │   ├── PlanStale           what the plan depends on has changed
    │   ├── Frozen              the environment takes no deployments now
    │   ├── ValidationRequired  the environment takes only validated commits
    │   ├── CanaryUnsupported   this kind of target has no canary
    │   ├── NothingToRollBack   no verified release to go back to
    │   └── NothingLive         that release is not what is live
    ├── SlotHeld                another deployment holds the slot
    ├── SlotClaimedByDead       an interrupted deployment still claims the slot
    ├── DecisionOpen            a question must be answered first
    ├── OutcomeUnknown          neither we nor the target know whether a step's effect was made
    └── Interrupted             a signal asked this process to stop

Targets, adapters and configuration add theirs below `PopDeployError`. Only `cli/errors.py` knows exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence


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
        super().__init__(f"{deployment_id} is {state}: cannot {trigger.replace('_', ' ')}.{hint}")
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


class NothingToRollBack(Refused):
    rule = "rollback_reference"


class NothingLive(Refused):
    rule = "live_release"


class SlotHeld(PopDeployError):
    """Somebody else is at work in the slot."""

    def __init__(self, message: str, *, slot: str, deployment_id: str) -> None:
        super().__init__(message)
        self.slot, self.deployment_id = slot, deployment_id


class SlotClaimedByDead(PopDeployError):
    """The holder died; its deployment must be resumed or aborted first."""

    def __init__(self, message: str, *, slot: str, deployment_id: str) -> None:
        super().__init__(message)
        self.slot, self.deployment_id = slot, deployment_id


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


class Interrupted(PopDeployError):
    """A signal asked this process to stop."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(f"interrupted by {signal_name}")
        self.signal_name = signal_name
