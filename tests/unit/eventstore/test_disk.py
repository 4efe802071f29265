"""Which disks hold a SQLite store. With a real network file system: tests/e2e/test_surroundings.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventstore import StoreUnavailable, disk
from eventstore.sqlite import SqliteEventStore

SHARED = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "virtiofs", "vboxsf", "afs", "gfs2", "ocfs2"]
SHARED_FUSE = ["fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.grpcfuse", "fuse.never-heard-of", "fuse"]
LOCAL = ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "fuse.gocryptfs", "fuse.fuse-overlayfs", "fusectl", ""]


@pytest.mark.parametrize("kind", SHARED + SHARED_FUSE)
def test_refuses_a_disk_that_several_machines_share_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(disk, "kind_of_disk", lambda _: kind)

    with pytest.raises(StoreUnavailable, match=rf"events\.db is on a network disk \({kind}\).*--store postgresql\+psycopg://"):
        SqliteEventStore(f"sqlite:///{tmp_path}/events.db")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", LOCAL)
def test_takes_a_disk_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(disk, "kind_of_disk", lambda _: kind)

    SqliteEventStore(f"sqlite:///{tmp_path}/events.db").close()


def test_asks_for_the_disk_that_a_link_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "events.db").symlink_to(tmp_path / "far" / "events.db")
    monkeypatch.setattr(disk, "kind_of_disk", lambda directory: "nfs4" if directory.endswith("/far") else "ext4")

    with pytest.raises(StoreUnavailable, match="network disk"):
        SqliteEventStore(f"sqlite:///{tmp_path}/events.db")


@pytest.mark.parametrize(("directory", "kind"), [("/proc", "proc"), ("/proc/self", "proc"), ("/nowhere/at/all", "")])
def test_the_kernel_says_what_a_directory_is_on(directory: str, kind: str) -> None:
    assert disk.kind_of_disk(directory) == kind


def test_every_local_directory_has_a_name_for_its_disk(tmp_path: Path) -> None:
    assert disk.kind_of_disk(str(tmp_path)) not in {"", *disk.NETWORK}
