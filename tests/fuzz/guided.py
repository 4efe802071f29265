"""The parser and the codec once more, guided by coverage: `python -m tests.fuzz.guided NAME RUNS SEED` runs atheris and ends so.

In a process of its own (`run` starts it), because atheris instruments what is imported and never returns. Where it is not
installed, `available` says so and the other fuzzers take its share.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

LONGEST = 8192
SHARES = {"deploy.json": 12.0, "codec": 10.0}
LIMIT_S = 400.0
_DONE = re.compile(r"Done (\d+) runs")


class Found(Exception):
    """Atheris stopped at an input; the message has its output's end."""


def available() -> bool:
    return importlib.util.find_spec("atheris") is not None


def run(name: str, inputs: int, seed: int) -> int:
    """Inputs really tried. Raises `Found`."""
    words = [sys.executable, "-m", "tests.fuzz.guided", name, str(inputs), str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    ran = _DONE.search(done.stderr)
    if done.returncode or ran is None:
        raise Found(f"{name} (exit code {done.returncode}):\n{(done.stdout + done.stderr)[-6000:]}")
    return int(ran[1])


def main(name: str, inputs: int, seed: int) -> None:
    import atheris

    with atheris.instrument_imports(
        include=["orchestrator.config", "orchestrator.domain", "orchestrator.targets", "eventstore.codec"]
    ):
        from tests.fuzz import configuration, events
    from tests.fuzz.running import ALLOWED

    checks: dict[str, tuple[Callable[[bytes], None], Iterable[bytes]]] = {
        "deploy.json": (configuration.check, configuration.TEXTS),
        "codec": (events.decode_bytes, (bytes([number, 1]) + text for number, text in events.seeds())),
    }
    check, seeds = checks[name]

    def one(raw: bytes) -> None:
        try:
            check(raw)
        except ALLOWED:
            return

    with tempfile.TemporaryDirectory(prefix="fuzz-") as room:
        corpus = Path(room) / "corpus"
        corpus.mkdir()
        for number, text in enumerate((*seeds, b"\0\1{}", b'{"targets": {}}')):
            (corpus / str(number)).write_bytes(text)
        words = Path(room) / "words"
        words.write_text("".join(f'"\\"{key}\\""\n' for key in _keys()))
        limits = [f"-runs={inputs}", f"-seed={seed}", "-timeout=5", f"-max_len={LONGEST}", "-rss_limit_mb=4096"]
        atheris.Setup([sys.argv[0], *limits, f"-dict={words}", f"-artifact_prefix={room}/", str(corpus)], one)
        atheris.Fuzz()


def _keys() -> list[str]:
    """Every key of deploy.json and of an event that is plain text."""
    from tests.fuzz import configuration, events

    text = b" ".join((*configuration.TEXTS, *(text for _, text in events.seeds()))).decode()
    return sorted(set(re.findall(r'"([A-Za-z0-9_.-]+)"\s*:', text)))


if __name__ == "__main__":
    os.environ.pop("POP_DEPLOY_STORE", None)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
