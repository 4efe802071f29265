"""Ed25519 keys for signed heads: made, kept private (0600), used. Needs the package `cryptography`, imported when it is used.

Whoever has the private key can sign anything: docs/audit.md says who should. What is signed is in `domain/anchor.py`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eventstore.events import Head
from orchestrator.domain.anchor import Anchor
from orchestrator.domain.errors import UsageProblem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC = ".pub"


def fingerprint(public_key: bytes) -> str:
    """``SHA256:`` and the base64 of the key's SHA-256, as ssh writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public_key).digest()).decode().rstrip("=")


def new_key(path: str) -> str:
    """Make a private key at *path*, readable by its owner only, and its public half beside it. Returns the fingerprint.

    Raises:
        UsageProblem: Something stands there already, or it cannot be written.
    """
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    _write(path, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_password), 0o600)
    public = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(path + PUBLIC, public, 0o644, replaces=True)
    return fingerprint(key.public_key().public_bytes_raw())


def sign(path: str, store_id: str, head: Head, time: str) -> Anchor:
    """*head*, signed with the private key at *path*.

    Raises:
        UsageProblem: There is no key that can be used.
    """
    key = _private(path)
    public = key.public_key().public_bytes_raw()
    unsigned = Anchor(
        store_id=store_id,
        position=head.position,
        hash=head.hash.hex(),
        time=time,
        public_key=public.hex(),
        fingerprint=fingerprint(public),
    )
    return replace(unsigned, signature=key.sign(unsigned.signed_bytes()).hex())


def problem_of(anchor: Anchor) -> str | None:
    """Why *anchor* was not signed by the key that it carries, or None."""
    from cryptography.exceptions import InvalidSignature

    ed25519, _ = _cryptography()
    try:
        public = bytes.fromhex(anchor.public_key)
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(anchor.signature), anchor.signed_bytes())
    except (InvalidSignature, ValueError):
        return "its signature is wrong: it was changed, or not made by this key"
    return None if anchor.fingerprint == fingerprint(public) else "its fingerprint is not that of its key"


def public_key(path: str) -> str:
    """The public key in the PEM file *path*, hexadecimal; of a private key its public half.

    Raises:
        UsageProblem: It is none.
    """
    ed25519, serialization = _cryptography()
    data = _read(path)
    try:
        if b"PRIVATE" in data:
            return str(_private(path).public_key().public_bytes_raw().hex())
        key = serialization.load_pem_public_key(data)
    except ValueError as error:
        raise UsageProblem(f"{path}: not a public key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageProblem(f"{path}: not an Ed25519 key")
    return bytes(key.public_bytes_raw()).hex()


def require() -> None:
    """Raise UsageProblem, with the command that installs it, where `cryptography` is missing."""
    _cryptography()


def _private(path: str) -> Ed25519PrivateKey:
    ed25519, serialization = _cryptography()
    data = _read(path)
    if os.stat(path).st_mode & 0o077:  # noqa: PTH116
        raise UsageProblem(f"{path}: others can read this private key. Make it yours alone: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise UsageProblem(f"{path}: not a private key in PEM without a password") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageProblem(f"{path}: not an Ed25519 key. To make one: pop-deploy audit key")
    private: Ed25519PrivateKey = key
    return private


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise UsageProblem("signed heads need the package cryptography. Install it: pip install 'pop-deploy[audit]'") from error
    return ed25519, serialization


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(1 << 16)
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}. To make a key: pop-deploy audit key") from error


def _write(path: str, contents: bytes, mode: int, *, replaces: bool = False) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if replaces else os.O_EXCL)
    try:
        descriptor = os.open(path, flags, mode)
    except FileExistsError as error:
        raise UsageProblem(f"{path} exists already: a key is never overwritten. Name another file.") from error
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(contents)
        file.flush()
        os.fsync(descriptor)
