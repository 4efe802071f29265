"""What has to be masked before anything is used: `learn` tells the masker at the start of a command that records something.

A person can write a secret into ``--reason`` or ``--version`` before any step has looked it up. So the values that deploy.json
refers to are looked for at once, and the passwords in URLs of the environment. What is not there is no error here: whoever needs
it says so. The values of references are found by `secrets.py`.

Not every value that comes from the environment is a secret: ``{"env": "PORT"}`` hands on a port. To hide ``8080`` or the version
everywhere would make plans unreadable, so what looks like such a word, or stands in deploy.json anyway, waits until it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.adapters.live_output import references
from orchestrator.adapters.secrets import SecretStore
from orchestrator.config.checks import redact_problem
from orchestrator.config.reading import parse_json, read_file
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.masking import Masker
from orchestrator.domain.url_passwords import passwords
from orchestrator.targets.base import SecretMissing

SHORTEST = 8
"""Characters of a value that is masked before its first use."""
_LONG_WORD = 16
_VERSION = re.compile(r"v?\d+(\.\d+){1,3}(-?(alpha|beta|dev|post|rc)[.-]?\d*)?")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_CLASSES = tuple(re.compile(pattern) for pattern in ("[a-z]", "[A-Z]", r"\d", r"[^a-zA-Z\d]"))


def learn(
    masker: Masker,
    secrets: SecretStore,
    document: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    project_dir: Path,
    commit: Callable[[], str | None],
) -> None:
    """Tell *masker* the secrets that can be known by now.

    Args:
        document: deploy.json. What it spells out besides its history is no secret.
        environ: Its proxies, and the store's URL, may hold passwords.
        commit: The commit that the project stands on; only asked when a value looks like one.
    """
    spelled = json.dumps({key: value for key, value in document.items() if key != "history"}, ensure_ascii=False)
    known = f"{spelled}\n{project_dir}"
    for value in _values(secrets, document):
        if _telling(value) and json.dumps(value, ensure_ascii=False)[1:-1] not in known and not _names_commit(value, commit):
            masker.add(value)
    for password in _in_urls(environ.items()):
        masker.add(password)


def of_file(path: Path, project_dir: Path, environ: Mapping[str, str]) -> Masker:
    """A masker for a message that is about to be shown, where nothing was opened: knows what the deploy.json at *path* says.

    A file that cannot be read, or is wrong, must not get in the way of the message: what could be learned counts.
    """
    masker = Masker(())
    try:
        document = parse_json(read_file(path), path.name)
        masker = Masker([each for each in document.get("redact", ()) if redact_problem(each) is None])
        allowed = [each for each in document.get("allow_paths", ()) if isinstance(each, str)]
        secrets = SecretStore(project_dir, masker, environ, allow_paths=allowed)
        learn(masker, secrets, document, environ, project_dir=project_dir, commit=lambda: None)
    except (PopDeployError, OSError, TypeError, ValueError, AttributeError):
        pass
    return masker


def _values(secrets: SecretStore, document: Mapping[str, Any]) -> Iterator[str]:
    for reference in references([document.get("targets"), document.get("notify")]):
        try:
            yield secrets.value_of(reference)
        except SecretMissing:
            continue


def _telling(value: str) -> bool:
    """Whether it does not look like a word, a number or a version."""
    text = value.strip()
    if len(text) < SHORTEST or _VERSION.fullmatch(text):
        return False
    return len(text) >= _LONG_WORD or sum(bool(pattern.search(text)) for pattern in _CLASSES) > 1


def _names_commit(value: str, commit: Callable[[], str | None]) -> bool:
    return bool(_COMMIT.fullmatch(value.strip())) and (commit() or "").startswith(value.strip())


def _in_urls(variables: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in variables:
        if name.lower().endswith("_proxy") or name == "POP_DEPLOY_STORE":
            yield from passwords(value)
