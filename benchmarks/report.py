"""The figures for people: lines while they are measured, and docs/performance.md."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.harness import ROOT, Figure, Skipped, cache

PAGE = ROOT / "docs" / "performance.md"

_HEAD = """# Performance

Measured by `make bench`. Every line compares two things that took turns in one run (theirs, ours, theirs, ours, ...); the
figures are medians, and the ratio is that of the two medians. A time alone says more about the machine than about the program:
trust the ratios.
"""


def lines(result: Figure | Skipped) -> str:
    """One result, as it is printed."""
    if isinstance(result, Skipped):
        return f"skip  {result.subject}: {result.reason}\n"
    ours, theirs = result.medians()
    verdict = "pass" if result.passed else "MISS"
    return (
        f"{verdict}  {result.subject}: {result.shown} (limit {result.limit}; {result.runs} runs each)\n"
        f"      {ours:>16}  {result.ours}\n"
        f"      {theirs:>16}  {result.theirs}\n"
    )


def write(results: Sequence[Figure | Skipped], explained: Sequence[str]) -> None:
    """Write the page; *explained* says what each benchmark compares.

    Raises:
        ValueError: A benchmark was skipped: the page says what was measured, all of it.
    """
    skipped = [f"{result.subject}: {result.reason}" for result in results if isinstance(result, Skipped)]
    if skipped:
        raise ValueError(f"{PAGE.name} was not written, because not everything was measured: {'; '.join(skipped)}")
    figures = [result for result in results if isinstance(result, Figure)]
    text = "\n\n".join([_HEAD.strip(), f"The machine: {_machine()}.", _table(figures), "## What is compared", *explained])
    PAGE.write_text(text + "\n", encoding="utf-8")


def _table(figures: Sequence[Figure]) -> str:
    rows = ["| what | limit | measured | ours | theirs |", "|---|---|---|---|---|"]
    for figure in figures:
        ours, theirs = figure.medians()
        verdict = "" if figure.passed else " (missed)"
        sides = [f"{figure.ours}: {ours}", f"{figure.theirs}: {theirs}" if theirs else figure.theirs]
        cells = [figure.subject, str(figure.limit), f"{figure.shown}{verdict}", *sides]
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores ({_processor()}), {_memory_gb():.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {_fsync_ms():.2f} ms per fsync"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _fsync_ms() -> float:
    """Of 4 kB added to a file, median of 50."""
    path, times = cache() / "fsync", []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(50):
            os.write(descriptor, bytes(4096))
            started = time.perf_counter()
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        path.unlink()
    return median(times) * 1000
