"""What goes wrong in a history, and how often.

Every history draws its own mixture: in most of them most kinds of faults are absent. So one history is all lost locks and another
all crashes in slow steps, and combinations come up that one average mixture would hardly ever show.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random

_SOME = (0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Probabilities.

    Attributes:
        crash: A process vanishes, at any of its seams.
        reboot: All processes of the machine and their children vanish, at a seam.
        refused_append: The store takes nothing: a full disk, a lost connection.
        stalls: A process gets no time for a while, at a seam.
        lost_lock: A process that is about to append has lost its lock, and sleeps for a while.
        signal: A process is asked to stop, at a seam.
        clock_jump: The wall clock steps, forwards or backwards, at a seam.
        slow: A step takes its time, during which others play.
        half: A process that vanishes in an effect leaves half of it.
        fails: A step fails, with or without an effect.
        lost_reply: A step's effect was made, and its answer does not arrive.
        unknown: A probe cannot tell.
        unreachable: The target cannot be asked.
        bad: A verification or health check fails.
        outlives: A child goes on after the process that started it vanished.
        same_id: Two processes make the same deployment ID.
    """

    crash: float = 0.0
    reboot: float = 0.0
    refused_append: float = 0.0
    stalls: float = 0.0
    lost_lock: float = 0.0
    signal: float = 0.0
    clock_jump: float = 0.0
    slow: float = 0.0
    half: float = 0.0
    fails: float = 0.0
    lost_reply: float = 0.0
    unknown: float = 0.0
    unreachable: float = 0.0
    bad: float = 0.0
    outlives: float = 0.0
    same_id: float = 0.0

    @classmethod
    def drawn(cls, random: Random) -> Faults:
        drawn = {field.name: random.choice(_SOME) if random.random() < 0.4 else 0.0 for field in fields(cls)}
        # At every seam, of which a deployment has more than fifty: with more of them nothing would ever get anywhere.
        for often in ("crash", "signal", "clock_jump", "refused_append", "stalls"):
            drawn[often] = min(drawn[often], 0.1) / 3
        drawn["reboot"] /= 30
        drawn["outlives"] = min(1.0, drawn["outlives"] * 5)
        # Half of everything else matters only where there was a crash.
        if random.random() < 0.5:
            drawn["crash"] = max(drawn["crash"], 0.01)
        return cls(**drawn)


NONE = Faults()
