"""The recorded children of one store, as the services see them: implements `services.ports.Children`.

How a child is run is in `child.py`, what became of it in `settle.py`, its output in `spool.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eventstore import Attachment
from orchestrator.adapters import child, settle
from orchestrator.adapters.attempt import ChildResult, CommandDirectory
from orchestrator.adapters.data_directory import DirectoryUnusable
from orchestrator.adapters.launchers import Launchers
from orchestrator.adapters.settle import Verdict
from orchestrator.adapters.signals import StopFlag
from orchestrator.adapters.spool import spool_chunks
from orchestrator.domain.masking import HOLD_CHARS, Masker, StreamMasker
from orchestrator.services.ports import ChildEnded, Settled

_TAIL_CHARS = 64 * 1024
TIMED_OUT = 124
"""What `timeout` exits with."""


class RecordedChildren:
    """Implements `services.ports.Children`.

    Args:
        directory: Where attempts keep their files, private to this user.
        say: Told what is waited for.
        grace_s: What a command gets after TERM.
        outlive_s: How long a command may go on after our death, where whoever takes over on another machine cannot find it and
            relies on its end; None: to its deadline.
    """

    def __init__(
        self,
        directory: Path,
        masker: Masker,
        stop: StopFlag,
        say: Callable[[str], None],
        *,
        grace_s: float = child.GRACE_S,
        outlive_s: float | None = None,
    ) -> None:
        self._directory, self._masker, self._stop, self._say = directory, masker, stop, say
        self._grace_s, self._outlive_s = grace_s, outlive_s
        self._launchers = Launchers()

    def stand_by(self) -> None:
        self._launchers.stand_by()

    def close(self) -> None:
        """Nothing more will be run."""
        self._launchers.close()

    def attempt_dir(self, deployment_id: str, phase: str, step: str, attempt: int, *, make: bool) -> Path:
        # Asked for every step, also for those that run no command: pathlib's own ways take four times as long.
        path = Path(f"{self._directory}/{deployment_id}/{phase}-{step}-{attempt}")
        if os.path.exists(path):  # noqa: PTH110
            # Made by a process that died before it could record the intent: nothing ran in it.
            shutil.rmtree(path)
        if make:
            try:
                self._own(deployment_id)
                path.mkdir(mode=0o700)
            except OSError as error:
                raise DirectoryUnusable(f"{path}: {error.strerror}: the step {step} was not started") from error
        return path

    def run(
        self,
        attempt_dir: Path,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_s: float,
        follow: Callable[[bytes], None] | None,
    ) -> ChildEnded:
        # A secret may be split over two blocks: the stream masker holds back what could be the beginning of one.
        stream = StreamMasker(self._masker)
        ended = child.run(
            attempt_dir,
            name,
            argv,
            cwd=cwd,
            env={**os.environ, **env},
            timeout_s=timeout_s,
            stop=self._stop,
            launchers=self._launchers,
            hidden=self._masker.values,
            grace_s=self._grace_s,
            outlive_s=self._outlive_s,
            follow=(lambda block: follow(stream.feed(block))) if follow else None,
        )
        if follow:
            follow(stream.close())
        return ChildEnded(
            exit_code=ended.exit_code,
            signal=ended.signal,
            timed_out=ended.timed_out,
            interrupted=ended.interrupted,
            duration_ms=ended.duration_ms,
            stdout=self._text(ended.tail or ended.head),
            stderr=self._text(ended.stderr_tail),
        )

    def settle(self, attempt_dir: Path, *, same_boot: bool, wait_s: float) -> Settled:
        found = settle.settle(attempt_dir, same_host_boot=same_boot, stop_after_s=wait_s, stop=self._stop, waiting=self._say)
        return Settled(
            started=found.verdict not in (Verdict.NEVER_STARTED, Verdict.NO_COMMAND),
            exit_codes={name: _code(fate.result) for name, fate in found.commands.items() if fate.result and fate.result.ended},
            unknown=found.reason if found.verdict is Verdict.UNKNOWN else "",
        )

    def output(self, attempt_dir: Path, name: str) -> tuple[Attachment, Mapping[str, Any]] | None:
        if not os.path.isdir(attempt_dir):  # noqa: PTH112
            return None
        commands = sorted(
            (CommandDirectory(path) for path in attempt_dir.iterdir() if path.is_dir()), key=lambda command: command.claimed_at()
        )
        packed = [(command.name, spool_chunks(command.result().spool, self._masker)) for command in commands]
        chunks = tuple(chunk for _, output in packed for chunk in output.chunks)
        if not chunks:
            return None
        described = [
            {"command": command, "sha256": output.digest, "bytes": output.size_bytes, "cut_bytes": output.cut_bytes}
            for command, output in packed
        ]
        return Attachment(name, chunks), {"attachment": name, "commands": described}

    def discard(self, attempt_dir: Path) -> None:
        if os.path.exists(attempt_dir):  # noqa: PTH110
            shutil.rmtree(attempt_dir, ignore_errors=True)

    def forget(self, deployment_id: str) -> None:
        path = self._directory / deployment_id
        if path.exists():
            shutil.rmtree(path, ignore_errors=True)

    def _own(self, deployment_id: str) -> None:
        # One after another: the parents that `mkdir` makes are as open as the umask leaves them.
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._directory / deployment_id).mkdir(mode=0o700, exist_ok=True)

    def _text(self, data: bytes) -> str:
        # Only the end is kept. The margin before it is wider than any secret, so none is cut in two before it is masked.
        margin = max(HOLD_CHARS, self._masker.longest)
        return self._masker.mask_bytes(data[-4 * (_TAIL_CHARS + margin) :]).decode(errors="replace")[-_TAIL_CHARS:]


def _code(result: ChildResult) -> int:
    """A command that was stopped because its time was up has not succeeded, whatever it made of that."""
    return TIMED_OUT if result.timed_out and not result.exit_code else result.exit_code or 0
