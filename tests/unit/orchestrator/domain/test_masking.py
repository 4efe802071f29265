"""Secrets do not get through, in whatever form and however they are cut; the rest is left as it was."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.masking import Masker, StreamMasker, strip_controls

SECRET = "s3cr3t/p+ss w:rd"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xf\n" * 40 + "-----END RSA PRIVATE KEY-----"


def masker(*values: str, patterns: tuple[str, ...] = ()) -> Masker:
    made = Masker(patterns)
    for value in values:
        made.add(value)
    return made


def test_leaves_text_without_secrets_as_it_is() -> None:
    text = "Step 1/5 : FROM scratch\nSuccessfully built 3f2a\n" * 100

    assert masker(SECRET).mask(text) is text
    assert masker(SECRET).mask_bytes(text.encode()) == text.encode()


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_masks_every_form_of_a_known_value(shown: str) -> None:
    assert masker(SECRET).mask(f"before {shown} after") == "before *** after"


@pytest.mark.parametrize("user", ["", "u", "us", "usr", "user"])
def test_masks_a_known_value_inside_a_base64_text(user: str) -> None:
    encoded = base64.b64encode(f"{user}:hunter2-hunter2:tail".encode()).decode()

    masked = masker("hunter2-hunter2").mask(f'"basic": "{encoded}"')

    rest = masked.replace("***", "").replace('"basic": "', "")
    assert "***" in masked
    assert len(rest) < len(encoded) - 16  # what is left depends on neighbours of the secret


def test_masks_values_with_quotes_newlines_and_umlauts() -> None:
    value = 'pa"ss\\wörd\nsecond-line-of-it'

    assert masker(value).mask(f"<{value}>") == "<***>"
    assert masker(value).mask(json.dumps({"v": value})) == '{"v": "***"}'
    assert masker(value).mask("  second-line-of-it  ") == "  ***  "


def test_masks_the_longer_of_two_values_where_one_holds_the_other() -> None:
    assert masker("hunter", "hunter-the-second").mask("x hunter-the-second y hunter z") == "x *** y *** z"


def test_masks_overlapping_occurrences_whole() -> None:
    assert masker("abab").mask("-ababab-") == "-***-"


def test_masks_a_very_repetitive_value_without_a_heap_of_matches() -> None:
    started = time.monotonic()

    assert masker("0000").mask("0" * 1_000_000) == "***"
    assert time.monotonic() - started < 5


def test_masks_a_short_value_only_as_a_word() -> None:
    assert masker("7x").mask("port 7x, not 17x9; '7x'") == "port ***, not 17x9; '***'"


@pytest.mark.parametrize("value", ["", "    ", "\n"])
def test_ignores_an_empty_value(value: str) -> None:
    assert masker(value).mask("a    b\n") == "a    b\n"


def test_does_not_shred_the_output_for_a_short_value_between_blanks() -> None:
    assert masker(" ab\n").mask("cab ab") == "cab ***"


def test_masks_what_the_users_patterns_match() -> None:
    assert masker(patterns=("internal-[a-z0-9]+", "x*")).mask("host internal-db1 up") == "host *** up"


def test_refuses_a_pattern_that_is_no_regular_expression() -> None:
    with pytest.raises(UsageProblem, match=r"redact: '\(open'"):
        Masker(["(open"])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("token ghp_" + "a1" * 18 + " end", "token *** end"),
        ("github_pat_" + "11ABC_" * 8, "***"),
        ("glpat-" + "x" * 20, "***"),
        ("npm_" + "a" * 36, "***"),
        ("pypi-AgEIcHlwaS5vcmcCJDU0", "***"),
        ("id AKIAIOSFODNN7EXAMPLE.", "id ***."),
        ("xoxb-1234567890-abcdef", "***"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl.", "jwt ***."),
        (f"key:\n{PRIVATE_KEY}\nnext!", "key:\n***\nnext!"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg", "***"),
        (json.dumps({"key": PRIVATE_KEY}), '{"key": "***"}'),
        ("git clone https://bob:hunter2@example.org/x", "git clone https://bob:***@example.org/x"),
        ("redis://:pw@cache:6379", "redis://:***@cache:6379"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("authorization=Basic dXNlcjpw", "authorization=Basic ***"),
        ('{"auths": {"r": {"auth": "dXNlcjpwYXNz"}}}', '{"auths": {"r": {"auth": "***"}}}'),
        ("docker login --username bob --password hunter2 r", "docker login --username bob --password *** r"),
        ("tool --db-password='two words' x", "tool --db-password='***' x"),
        ("NPM_TOKEN=abc,d", "NPM_TOKEN=***,d"),
        ("GET /x?access_token=abc&y=1", "GET /x?access_token=***&y=1"),
        ('{"client_secret": "a b", "n": 1}', '{"client_secret": "***", "n": 1}'),
        ("//registry/:_authToken=xyz", "//registry/:_authToken=***"),
    ],
)
def test_masks_known_shapes(text: str, masked: str) -> None:
    assert Masker().mask(text) == masked
    assert Masker().mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "docker login --password-stdin --username bob",
        "ssh://git@example.org:22/x",
        "http://127.0.0.1:8080/health",
        "unexpected token: ')'",
        "npm_config_registry is set",
        "if token == other:",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        'WWW-Authenticate: Bearer realm="https://auth.example.org/token"',
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ],
)
def test_leaves_what_only_resembles_a_secret(text: str) -> None:
    assert Masker().mask(text) == text


def test_masks_every_string_of_a_json_value() -> None:
    value = {"argv": ["login", "--password", "hunter2", "-u", SECRET], SECRET: {"n": 1, "none": None, "deep": [[f"<{SECRET}>"]]}}

    assert masker(SECRET).mask_json(value) == {
        "argv": ["login", "--password", "***", "-u", "***"],
        "***": {"n": 1, "none": None, "deep": [["<***>"]]},
    }


_WORDS = st.sampled_from(
    [
        "--password",
        "-p",
        "hunter2",
        SECRET,
        f"<{SECRET}>",
        "7",
        "a\n7",
        'say "7"',
        "b7",
        "token=x",
        '"auth": "b64"',
        "ghp_" + "a" * 20,
    ]
)
_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | _WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(value=_JSON, values=st.sets(st.sampled_from([SECRET, "hunter2", "7"])))
def test_overlooks_nothing_when_it_looks_at_the_json_text_first(value: object, values: set[str]) -> None:
    made, text = masker(*values), json.dumps(value, ensure_ascii=False).encode()

    assert made.may_mask_json(text) or made.mask_json(value) == value


@pytest.mark.parametrize("value", [SECRET, "a\n7", "--token", "api_key=abcdef", 'Authorization: "x"', "matches"])
def test_looks_closer_where_there_may_be_a_secret(value: str) -> None:
    assert masker(SECRET, "7", patterns=("^match" if value == "matches" else "^never$",)).may_mask_json(
        json.dumps([value]).encode()
    )


def test_does_not_look_closer_at_an_ordinary_event() -> None:
    event = {"attempt": 1, "step": "push", "data": {"digest": "sha256:" + "3f" * 32, "tags": ["1.2.0", "latest"]}, "error": None}

    assert not masker(SECRET, "7f").may_mask_json(json.dumps(event).encode())


def test_keeps_bytes_that_are_not_utf8() -> None:
    data = b"\xff\xfe caf\xe9 " + SECRET.encode() + b" \x80\n"

    assert masker(SECRET).mask_bytes(data) == b"\xff\xfe caf\xe9 *** \x80\n"


def streamed(made: Masker, data: bytes, sizes: list[int]) -> bytes:
    stream, out, at = StreamMasker(made), b"", 0
    for size in sizes:
        out += stream.feed(data[at : at + size])
        at += size
    return out + stream.feed(data[at:]) + stream.close()


@pytest.mark.parametrize("cut", range(1, 60))
def test_finds_a_secret_that_is_split_over_two_blocks(cut: int) -> None:
    data = f"first line\nlogin {SECRET} ok\nTOKEN=abcdefg\nlast".encode()

    assert streamed(masker(SECRET), data, [cut]) == b"first line\nlogin *** ok\nTOKEN=***\nlast"


def test_shows_finished_lines_at_once() -> None:
    stream = StreamMasker(masker("hunter2"))

    assert stream.feed(b"building...\nhun") == b"building...\n"
    assert stream.feed(b"ter2\npushing") == b"***\n"
    assert stream.close() == b"pushing"


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_finds_a_private_key_line_by_line(size: int) -> None:
    data = f"a\n{PRIVATE_KEY}\nb!\n".encode()

    assert streamed(Masker(), data, [size] * (len(data) // size)) == b"a\n***\nb!\n"


def test_does_not_hold_back_lines_for_the_sake_of_a_long_value() -> None:
    stream = StreamMasker(masker("k" * 10_000))

    assert stream.feed(b"building...\n") == b"building...\n"


def test_finds_a_multi_line_value_that_is_split() -> None:
    value = "\n".join(f"{n}{n}" for n in range(200))
    data = f"x\n{value}\ny\n".encode()

    assert streamed(masker(value), data, [50] * 20) == b"x\n***\ny\n"


def test_does_not_wait_for_the_end_of_an_endless_line() -> None:
    stream = StreamMasker(masker(SECRET))

    shown = stream.feed(b"." * 100_000 + SECRET.encode() + b"." * 5000)

    assert shown == b"." * 100_000 + b"***" + b"." * (5000 - 4096)


@given(
    pieces=st.lists(
        st.sampled_from(["hunter2", "\n", "TOKEN=", "abc ", "ü", "-", "ghp_" + "a" * 20, "x" * 3000, " "]), max_size=30
    ),
    sizes=st.lists(st.integers(1, 4000), max_size=30),
)
def test_never_shows_a_known_value_however_the_stream_is_cut(pieces: list[str], sizes: list[int]) -> None:
    data = "".join(pieces).encode()

    assert b"hunter2" not in streamed(masker("hunter2"), data, sizes)


@given(data=st.binary(max_size=3000), sizes=st.lists(st.integers(1, 100), max_size=30))
def test_streams_everything_else_unchanged(data: bytes, sizes: list[int]) -> None:
    assert streamed(masker(), data, sizes) == masker().mask_bytes(data)


def test_scans_megabytes_without_line_ends_in_linear_time() -> None:
    text = "a" * 2_000_000 + "://user:pw@host token=1 " + "-" * 2_000_000 + "eyJ" + "b" * 1_000_000
    started = time.monotonic()

    Masker().mask(text)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("10%\r100%\r\ndone", "10%\n100%\ndone"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("\x1b", ""),
        ("\u202egnp.exe", "gnp.exe"),
        (b"caf\xe9".decode(errors="surrogateescape"), "caf\ufffd"),
        ("grüße 漢字", "grüße 漢字"),
    ],
)
def test_makes_terminal_controls_harmless(raw: str, shown: str) -> None:
    assert strip_controls(raw) == shown


@given(st.text())
def test_leaves_no_control_character(text: str) -> None:
    assert not [char for char in strip_controls(text) if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160]
