"""`make soak`: many processes deploy to many slots while random ones are killed; then everything is finished and looked at.

    python -m tests.soak --seconds 120 --processes 32 --slots 200 [--store postgresql+psycopg://...]

Prints figures, and each problem; exits 1 if there is one. The store must be empty. A run with a problem is kept for a look.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from orchestrator.bootstrap import open_store
from tests.soak import checks, place, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--slots", type=int, default=200)
    parser.add_argument("--store", metavar="URL", help="an empty one; a SQLite file of its own if none is named")
    parser.add_argument("--kill-every", type=float, default=0.4, metavar="SECONDS", help="on average")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of who is killed when")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="soak-", dir=soak_directory()))
    at = place.make(directory, given.slots, given.store)
    with closing(open_store(at.directory, at.store)) as store:
        empty = not store.head().position
    if not empty:
        shutil.rmtree(directory)
        parser.error("--store: it has events already; name an empty one, because every event in it is looked at afterwards")
    print(f"{given.processes} processes, {given.slots} slots, {given.seconds:.0f} s, seed {given.seed}", flush=True)
    problems = run(at, given)
    for problem in problems[:50]:
        print(f"PROBLEM {problem}")
    if problems:
        print(f"{len(problems)} problems; everything is in {directory}")
        return 1
    shutil.rmtree(directory)
    print("no lost event, no slot held twice")
    return 0


def run(at: place.Place, given: argparse.Namespace) -> list[str]:
    started = time.monotonic()
    done, failed = soak.run(at, seconds=given.seconds, processes=given.processes, kill_every_s=given.kill_every, seed=given.seed)
    finished = time.monotonic()
    figures, problems = checks.check(at)
    print(f"kills {done.kills}, stops {done.stops}")
    print(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in asdict(figures).items()))
    print(f"{finished - started:.1f} s, and {time.monotonic() - finished:.1f} s to look at it")
    return failed + problems


def soak_directory() -> Path:
    """On a real disk, which the temporary directory may not be."""
    base = Path.home() / ".cache" / "pop-deploy-soak"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return base


if __name__ == "__main__":
    sys.exit(main())
