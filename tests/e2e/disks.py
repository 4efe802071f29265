"""Disks as a test needs them, really mounted: `small`, `read_only`, `overlay`, and `network`, which needs no network.

Mounting needs root (CAP_SYS_ADMIN); without it the test is skipped, and says so. A full disk is one that `fill` has filled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_LIBC = ctypes.CDLL(None, use_errno=True)
_REMOUNT, _READ_ONLY, _BIND, _DETACH = 32, 1, 4096, 2


@contextmanager
def small(directory: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of that size, empty, at *directory*, which is made when missing."""
    with _mounted("tmpfs", directory, "tmpfs", 0, f"size={kilobytes}k,mode=700"):
        yield directory


@contextmanager
def read_only(directory: Path) -> Iterator[Path]:
    """*directory* as it is, on a disk that takes no write."""
    with _mounted(str(directory), directory, "", _BIND, ""):
        _mount("", directory, "", _REMOUNT | _BIND | _READ_ONLY, "")
        yield directory


@contextmanager
def overlay(directory: Path, beside: Path) -> Iterator[Path]:
    """As in a container."""
    for name in ("lower", "upper", "work"):
        (beside / name).mkdir(parents=True)
    with _mounted("overlay", directory, "overlay", 0, f"lowerdir={beside}/lower,upperdir={beside}/upper,workdir={beside}/work"):
        yield directory


@contextmanager
def network(directory: Path, kind: str = "fuse.sshfs") -> Iterator[Path]:
    """An empty directory of a file system that calls itself *kind*: FUSE, served by a process of its own."""
    directory.mkdir(exist_ok=True)
    serving = subprocess.Popen(
        [sys.executable, __file__, str(directory), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert serving.stdin is not None and serving.stdout is not None
    try:
        said = serving.stdout.readline().strip()
        if said != "serving":
            _skip(f"no FUSE file system can be mounted here: {said}")
        yield directory
    finally:
        _LIBC.umount2(os.fsencode(directory), _DETACH)
        serving.kill()
        serving.communicate()


def fill(directory: Path, *, leave: int = 0) -> Path:
    """Use up what is free but *leave* bytes; gives the file to remove again."""
    ballast = directory / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


@contextmanager
def _mounted(source: str, directory: Path, kind: str, flags: int, data: str) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    _mount(source, directory, kind, flags, data)
    try:
        yield
    finally:
        _LIBC.umount2(os.fsencode(directory), _DETACH)


def _mount(source: str, directory: Path, kind: str, flags: int, data: str) -> None:
    if _LIBC.mount(source.encode(), os.fsencode(directory), kind.encode(), flags, data.encode()):
        _skip(f"{kind or 'bind'} cannot be mounted here: {os.strerror(ctypes.get_errno())}")


def _skip(reason: str) -> None:
    pytest.skip(f"{reason} (root is needed)")


# What `network` runs: FUSE's own protocol, as far as an empty directory needs it.

_LOOKUP, _GETATTR, _STATFS, _INIT, _OPENDIR, _READDIR, _RELEASEDIR = 1, 3, 17, 26, 27, 28, 29
_UNANSWERED = {2, 36, 42}  # FORGET, INTERRUPT, BATCH_FORGET
_ENOENT, _ENOSYS = -2, -38


def _serve(directory: str, kind: str) -> None:
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
    if _LIBC.mount(b"ann@elsewhere:", directory.encode(), kind.encode(), 0, options):
        print(os.strerror(ctypes.get_errno()), flush=True)
        return
    print("serving", flush=True)
    while True:
        try:
            request = os.read(fuse, 1 << 20)
        except OSError:  # it was unmounted
            return
        _, opcode, unique = struct.unpack_from("<IIQ", request)
        if opcode not in _UNANSWERED:
            error, body = _answer(opcode)
            os.write(fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)


def _answer(opcode: int) -> tuple[int, bytes]:
    if opcode == _INIT:
        return 0, struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0)
    if opcode == _GETATTR:
        attributes = struct.pack("<6Q3I7I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o040755, 2, 0, 0, 0, 4096, 0)
        return 0, struct.pack("<QII", 1, 0, 0) + attributes
    if opcode in (_OPENDIR, _READDIR, _RELEASEDIR):
        return 0, bytes(16) if opcode == _OPENDIR else b""
    if opcode == _STATFS:
        return 0, bytes(80)
    return (_ENOENT if opcode == _LOOKUP else _ENOSYS), b""


if __name__ == "__main__":
    _serve(*sys.argv[1:])
