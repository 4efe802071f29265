"""``docs/lifecycle.md``, made from the one table in `orchestrator.domain.lifecycle`: `document`.

``python -m orchestrator.rendering.lifecycle_doc --write docs/lifecycle.md`` writes it; a test compares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orchestrator.domain.lifecycle import EDGES, ENDED, UNDER_WAY, State, allowed, table

_HEAD = """# Lifecycle of a deployment

Made from `orchestrator/domain/lifecycle.py` by `python -m orchestrator.rendering.lifecycle_doc --write docs/lifecycle.md`;
change the table there, not here.

Every transition is an event in the deployment's stream, named by its trigger below. What stands in no row is refused, for a
command and for a replayed history alike.
"""

_FOOT = """A release that was verified and fails a later verification is `deployed` again; it is not under way then and
holds no slot.
"""


def document() -> str:
    """The whole page: diagram, edges, states."""
    parts = [
        _HEAD,
        f"```mermaid\n{diagram()}```\n",
        f"## Transitions\n\n{_edges()}",
        f"## States\n\n{_states()}",
        _FOOT,
    ]
    return "\n".join(parts)


def diagram() -> str:
    """A mermaid state diagram, of the table as the machine has checked it."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.REQUESTED}"]
    lines += [f"    {source} --> {target}: {trigger}" for (source, trigger), target in table().items()]
    lines += [f"    {state} --> [*]" for state in State if state in ENDED]
    return "\n".join(lines) + "\n"


def _edges() -> str:
    rows = ["| from | trigger | to | meaning |", "|---|---|---|---|"]
    for trigger, sources, target, meaning in EDGES:
        rows += [f"| {source} | {trigger} | {target} | {meaning} |" for source in sources]
    return "\n".join(rows) + "\n"


def _states() -> str:
    rows = ["| state | is | leads on by |", "|---|---|---|"]
    rows += [f"| {state} | {_kind(state)} | {', '.join(allowed(state)) or 'nothing: it is final'} |" for state in State]
    return "\n".join(rows) + "\n"


def _kind(state: State) -> str:
    if state in ENDED:
        return "ended: nothing is under way, the slot is free"
    if state in UNDER_WAY:
        return "under way: the slot is held; `resume` goes on when the process is gone"
    return "before execution: nothing was changed"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/lifecycle.md.")
    parser.add_argument("--write", type=Path, required=True, metavar="FILE")
    parser.parse_args().write.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
