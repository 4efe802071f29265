"""Output on its way into the store: bounded, masked, in chunks, and honest about what is missing."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from orchestrator.adapters.launcher import HEAD_BYTES, SEGMENT_BYTES
from orchestrator.adapters.spool import Follower, PackedOutput, Spool, read_exit, read_spool, spool_chunks
from orchestrator.domain.masking import Masker


def masker(*values: str) -> Masker:
    made = Masker()
    for value in values:
        made.add(value)
    return made


def unpacked(packed: PackedOutput) -> bytes:
    return b"".join(map(zlib.decompress, packed.chunks))


def cut_spool(head: bytes, tail: bytes, cut: int = 1000) -> Spool:
    return Spool(head, tail, b"", len(head) + cut + len(tail), cut)


def test_packs_masked_output_with_its_digest() -> None:
    text = b"login hunter2hunter2\n" * 50_000

    packed = spool_chunks(Spool(text[:700_000], text[700_000:], b"", len(text), 0), masker("hunter2hunter2"))

    expected = b"login ***\n" * 50_000
    assert unpacked(packed) == expected
    assert packed.digest == f"sha256:{hashlib.sha256(expected).hexdigest()}"
    assert (packed.size_bytes, packed.cut_bytes, len(packed.chunks)) == (len(expected), 0, 2)
    assert all(len(zlib.decompress(chunk)) <= 256 << 10 for chunk in packed.chunks)


def test_packs_no_output_as_no_chunks() -> None:
    packed = spool_chunks(Spool(), masker())

    assert (packed.chunks, packed.size_bytes, packed.cut_bytes) == ((), 0, 0)


def test_says_where_output_was_cut_and_how_much() -> None:
    packed = spool_chunks(cut_spool(b"first\nsecond\n", b"\nlast\n"), masker())

    assert unpacked(packed) == b"first\nsecond\n\n[... 1,001 bytes of output cut here ...]\nlast\n"
    assert packed.cut_bytes == 1001


def test_leaves_no_half_secret_beside_a_cut() -> None:
    packed = spool_chunks(cut_spool(b"first\nlogin hunter2", b"hunter2hunter2\nlast\n"), masker("hunter2hunter2hunter2hunter2"))

    assert b"hunter2" not in unpacked(packed)
    assert unpacked(packed).startswith(b"first\n\n[... ")
    assert unpacked(packed).endswith(b" ...]\nlast\n")


def test_leaves_no_half_secret_beside_a_cut_in_an_endless_line() -> None:
    secret = "hunter2" * 1000

    packed = spool_chunks(
        cut_spool(b"." * 200_000 + secret[:6000].encode(), secret[3000:].encode() + b"." * 200_000), masker(secret)
    )

    assert b"hunter2" not in unpacked(packed)
    assert packed.size_bytes > 380_000


def test_reads_nothing_where_nothing_was_written(tmp_path: Path) -> None:
    assert read_spool(tmp_path) == Spool()
    assert read_exit(tmp_path) is None
    assert Follower(tmp_path).newest() == b""


def test_reads_an_unfinished_spool_of_a_killed_launcher(tmp_path: Path) -> None:
    (tmp_path / "out-0").write_bytes(b"h" * HEAD_BYTES)
    (tmp_path / "out-7").write_bytes(b"t" * SEGMENT_BYTES)
    (tmp_path / "out-8").write_bytes(b"u" * 10)

    spool = read_spool(tmp_path)

    assert spool.head == b"h" * HEAD_BYTES
    assert spool.tail == b"t" * (SEGMENT_BYTES - 10) + b"u" * 10
    assert spool.total_bytes == HEAD_BYTES + 7 * SEGMENT_BYTES + 10
    assert spool.cut_bytes == spool.total_bytes - HEAD_BYTES - SEGMENT_BYTES


def test_follows_over_the_border_of_two_segments(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    (tmp_path / "out-0").write_bytes(b"a" * (HEAD_BYTES - 3))
    follower.newest()
    (tmp_path / "out-0").write_bytes(b"a" * (HEAD_BYTES - 3) + b"xyz")
    (tmp_path / "out-1").write_bytes(b"123")

    assert follower.newest() == b"xyz123"
    assert follower.newest() == b""


def test_counts_what_a_full_disc_swallowed(tmp_path: Path) -> None:
    (tmp_path / "out-0").write_bytes(b"kept\n")
    (tmp_path / "exit").write_text("code 0\nsignal 0\ntimed_out 0\nforwarded 0\nduration_ms 5\nbytes 105\nspool_errno 28\n   ")

    spool, record = read_spool(tmp_path), read_exit(tmp_path)

    assert (spool.head, spool.cut_bytes, spool.total_bytes) == (b"kept\n", 100, 105)
    assert record is not None
    assert (record.spool_errno, record.timed_out) == (28, False)
    assert unpacked(spool_chunks(spool, masker())) == b"kept\n\n[... 100 bytes of output cut here ...]\n"
