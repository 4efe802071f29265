"""A secret is found though escape codes or the ends of lines break it, and nothing else is touched."""

from __future__ import annotations

import base64
import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.masked_pieces import LENGTH, Pieces
from orchestrator.domain.masked_views import joined, without_controls
from orchestrator.domain.masking import Masker, StreamMasker

SECRET = "it's-hunter2!"
LONG = "".join(chr(33 + number * 7 % 90) for number in range(300))
CODES = ["\x1b[31m", "\x1b[0m", "\x1b]0;t\x07", "\x07", "\x9b1m", "\u202e", "\r"]


def masker(*values: str) -> Masker:
    made = Masker()
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize(
    "form", [repr(SECRET)[1:-1], shlex.quote(SECRET)[1:-1], SECRET.encode().hex(), SECRET.encode().hex().upper()]
)
def test_masks_what_shells_python_and_hexadecimal_dumps_make_of_it(form: str) -> None:
    assert "hunter2" not in masker(SECRET).mask(f"+ {form} ;").replace("***", "")
    assert masker(SECRET).mask(f"+ {form} ;") == "+ *** ;"


@pytest.mark.parametrize("code", CODES, ids=ascii)
@pytest.mark.parametrize("at", [1, 6, len(SECRET) - 1])
def test_masks_a_value_with_an_escape_code_inside(code: str, at: int) -> None:
    assert masker(SECRET).mask(f"a{code}b {SECRET[:at]}{code}{SECRET[at:]}{code} c") == f"a{code}b ***{code} c"


def test_masks_a_known_shape_with_a_colour_inside() -> None:
    assert masker().mask("ghp_abcd\x1b[1mefghijklmnopqrst\x1b[0m") == "***\x1b[0m"


def test_masks_a_short_text_in_base64_that_was_wrapped_in_its_middle() -> None:
    text = base64.encodebytes(b"x" * 50 + SECRET.encode() + b"y" * 50).decode()

    masked = masker(SECRET).mask(text)

    assert "***" in masked
    assert len(masked) < len(text) - len(SECRET)


@pytest.mark.parametrize("prefix", ["", "#7 0.342 ", "web-1  | "])
@pytest.mark.parametrize("lead", [0, 1, 2, 30])
def test_masks_the_lines_of_a_long_value_whatever_stands_in_front_of_each(prefix: str, lead: int) -> None:
    lines = base64.encodebytes(b"u" * lead + LONG.encode()).decode().splitlines()

    masked = masker(LONG).mask("\n".join(prefix + line for line in lines)).splitlines()

    assert [line for line in masked[:-1] if len(line) > len(prefix) + 60] == []


def test_leaves_digests_and_long_words_alone() -> None:
    text = "sha256:" + "3f" * 32 + "\n" + "a" * 1000 + "\n\x1b[31mred\x1b[0m " + base64.b64encode(b"something else" * 20).decode()

    assert masker(LONG, SECRET).mask(text) is text


@given(text=st.text(st.sampled_from("ab \n\r\t\x1b[m1;]\x07\x9b\u202e"), max_size=60))
def test_a_view_knows_where_each_character_came_from(text: str) -> None:
    for view in (without_controls(text), joined(text)):
        if view is not None:
            assert [text[view.original(at)] for at in range(len(view.text))] == list(view.text)
            assert view.original_end(1) == view.original(0) + 1 if view.text else True


@given(text=st.text(st.sampled_from("aB3/ \n"), max_size=200), start=st.integers(0, 250), length=st.integers(LENGTH, 60))
def test_finds_every_piece_that_is_long_enough(text: str, start: int, length: int) -> None:
    form = base64.b64encode(LONG.encode()).decode()
    pieces = Pieces()
    pieces.add([form])
    piece = form[start : start + length]

    found = list(pieces.spans(f"{text} {piece} {text}"))

    assert (len(text) + 1, len(text) + 1 + len(piece)) in found
    assert pieces.stand_in(piece) and not pieces.stand_in(text + " " + form[: LENGTH - 1])


@given(code=st.sampled_from(CODES), at=st.integers(1, len(SECRET) - 1), sizes=st.lists(st.integers(1, 9), max_size=30))
def test_a_stream_finds_a_broken_value_however_it_is_cut(code: str, at: int, sizes: list[int]) -> None:
    data = f"x {SECRET[:at]}{code}{SECRET[at:]} y\nz".encode()
    stream, out, position = StreamMasker(masker(SECRET)), b"", 0
    for size in sizes:
        out += stream.feed(data[position : position + size])
        position += size
    out += stream.feed(data[position:]) + stream.close()

    assert out == b"x *** y\nz"


def test_megabytes_of_colours_and_lines_take_no_longer_than_their_length() -> None:
    text = ("\x1b[32mok\x1b[0m " + "a" * 60 + "\r\n") * 20_000
    started = time.monotonic()

    masker(LONG, SECRET).mask(text)

    assert time.monotonic() - started < 5
