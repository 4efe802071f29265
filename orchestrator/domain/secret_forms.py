"""The other forms in which a known secret value gets into an output. Pure; used by `masking.Masker`."""

from __future__ import annotations

import binascii
import json
import re

SHORTEST = 4
_LINE = 8
_EMBEDDED = 8
_ESCAPED = re.compile(r"%[0-9A-F]{2}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


def forms(value: str) -> set[str]:
    """*value* itself, each of its longer lines, and both as JSON, URL-quoted, base64 and hexadecimal text, and as a shell
    (``set -x``) and Python write them in quotes.

    Base64 is also found where the value is only a part of what was encoded, for example in ``user:password``: for each of the
    three places it can have in a group of three bytes, the characters that depend on nothing else.
    """
    lines = {line.strip() for line in value.splitlines() if len(line.strip()) >= _LINE}
    plain = {text for text in {value, value.strip(), *lines} if len(text) >= SHORTEST}
    found = set(plain)
    for text in plain:
        raw = text.encode(errors="surrogateescape")
        for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            # A line of a structured log has JSON as a text in JSON.
            found |= {escaped, json.dumps(escaped, ensure_ascii=False)[1:-1]}
        found |= {repr(text)[1:-1], text.replace("'", "'\\''"), text.replace("'", """'"'"'""")}
        found |= {raw.hex(), raw.hex().upper()}
        found |= _url_quoted(raw)
        found |= _base64(raw)
    return found


def _url_quoted(raw: bytes) -> set[str]:
    strict = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)
    found = {strict, strict.replace("%20", "+"), strict.replace("%2F", "/"), strict.replace("%3A", ":")}
    return found | {_ESCAPED.sub(lambda match: match[0].lower(), text) for text in found}


def _base64(raw: bytes) -> set[str]:
    whole = binascii.b2a_base64(raw, newline=False).decode()
    found = {whole, whole.rstrip("=")}
    for before, dependent in ((0, 0), (1, 2), (2, 3)):
        text = binascii.b2a_base64(bytes(before) + raw, newline=False).decode().rstrip("=")
        inner = text[dependent : -1 if (before + len(raw)) % 3 else None]
        if len(inner) >= _EMBEDDED:
            found.add(inner)
    return found | {text.replace("+", "-").replace("/", "_") for text in found}
