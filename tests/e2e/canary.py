"""A secret of one test, and the search for it in everything that was stored or shown: `Canary`, `everything_under`, `processes`.

The forms that are searched for are made here, by other means than the product masks them by. Attachments are decompressed.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

_ESCAPE = "\x1b[0m"


@dataclass(frozen=True)
class Canary:
    """A secret that occurs nowhere else.

    Attributes:
        kind: A key of `KINDS`.
    """

    kind: str = "token"
    value: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", KINDS[self.kind].replace("RANDOM", uuid.uuid4().hex))

    def forms(self) -> dict[str, bytes]:
        """Name to bytes: every form in which it must not be found."""
        value, raw = self.value, self.value.encode()
        found: dict[str, str] = {
            "raw": value,
            "JSON": json.dumps(value)[1:-1],
            "JSON, not ASCII": json.dumps(value, ensure_ascii=False)[1:-1],
            "URL": quote(value, safe=""),
            "URL path": quote(value),
            "form": quote_plus(value),
            "hex": raw.hex(),
            "HEX": raw.hex().upper(),
            "coloured": value[:6] + _ESCAPE + value[6:],
        }
        for before in range(3):
            # What depends on nothing but the secret: whole groups of three bytes.
            first, last = -(-before // 3) * 3, (before + len(raw)) // 3 * 3
            whole = base64.b64encode(bytes(before) + raw)[first // 3 * 4 : last // 3 * 4].decode()
            found |= {f"base64 at {before}": whole, f"base64url at {before}": whole.replace("+", "-").replace("/", "_")}
        if "\n" not in value and len(value) >= 24:
            # A build writes one half, then something on the other stream, then the other half.
            half = len(raw) // 2
            found |= {"first half": raw[:half].decode(errors="ignore"), "second half": raw[half:].decode(errors="ignore")}
        lines = {f"line {number}": line for number, line in enumerate(value.splitlines()) if len(line) >= 8}
        return {name: form.encode() for name, form in (found | lines).items()}

    def spread(self) -> dict[str, bytes]:
        """What only a reader who puts pieces together again would see: the pieces of a wrapped base64 text, a line each."""
        text = base64.encodebytes(self.value.encode()).split()
        return {f"base64 line {number}": line for number, line in enumerate(text) if len(line) >= 24}

    def sightings(self, shown: Mapping[str, bytes], *, broken: bool = True) -> list[str]:
        """Where it was found, and in which form; empty is what the tests want.

        Args:
            broken: Look also for what has an escape code or line ends inside.
        """
        forms = {**self.forms(), **self.spread()} if broken else {**self.forms()}
        if not broken:
            forms = {name: form for name, form in forms.items() if name != "coloured" and "half" not in name}
        return [f"{form} in {place}" for place, data in shown.items() for form, text in forms.items() if text in data]


KINDS = {
    "token": "xq7-RANDOM",
    "words": "correct horse RANDOM battery staple",
    "special": """p"a's\\s/w$o(r)d[*+?.^{RANDOM}|<&>%20=@:#!`""",
    "unicode": "pässwörd-漢字-RANDOM-\U0001f511",
    "several lines": "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "".join(f"b3BlbnNzaC1rZXk{number}RANDOMAAAABG5vbmUAAAAE\n" for number in range(5))
    + "-----END OPENSSH PRIVATE KEY-----",
    "plain lines": "first-RANDOM-line\nsecond line of RANDOM\n\tthird",
}


def everything_under(*roots: Path, without: Iterable[Path] = ()) -> dict[str, bytes]:
    """The bytes of every file below *roots*, and what is compressed inside the stores; also the names of the files."""
    found: dict[str, bytes] = {}
    skipped = set(without)
    for path in sorted(path for root in roots for path in root.rglob("*")):
        if skipped.isdisjoint((path, *path.parents)) and path.is_file() and not path.is_symlink():
            with suppress(FileNotFoundError):  # what runs removes its files
                found[str(path)] = path.read_bytes()
                if found[str(path)].startswith(b"SQLite format 3\0"):
                    found |= _unpacked(path)
    found["names of files"] = "\n".join(str(path) for root in roots for path in root.rglob("*")).encode()
    return found


def processes() -> dict[str, bytes]:
    """The command lines of all processes that run now, by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended
            found[str(path)] = path.read_bytes()
    return found


def _unpacked(store: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for number, row in enumerate(database.execute(f'SELECT * FROM "{table}"')):  # noqa: S608 - names of its own tables
                yield f"{store}: {table} {number}", b"\n".join(map(_plain, row))


def _plain(value: object) -> bytes:
    if not isinstance(value, bytes):
        return str(value).encode(errors="surrogateescape")
    with suppress(zlib.error):
        return zlib.decompress(value)
    return value
