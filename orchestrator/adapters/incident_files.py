"""Incident reports as files of the data directory: `write_report`. What stands in them is not decided here.

Private, because a report quotes logs; whole or not at all; and never through a link that somebody else has put in the place.
"""
# ruff: noqa: PTH112, PTH118 - see data_directory

from __future__ import annotations

import os
import stat
from contextlib import suppress

from orchestrator.adapters.data_directory import ensure_private, incidents_directory
from orchestrator.domain.errors import PopDeployError


class ReportUnwritable(PopDeployError):
    """The report cannot be written; what stood there before stands there still."""


def write_report(data_dir: str, filename: str, text: str) -> str:
    """Make *text* the contents of *filename* in the incidents of *data_dir*, mode 0600, and return its path. Durable on return.

    Raises:
        ReportUnwritable: Permissions, a full disk, or something else in its place.
        DirectoryUnusable: The directory cannot be made.
    """
    if os.sep in filename or filename.startswith("."):
        raise ReportUnwritable(f"{filename!a} is no name for a report")
    directory = incidents_directory(data_dir)
    if not os.path.isdir(data_dir):  # deploy.json lies there: without one it is no project of ours
        raise ReportUnwritable(f"{data_dir}: there is no such directory, so no report was written")
    path = os.path.join(directory, filename)
    try:
        inside = _opened(ensure_private(directory))
        try:
            _replace(inside, filename, text.encode("utf-8", "replace"))
        finally:
            os.close(inside)
    except OSError as error:
        raise ReportUnwritable(f"{path}: cannot be written: {error.strerror}. Its contents: pop-deploy show") from error
    return path


def _opened(directory: str) -> int:
    """A descriptor: what is written goes into this very directory, wherever its name may lead a moment later."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _replace(inside: int, filename: str, data: bytes) -> None:
    """A rename puts the new file in the place of a link, and never writes where it leads."""
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(filename, dir_fd=inside, follow_symlinks=False).st_mode):
            raise IsADirectoryError(21, "a directory stands in its place")
    temporary = f".{filename}.{os.getpid()}.part"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=inside)  # of a process with our number that died
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=inside), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, filename, src_dir_fd=inside, dst_dir_fd=inside)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=inside)
        raise
    os.fsync(inside)
