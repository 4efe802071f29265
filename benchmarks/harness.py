"""What every benchmark is made of: two sides that take turns in one run, the medians of both, and the limit between them.

Only ratios and differences of what ran side by side mean anything; a time alone says more about the machine. Start at `compare`.
A benchmark is a module with a function ``run(scratch) -> Iterator[Figure | Skipped]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
DEADLINE_S = 900


class Unit(Enum):
    """What a limit bounds: our time as a multiple of theirs, the milliseconds that we take more (than theirs, or than 1.05 times
    theirs), our memory, or that as a multiple."""

    TIMES = "x"
    MORE_MS = "ms more"
    OVER_MS = "ms over 1.05x"
    MB = "MB"
    MB_TIMES = "x of MB"


@dataclass(frozen=True)
class Limit:
    most: float
    unit: Unit

    def __str__(self) -> str:
        return _amount(self.most, self.unit)


@dataclass(frozen=True)
class Side:
    """One of the two: the command or loop in words, and what runs it.

    *run* may return the seconds that count; if it returns anything else, all of it counts.
    """

    command: str
    run: Callable[[], object]


@dataclass(frozen=True)
class Figure:
    """One measured line.

    Attributes:
        ours_s, theirs_s: Medians; of one event or step where *per* says so. With `Unit.MB` and `Unit.MB_TIMES`, megabytes.
        runs: How often each side ran, the warming up not counted.
    """

    subject: str
    ours: str
    theirs: str
    limit: Limit
    ours_s: float
    theirs_s: float
    runs: int
    per: str = ""

    @property
    def value(self) -> float:
        if self.limit.unit in (Unit.TIMES, Unit.MB_TIMES):
            return self.ours_s / self.theirs_s
        if self.limit.unit is Unit.OVER_MS:
            return (self.ours_s - 1.05 * self.theirs_s) * 1000
        return (self.ours_s - self.theirs_s) * 1000 if self.limit.unit is Unit.MORE_MS else self.ours_s

    @property
    def passed(self) -> bool:
        return self.value <= self.limit.most

    @property
    def shown(self) -> str:
        return _amount(self.value, self.limit.unit)

    def medians(self) -> tuple[str, str]:
        """Ours and theirs, for people."""
        if self.limit.unit is Unit.MB:
            return f"{self.ours_s:.0f} MB", ""
        if self.limit.unit is Unit.MB_TIMES:
            return f"{self.ours_s:.1f} MB", f"{self.theirs_s:.1f} MB"
        return _seconds(self.ours_s) + self.per, _seconds(self.theirs_s) + self.per


@dataclass(frozen=True)
class Skipped:
    subject: str
    reason: str


def compare(subject: str, ours: Side, theirs: Side, limit: Limit, *, runs: int, per: str = "", count: int = 1) -> Figure:
    """Run both sides in turn, theirs first, once to warm up and then *runs* times each.

    Args:
        count: What one run is divided by, named by *per* (``/step``).
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for side, times in zip((theirs, ours), taken, strict=True):
            seconds = timed(side.run)
            if number:
                times.append(seconds / count)
    return Figure(subject, ours.command, theirs.command, limit, median(taken[1]), median(taken[0]), runs, per)


def timed(run: Callable[[], object]) -> float:
    """Seconds that *run* took, or says it took."""
    started = time.perf_counter()
    own = run()
    return own if isinstance(own, float) else time.perf_counter() - started


def program(argv: Sequence[str | Path], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> Callable[[], str]:
    """Something that runs *argv* to its end and returns what it printed. Raises RuntimeError when it fails."""

    def run() -> str:
        done = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE_S,
            check=False,
        )
        printed = done.stdout.decode(errors="replace")
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{printed}")
        return printed

    return run


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Ours, but byte code may be kept: an installed program has it, and without it a start would be one of a compiler."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "POP_DEPLOY_ACTOR": "bench", **(more or {})}


def cache() -> Path:
    """Where generated stores are kept, and where benchmarks write: a real disk, which the temporary directory may not be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pop-deploy-backends" / "bench"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return base


def cached_venv(requirement: str) -> Path:
    """The interpreter of a virtual environment with *requirement* (``name==version``) alone: nothing of ours ever depends on it.

    It is made once, in the cache; installing needs an index that pip can reach.

    Raises:
        RuntimeError, OSError: It cannot be made.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pop-deploy-bench"
    place = base / requirement.replace("==", "-")
    python, complete = place / "bin" / "python", place / "complete"
    if not complete.exists():
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        program([sys.executable, "-m", "venv", "--clear", place])()
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", requirement]
        program([python, *install])()
        complete.touch()
    return python


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory for one benchmark; what running steps leave in the user's state directory goes there too."""
    with TemporaryDirectory(dir=cache(), prefix="scratch-") as path:
        os.environ.pop("XDG_RUNTIME_DIR", None)
        os.environ["XDG_STATE_HOME"] = str(Path(path) / "state")
        yield Path(path)


def _amount(value: float, unit: Unit) -> str:
    if unit in (Unit.TIMES, Unit.MB_TIMES):
        return f"{value:.2f}x"
    if unit is Unit.OVER_MS:
        return f"{value:+.0f} ms over 1.05x"
    return f"{value:+.0f} ms" if unit is Unit.MORE_MS else f"{value:.0f} MB"


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.1f} ms" if value >= 0.01 else f"{value * 1000:.3f} ms"
