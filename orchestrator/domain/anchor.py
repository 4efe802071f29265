"""A signed head: what the newest event of a store was at a moment, kept somewhere else. Pure; keys and files are in `adapters`.

One anchor is one line of JSON, so that a file may hold any number of them. What is signed is `Anchor.signed_bytes`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from orchestrator.domain.errors import UsageProblem

FORMAT = "pop-deploy anchor 1"


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """One signed head.

    Attributes:
        position, hash: Of the newest event; *hash* is hexadecimal.
        time: When it was signed, ISO 8601 with offset, by the signer's clock.
        public_key: Ed25519, 32 bytes as hexadecimal.
        fingerprint: Of that key: ``SHA256:...``; compare it with the one you keep.
        signature: 64 bytes as hexadecimal.
    """

    store_id: str
    position: int
    hash: str
    time: str
    public_key: str
    fingerprint: str
    signature: str = ""
    format: str = FORMAT

    def signed_bytes(self) -> bytes:
        return "\n".join((FORMAT, self.store_id, str(self.position), self.hash, self.time, self.public_key, "")).encode()

    def to_line(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def parse(text: str, file: str) -> Iterator[Anchor]:
    """The anchors in *text*, one a line; *file* is its name, for messages.

    Raises:
        UsageProblem: A line is no anchor, or there is none.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise UsageProblem(f"{file}: no anchor in it. To make one: pop-deploy audit anchor")
    for number, line in lines:
        yield _anchor(line, f"{file}: line {number}")


def _anchor(line: str, where: str) -> Anchor:
    try:
        values = json.loads(line)
        found = Anchor(**values)
        wrong = [field.name for field in fields(Anchor) if type(getattr(found, field.name)).__name__ != field.type]
    except (ValueError, TypeError) as error:
        raise UsageProblem(f"{where}: not an anchor of pop-deploy") from error
    if wrong or found.format != FORMAT:
        raise UsageProblem(f"{where}: not an anchor that this program reads ({', '.join(wrong) or found.format[:40]!r})")
    return found
