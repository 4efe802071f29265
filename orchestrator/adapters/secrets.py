"""Finds the values of secrets, at the moment of use and never before. Every value that leaves here is masked from then on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from orchestrator.domain.masking import Masker
from orchestrator.domain.paths import PathOutside, checked_input_path
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.base import SecretMissing

MAX_BYTES = 1 << 20


class SecretStore:
    """Implements `targets.base.Secrets`.

    Args:
        project_dir: What a relative ``{"file": ...}`` is relative to.
        environ: Where ``{"env": ...}`` is looked up; this process's own environment by default.
        allow_paths: Where a relative file may lead to besides the project. An absolute one may lie anywhere.
    """

    def __init__(
        self,
        project_dir: Path,
        masker: Masker,
        environ: Mapping[str, str] | None = None,
        *,
        allow_paths: Iterable[str] = (),
    ) -> None:
        self._project_dir = project_dir
        self._allow_paths = tuple(allow_paths)
        self._masker = masker
        self._environ = os.environ if environ is None else environ

    def reveal(self, value: Value) -> str:
        """See `targets.base.Secrets.reveal`. One newline at the end of a file or variable is not part of the secret."""
        if isinstance(value, str):
            return value
        secret = self.value_of(value)
        self._masker.add(secret)
        return secret

    def value_of(self, ref: SecretRef) -> str:
        """Only for who decides himself whether it has to be masked (`early_secrets.py`). Raises SecretMissing."""
        found = self._from_environment(ref.env) if ref.env is not None else self._from_file(str(ref.file))
        secret = found.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise SecretMissing(f"{self.reference(ref)} is empty: give it its value, then try again")
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
            with self._opened(name) as file:
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

    def _opened(self, name: str) -> BinaryIO:
        path = self._project_dir / name
        if not Path(name).is_absolute():
            try:
                path = checked_input_path(self._project_dir, name, self._allow_paths, field="{file} in deploy.json")
            except PathOutside as problem:
                raise SecretMissing(f"{problem}, or name the secret by its absolute path") from problem
        file = path.open("rb")
        # A link that was put in its place since the check shows where it leads only now.
        if not Path(name).is_absolute() and Path(f"/proc/self/fd/{file.fileno()}").resolve() != path:
            file.close()
            raise SecretMissing(f"file {path} was replaced while it was opened: correct that, then try again")
        return file
