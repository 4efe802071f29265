"""`pop-deploy notify` as text: the receivers, and what did not reach them."""

from __future__ import annotations

from orchestrator.projections.notify_results import DeliverResult, NotifyStatus, ReceiverStatus, TestResult, Undelivered
from orchestrator.rendering.history import shortened, when
from orchestrator.rendering.text import one_line

NOBODY = 'Nobody is told: deploy.json has no "notify".\n'


def status(found: NotifyStatus) -> str:
    """A line for each receiver, and two for each notification that did not arrive."""
    if not found.receivers:
        return NOBODY
    lines = [_receiver(each) for each in found.receivers]
    lines += [line for each in found.undelivered for line in _undelivered(each)]
    if any(each.pending and each.configured for each in found.receivers):
        lines.append("Next: pop-deploy notify deliver")
    return "\n".join(lines) + "\n"


def delivered(result: DeliverResult) -> str:
    said = f"{result.delivered} delivered, {result.pending} pending, {result.failed} given up.\n"
    return said if result.success else f"{said}Next: pop-deploy notify\n"


def tested(result: TestResult) -> str:
    return one_line(f"{result.receiver}: {'delivered' if result.success else 'not delivered'}: {result.message}") + "\n"


def _receiver(each: ReceiverStatus) -> str:
    said = f"{each.name} ({each.kind}): {each.delivered} delivered, {each.pending} pending, {each.failed} failed"
    if not each.configured:
        return f"{said}; it stands in deploy.json no more, nothing is sent to it"
    if each.added_at is None:
        return f"{said}; it is told what happens from the next command on that records something"
    return f"{said}; told since {when(each.added_at)}"


def _undelivered(each: Undelivered) -> tuple[str, str]:
    what = f"{each.event.replace('_', ' ')} {each.deployment_id}" if each.event else "(archived)"
    tried = f"{each.attempts} attempt{'' if each.attempts == 1 else 's'}"
    then = f"next {when(each.due_at)}" if each.due_at else "not tried again"
    return f"  {each.state}: {what} to {each.receiver}, {tried}, {then}", f"    {shortened(one_line(each.error), 160) or '-'}"
