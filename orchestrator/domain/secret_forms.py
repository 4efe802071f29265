"""The other forms in which a known secret value gets into an output. Pure; used by `masking.Masker`."""

from __future__ import annotations

import binascii
import json

SHORTEST = 4
_LINE = 8
_EMBEDDED = 8
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


def forms(value: str) -> set[str]:
    """*value* itself, each of its longer lines, and both as JSON, URL-quoted and base64 text.

    Base64 is also found where the value is only a part of what was encoded, for example in ``user:password``: for each of the
    three places it can have in a group of three bytes, the characters that depend on nothing else.
    """
    lines = {line.strip() for line in value.splitlines() if len(line.strip()) >= _LINE}
    plain = {text for text in {value, value.strip(), *lines} if len(text) >= SHORTEST}
    found = set(plain)
    for text in plain:
        raw = text.encode(errors="surrogateescape")
        found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        found |= _url_quoted(raw)
        found |= _base64(raw)
    return found


def _url_quoted(raw: bytes) -> set[str]:
    strict = "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)
    return {strict, strict.replace("%20", "+"), strict.replace("%2F", "/"), strict.replace("%3A", ":")}


def _base64(raw: bytes) -> set[str]:
    whole = binascii.b2a_base64(raw, newline=False).decode()
    found = {whole, whole.rstrip("=")}
    for before, dependent in ((0, 0), (1, 2), (2, 3)):
        text = binascii.b2a_base64(bytes(before) + raw, newline=False).decode().rstrip("=")
        inner = text[dependent : -1 if (before + len(raw)) % 3 else None]
        if len(inner) >= _EMBEDDED:
            found.add(inner)
    return found | {text.replace("+", "-").replace("/", "_") for text in found}
