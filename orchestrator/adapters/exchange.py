"""Replace a file only while it still holds what was read: `replace_if_unchanged`; and `recover` what a crash left behind.

For files that editors and other tools write too, with whom no lock can be agreed. Our file and theirs change places in one step
(``renameat2`` with ``RENAME_EXCHANGE``); what came out is looked at, and put back if it is not what was read. A plain rename
loses whatever was saved between our reading and our renaming. Leases (`held_file`) keep others out for the microseconds of the
swap: from their file those that would write it in place, and from ours all, so that nobody builds on what may have to be taken
back. Where the file system has no leases those microseconds are open; where it cannot exchange, theirs is compared and renamed
over.

The caller holds a lock against other processes of ours; nothing here locks. Both digests stand in the name of the temporary file,
so that `recover` can tell after a crash whether it is ours or somebody's edit.
"""
# ruff: noqa: PTH104, PTH105, PTH108, PTH116, PTH118, PTH119, PTH120, PTH123 - see data_directory

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from orchestrator.adapters.held_file import HeldFile, Seen, seen_at

SETTLE_S = 2.0
"""Deadline of putting back what others save while we put back what others saved."""

_PART = ".part"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


class ExchangeUnavailable(OSError):
    """This file system, kernel or C library cannot exchange two files."""


class Unsettled(TimeoutError):
    """Others kept writing while their contents were put back; the temporary file has to stay for `recover`."""


def replace_if_unchanged(path: str, expected: bytes, new: bytes) -> bool:
    """Make *new* the contents of *path* if they are *expected*; mode and owner stay. Durable on return.

    Returns:
        False when somebody else wrote first, or is writing: their contents stand there, nothing of ours does.

    Raises:
        Unsettled: Others kept writing; their newest contents may lie beside the file until `recover` runs.
        OSError: It cannot be written; *path* is as it was.
    """
    try:
        temporary = _write_beside(path, expected, new)
    except FileNotFoundError:
        return False
    try:
        replaced = _swap(temporary, path, expected)
    except Unsettled:
        raise
    except FileNotFoundError:  # it was unlinked, by an editor that is about to write it anew
        os.unlink(temporary)
        return False
    except OSError:
        os.unlink(temporary)
        raise
    _finish(temporary, path)
    return replaced


def recover(path: str) -> tuple[str, ...]:
    """Clear away what earlier processes left beside *path* when they were killed.

    An edit that one of them had pushed aside goes back to *path* when nobody has written since, else it is kept as a backup.

    Returns:
        Paths of the backups made.
    """
    with os.scandir(os.path.dirname(path)) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(_prefix(path))]
    return tuple(kept for temporary in left if (kept := _recover_one(temporary, path)) is not None)


def partial_name(path: str) -> str:
    """A name for a temporary file beside *path* that `recover` deletes whatever it holds."""
    return os.path.join(os.path.dirname(path), f"{_prefix(path)}{os.urandom(4).hex()}{_PART}")


def backup_name(path: str) -> str:
    """A free name beside *path*: ``deploy.json.bak-20260318T143022Z``, and ``-2``, ``-3`` if that second is taken."""
    name = f"{path}.bak-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    number, free = 1, name
    while os.path.lexists(free):
        number += 1
        free = f"{name}-{number}"
    return free


def write_new(path: str, contents: bytes, mode: int, *, like: os.stat_result | None = None) -> None:
    """Write *contents* durably to *path*, which must not exist, with *mode* and, if given, the owner of *like*.

    Raises:
        FileExistsError: Something stands there; it is untouched.
        OSError: It cannot be written; nothing is left behind.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(contents)
        while left:
            left = left[os.write(descriptor, left) :]
        if like is not None:
            _keep_owner(descriptor, like)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def sync_directory(directory: str) -> None:
    """Make the names in *directory* survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(one: str, other: str) -> None:
    """Let two existing files change places in one step.

    Raises:
        ExchangeUnavailable: Not here.
    """
    renameat2 = _renameat2()
    if renameat2 is None:
        raise ExchangeUnavailable(errno.ENOSYS, "the C library has no renameat2")
    import ctypes

    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    code = ctypes.get_errno()
    raise (ExchangeUnavailable if code in _NO_EXCHANGE else OSError)(code, os.strerror(code), other)


def digest(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()[:32]


@cache
def _renameat2() -> Callable[..., int] | None:
    import ctypes

    function: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return function


def _swap(temporary: str, path: str, expected: bytes) -> bool:
    _renameat2()  # loading it takes milliseconds, which others need not wait
    with HeldFile(temporary, alone=True) as ours, HeldFile(path, leases=ours.leased) as theirs:
        if theirs.has_writers or theirs.read() != expected:
            return False
        try:
            exchange(temporary, path)
        except ExchangeUnavailable:
            os.replace(temporary, path)
            return True
        with _unsettled(path):
            if theirs.is_at(temporary) and theirs.still_holds(expected):
                return True
            if not ours.is_at(path):  # somebody has saved over ours: that is newer than what came out of the exchange, and stays
                return False
            put, wanted = _put_back(temporary, path, ours)
    with _unsettled(path):
        _settle(temporary, path, put, wanted, leases=ours.leased)
    return False


@contextmanager
def _unsettled(path: str) -> Iterator[None]:
    """After an exchange every error means that the temporary file may be somebody's edit."""
    try:
        yield
    except Unsettled:
        raise
    except OSError as error:
        raise Unsettled(f"{path} changed while it was being written: {error}") from error


def _put_back(temporary: str, path: str, ours: HeldFile) -> tuple[Seen | None, Seen | None]:
    """Let what lies at *temporary*, somebody's edit, and *ours* at *path* change places again; gives what `_settle` goes on with.

    Whoever waits to read ours will see theirs in it. Whoever waits to write ours gets it, at *path*, with theirs in it.
    """
    edit = seen_at(temporary)
    exchange(temporary, path)
    if ours.leased:
        with open(path, "rb") as file:
            ours.overwrite(file.read())
    if not ours.writer_waits():
        return edit, ours.seen()
    exchange(temporary, path)
    return None, edit


def _settle(temporary: str, path: str, put: Seen | None, wanted: Seen | None, *, leases: bool) -> None:
    """Exchange until *wanted* comes out, after *put* went in.

    While an edit went back, somebody may have saved over what stood there for a moment. Then theirs is the newest and goes back,
    and so on.
    """
    deadline = time.monotonic() + SETTLE_S
    while (out := _seen_at_rest(temporary, leases=leases)) is None or out != wanted:
        if time.monotonic() > deadline:
            raise Unsettled(f"{path} is being written again and again")
        exchange(temporary, path)
        put, wanted = out, put


def _recover_one(temporary: str, path: str) -> str | None:
    _, expected, new = temporary.rsplit("-", 2)
    if not temporary.endswith(_PART) and _digest_at(temporary) not in (expected, new):
        if _digest_at(path) != new:
            backup = backup_name(path)
            os.rename(temporary, backup)
            return backup
        put, wanted = seen_at(temporary), seen_at(path)
        with HeldFile(temporary, alone=True) as edit:
            leases = edit.leased
        exchange(temporary, path)
        _settle(temporary, path, put, wanted, leases=leases)
    _finish(temporary, path)
    return None


def _finish(temporary: str, path: str) -> None:
    with suppress(FileNotFoundError):  # renamed over, where there is no exchange
        os.unlink(temporary)
    sync_directory(os.path.dirname(path))


def _seen_at_rest(path: str, *, leases: bool) -> Seen | None:
    """None when somebody is writing it."""
    with HeldFile(path, leases=leases) as held:
        return None if held.has_writers else held.seen()


def _digest_at(path: str) -> str | None:
    """None when it is missing."""
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except FileNotFoundError:
        return None


def _write_beside(path: str, expected: bytes, new: bytes) -> str:
    found = os.stat(path)
    if not os.access(path, os.W_OK):  # a rename would get around a mode that says "do not write"
        raise PermissionError(errno.EACCES, "the file is not writable", path)
    partial = partial_name(path)
    ready = f"{partial.removesuffix(_PART)}-{digest(expected)}-{digest(new)}"
    write_new(partial, new, stat.S_IMODE(found.st_mode), like=found)
    os.rename(partial, ready)  # only a name with digests has whole contents
    return ready


def _prefix(path: str) -> str:
    return f".{os.path.basename(path)}.pop-deploy-"


def _keep_owner(descriptor: int, like: os.stat_result) -> None:
    mine = os.fstat(descriptor)
    if (mine.st_uid, mine.st_gid) == (like.st_uid, like.st_gid):
        return
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except PermissionError:
        # Only root may give files away. Within a team the group is what counts: if that cannot be kept either, this raises.
        os.fchown(descriptor, -1, like.st_gid)
