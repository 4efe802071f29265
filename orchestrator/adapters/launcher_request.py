"""What a launcher (`launcher.py`) is asked for, as it comes through a pipe: whole, or not at all.

`launchers.Request.to_bytes` writes it. Like the launcher it imports nothing of ours.
"""

import os

BLOCK_BYTES = 64 << 10


def receive(fd: int) -> list[bytes] | None:
    """DIRECTORY CWD TIMEOUT_S GRACE_S OWNER OUTLIVE_S COUNT HIDDEN, COUNT words of the command, HIDDEN values, its variables.

    A variable is NAME=VALUE. None when nobody asked for anything, or died while writing, or wrote something else.
    """
    blocks = []
    while block := os.read(fd, BLOCK_BYTES):
        blocks.append(block)
    size, _, body = b"".join(blocks).partition(b"\n")
    fields = body.split(b"\0")
    return fields if size == b"%d" % len(body) and _is_request(fields) else None


def _is_request(fields: list[bytes]) -> bool:
    """What cannot be carried out is not begun: then nobody finds a claim."""
    try:
        timeout_s, grace_s, outlive_s = float(fields[2]), float(fields[3]), float(fields[5])
        owner, count, hidden = int(fields[4]), int(fields[6]), int(fields[7])
    except (ValueError, IndexError):
        return False
    if not (timeout_s >= 0 <= grace_s and owner >= 0 <= outlive_s and count > 0 <= hidden and len(fields) >= 8 + count + hidden):
        return False
    return all(b"=" in variable for variable in fields[8 + count + hidden :])
