"""Finds the values of secrets, at the moment of use and never before. Every value that leaves here is masked from then on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.domain.masking import Masker
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.base import SecretMissing

MAX_BYTES = 1 << 20


class SecretStore:
    """Implements `targets.base.Secrets`.

    Args:
        project_dir: What a relative ``{"file": ...}`` is relative to.
        environ: Where ``{"env": ...}`` is looked up; this process's own environment by default.
    """

    def __init__(self, project_dir: Path, masker: Masker, environ: Mapping[str, str] | None = None) -> None:
        self._project_dir = project_dir
        self._masker = masker
        self._environ = os.environ if environ is None else environ

    def reveal(self, value: Value) -> str:
        """See `targets.base.Secrets.reveal`. One newline at the end of a file or variable is not part of the secret."""
        if isinstance(value, str):
            return value
        found = self._from_environment(value.env) if value.env is not None else self._from_file(str(value.file))
        secret = found.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise SecretMissing(f"{self.reference(value)} is empty: give it its value, then try again")
        self._masker.add(secret)
        return secret

    def reference(self, ref: SecretRef) -> str:
        """How a person calls it: ``environment variable SHOP_TOKEN``, ``file secrets/token``."""
        return f"environment variable {ref.env}" if ref.env is not None else f"file {ref.file}"

    def _from_environment(self, name: str) -> str:
        if name not in self._environ:
            raise SecretMissing(f"environment variable {name} is not set: deploy.json refers to it; set it, then try again")
        return self._environ[name]

    def _from_file(self, name: str) -> str:
        path = self._project_dir / name
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise SecretMissing(f"file {path} holds more than 1 MiB: that is no secret; correct {{file}} in deploy.json")
            return data.decode()
        except OSError as problem:
            raise SecretMissing(
                f"file {path}: {problem.strerror}: deploy.json refers to it; correct that, then try again"
            ) from problem
        except UnicodeDecodeError as problem:
            raise SecretMissing(f"file {path} is not UTF-8 text: store the secret as text, then try again") from problem
