"""``python -m tests.fuzz --inputs 100000``: try so many inputs, say how many of each kind, and fail at the first finding.

Every input has a deadline of 5 s. A finding ends the run with exit code 1, the smallest input that shows it and the seed; it
belongs into `tests/unit/test_fuzz.py` as a case of its own, beside the repair.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.fuzz import command_line, configuration, events, guided, history, records, stores
from tests.fuzz.running import Fuzzer, run

FUZZERS: tuple[Fuzzer, ...] = tuple(
    fuzzer for module in (configuration, events, records, history, command_line, stores) for fuzzer in module.FUZZERS
)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads from outside.")
    options.add_argument("--inputs", type=int, default=100_000, help="of all fuzzers together (100000)")
    options.add_argument(
        "--seed", type=int, default=int(time.time()), help="the same seed makes the same inputs, coverage-guided ones apart"
    )
    options.add_argument("--only", default="", metavar="TEXT", help="fuzzers whose name has TEXT")
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    chosen = [fuzzer for fuzzer in FUZZERS if given.only in fuzzer.name]
    by_coverage = {
        name: share for name, share in guided.SHARES.items() if guided.available() and given.only in f"{name}, by coverage"
    }
    if not guided.available():
        print("atheris is not installed: nothing is guided by coverage")
    percent = sum(fuzzer.share for fuzzer in chosen) + sum(by_coverage.values())
    began, tried = time.monotonic(), 0
    try:
        for fuzzer in chosen:
            tried += _one(fuzzer, round(given.inputs * fuzzer.share / percent), given.seed)
        for name, share in by_coverage.items():
            start = time.monotonic()
            count = guided.run(name, round(given.inputs * share / percent), given.seed % 2**31)
            tried += count
            _say(f"{name}, by coverage", count, time.monotonic() - start)
    except BaseException:  # noqa: BLE001 - whatever it is, it is a finding, and said to be one
        traceback.print_exc()
        print(f"FOUND something after {tried} inputs (seed {given.seed})", flush=True)
        return 1
    print(f"{tried} inputs in {time.monotonic() - began:.0f} s: no traceback, nothing hung")
    return 0 if tried >= given.inputs * 0.99 else 1


def _one(fuzzer: Fuzzer, inputs: int, seed: int) -> int:
    start = time.monotonic()
    ran = run(fuzzer, inputs, seed)
    refused = f", {ran.refused} refused" if ran.refused else ""
    _say(fuzzer.name, ran.inputs, time.monotonic() - start, f"{refused}, slowest {ran.slowest_s * 1000:.0f} ms")
    return ran.inputs


def _say(name: str, count: int, seconds: float, more: str = "") -> None:
    print(f"{name:32} {count:7} inputs in {seconds:5.0f} s{more}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
