"""Known values never reach the disc, however a command's output comes in pieces; everything else does, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.output_hiding import HELD_BYTES, Hidden, Hide

VALUES = [b"hunter2-the-second", b"hunter2", b"abab"]
OUT, ERR = 1, 2


def written(pieces: list[tuple[int, bytes]], values: list[bytes]) -> tuple[bytes, bytes]:
    """All output, and stderr alone."""
    hidden, both, err = Hidden(values, OUT, ERR), b"", b""
    for fd, data in pieces:
        all_of_it, own = hidden.feed(fd, memoryview(data))
        both += all_of_it
        err += own if fd == ERR else b""
    for all_of_it, own in hidden.close():
        both, err = both + all_of_it, err + own
    return both, err


pieces_of = st.lists(
    st.tuples(
        st.sampled_from([OUT, ERR]), st.sampled_from([b"hunter2", b"hun", b"ter2", b"-the-", b"second", b"ab", b"x", b"\n"])
    ),
    max_size=12,
)


@given(pieces_of)
def test_no_value_is_written_whatever_stream_its_parts_come_on(pieces: list[tuple[int, bytes]]) -> None:
    both, err = written(pieces, VALUES)

    assert [value for value in VALUES if value in both or value in err] == []


@given(st.lists(st.tuples(st.sampled_from([OUT, ERR]), st.binary(max_size=20)), max_size=20))
def test_everything_else_is_written_each_stream_in_its_order(pieces: list[tuple[int, bytes]]) -> None:
    both, err = written(pieces, [b"never-in-it-for-it-is-too-long"])

    assert err == b"".join(data for fd, data in pieces if fd == ERR)
    assert len(both) == sum(len(data) for _, data in pieces)


def test_parts_with_the_other_stream_in_between_are_one_value() -> None:
    both, err = written([(OUT, b"say hun"), (ERR, b"noise\n"), (OUT, b"ter2!\n")], VALUES)

    assert (both, err) == (b"say noise\n***!\n", b"noise\n")


def test_parts_on_two_streams_are_one_value() -> None:
    both, err = written([(OUT, b"say hun"), (ERR, b"ter2\n"), (OUT, b"hun"), (ERR, b"noise\n"), (OUT, b"ter2\n")], VALUES)

    assert (both, err) == (b"say \n***noise\n***\n", b"\nnoise\n")


def test_shows_at_once_what_begins_no_value() -> None:
    hidden = Hidden(VALUES, OUT, ERR)

    assert hidden.feed(OUT, memoryview(b"Continue? [y] ")) == (b"Continue? [y] ", b"Continue? [y] ")
    assert hidden.feed(OUT, memoryview(b"wait for the h")) == (b"wait for the ", b"wait for the ")


def test_does_not_hold_back_without_end() -> None:
    hide, shown = Hide([b"a" * 100]), 0
    for _ in range(20):
        shown += len(hide.feed(b"a" * 65_536))

    assert shown > 0
    assert len(hide.close()) < 2 * HELD_BYTES
