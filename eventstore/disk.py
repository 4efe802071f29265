"""Refuses to keep a SQLite store on a disk that several machines share: neither SQLite's locks and shared memory nor the locks of
slots hold between machines, and two programs that each believe themselves alone would write over each other.

Told by the kernel's name for the mounted file system, which is finer than the number that ``statfs`` gives: to that, sshfs,
virtiofs and an encrypted home directory are all FUSE. Not here: whether a local disk can hold a write-ahead log, which SQLite
answers itself. Start at `refuse_network_disk`.
"""

from __future__ import annotations

import os
from contextlib import suppress

from eventstore.errors import StoreUnavailable

NETWORK = frozenset(
    "9p acfs afs beegfs ceph cifs coda davfs2 gfs gfs2 glusterfs gpfs kafs lustre ncpfs nfs nfs4 ocfs2 orangefs panfs prl_fs "  # noqa: SIM905
    "pvfs2 shfs smb2 smb3 smbfs vboxsf virtiofs vmhgfs".split()
)
"""``9p``, ``virtiofs`` and the other folders of virtual machines are among them: their host and its other guests see the same
files, and take no notice of a guest's locks."""

LOCAL_FUSE = frozenset(
    "bindfs cryfs encfs exfat fuse-overlayfs gocryptfs mergerfs ntfs ntfs-3g securefs unionfs".split()  # noqa: SIM905
)
"""FUSE file systems that lie on this machine's disks. Of any other nobody can tell what is behind it, so it is refused; those on
a block device of their own call themselves ``fuseblk``."""


def refuse_network_disk(path: str) -> None:
    """Raises StoreUnavailable when *path*, which need not exist, lies on a network disk. Nothing of it is opened or made."""
    kind = kind_of_disk(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120 - light
    family, _, program = kind.partition(".")
    if kind in NETWORK or (family == "fuse" and program not in LOCAL_FUSE):
        raise StoreUnavailable(
            f"{path} is on a network disk ({kind}), where SQLite's locks do not hold: nothing was written. "
            "Name a file on a local disk (--store sqlite:////absolute/path/events.db, or POP_DEPLOY_STORE), "
            "or for several machines a PostgreSQL database: --store postgresql+psycopg://user@host/database"
        )


def kind_of_disk(directory: str) -> str:
    """The file system that *directory* is on, as the kernel calls it: ``ext4``, ``overlay``, ``nfs4``, ``fuse.sshfs``.

    "" when the directory is missing or the kernel does not say (no /proc): whoever opens the store finds out what that means.
    """
    with suppress(OSError, StopIteration):
        # The dot makes an automounter mount what belongs there. A descriptor of this kind drops no lock when it is closed.
        descriptor = os.open(os.path.join(directory, "."), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # noqa: PTH118 - light
        try:
            mount = _fields(f"/proc/self/fdinfo/{descriptor}", "mnt_id:")[1]
        finally:
            os.close(descriptor)
        fields = _fields("/proc/self/mountinfo", mount)
        return fields[fields.index("-") + 1]  # how many fields stand before the dash varies
    return ""


def _fields(path: str, first: str) -> list[str]:
    """Of the line that begins with the word *first*. Raises StopIteration when there is none."""
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123 - light
        return next(fields for line in lines if (fields := line.split())[0] == first)
