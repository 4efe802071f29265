"""Check `dockerfile`: the image is built in a way that can be repeated and is safe to run.

hadolint where it is there; where it is not, a few rules of our own: the base image has a version, ``USER`` is set, nothing is
added from a URL, apt leaves nothing behind. Secrets in ``ENV`` and ``ARG`` are always looked for: they stay in the image, and
hadolint does not see them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from orchestrator.domain.paths import checked_input_path
from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.dockerfile_text import Instruction, instructions
from orchestrator.validation.parts import ended, shown, together
from orchestrator.validation.reading import LARGEST_SOURCE_BYTES, text

DEADLINE_S = 60.0
_SECRET = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(?:_|$)", re.IGNORECASE
)
_NOT_SECRET = re.compile(r"_(?:FILE|PATH|URL|DIR|NAME|TTL|LENGTH|EXPIRY)$", re.IGNORECASE)


def look(subject: Subject) -> Found:
    """Raises `reading.Unreadable`, and `domain.paths.PathOutside` for a Dockerfile that lies elsewhere."""
    name = _file(subject)
    content = text(subject.project_dir, name, limit=LARGEST_SOURCE_BYTES)
    if content is None:
        return Found(Outcome.SKIP, f"no {name}")
    lines = instructions(content)
    parts = [_hadolint(subject, name) or _own_rules(name, lines)]
    if secrets := list(_secrets(lines)):
        parts.append(Found(Outcome.FAIL, f"{name}: secrets stay in the image: {shown(secrets)}: give them when it is run"))
    return together(parts, none="")


def _file(subject: Subject) -> str:
    """The target's own Dockerfile, relative to the project; the usual one where the target names none."""
    said = getattr(subject.settings.config, "dockerfile", None)
    if not isinstance(said, str):
        return "Dockerfile"
    path = checked_input_path(subject.project_dir, said, subject.settings.allow_paths, field="dockerfile")
    inside = subject.project_dir.resolve()
    return path.relative_to(inside).as_posix() if path.is_relative_to(inside) else str(path)


def _hadolint(subject: Subject, name: str) -> Found | None:
    """None where hadolint is missing."""
    argv = ("hadolint", "--format", "json", "--", name)
    try:
        result = subject.run(argv, timeout_s=DEADLINE_S)
    except ToolMissing:
        return None
    except QueryTimeout as error:
        return Found(Outcome.SKIP, str(error))
    try:
        findings = [entry for entry in json.loads(result.stdout) if isinstance(entry, dict)]
    except (ValueError, TypeError):
        return Found(Outcome.SKIP, ended(result))
    said = {
        level: [f"{one.get('code')} in line {one.get('line')}" for one in findings if one.get("level") == level]
        for level in _LEVELS
    }
    worst = next((level for level in _LEVELS if said[level]), None)
    if worst is None:
        return Found(Outcome.PASS, f"{name}: hadolint finds nothing to correct")
    return Found(_LEVELS[worst], f"{name}: hadolint: {shown(said[worst])}: correct what it names")


_LEVELS = {"error": Outcome.FAIL, "warning": Outcome.WARN}
"""Of hadolint; what it calls info and style is a matter of taste."""


def _own_rules(name: str, lines: Sequence[Instruction]) -> Found:
    stages = [line for line in lines if line.word == "FROM"]
    if not stages:
        return Found(Outcome.FAIL, f"{name}: has no FROM: no image can be built from it")
    wrong = [*_bases(lines), *_user(lines), *_added(lines), *_apt(lines)]
    if wrong:
        return Found(Outcome.WARN, f"{name}: {'; '.join(wrong[:5])}{f' and {len(wrong) - 5} more' if len(wrong) > 5 else ''}")
    health = "" if any(line.word == "HEALTHCHECK" for line in lines) else " (it has no HEALTHCHECK)"
    return Found(
        Outcome.PASS, f"{name}: our own rules find nothing to correct{health}; hadolint, which knows more, is not on PATH"
    )


def _bases(lines: Sequence[Instruction]) -> Iterator[str]:
    defaults = dict(pair for line in lines if line.word == "ARG" for pair in line.pairs())
    stages: set[str] = set()
    for line in lines:
        if line.word != "FROM":
            continue
        words = [word for word in line.rest.split() if not word.startswith("--")]
        image = re.sub(r"\$\{?(\w+)\}?", lambda match: defaults.get(match[1], "$"), words[0]) if words else ""
        if len(words) > 2 and words[1].upper() == "AS":
            stages.add(words[2].lower())
        if image.lower() in stages | {"scratch", ""} or "$" in image or "@sha256:" in image:
            continue
        tag = image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"line {line.number}: {image} has no fixed version: name a tag or digest"


def _user(lines: Sequence[Instruction]) -> Iterator[str]:
    last = max(index for index, line in enumerate(lines) if line.word == "FROM")
    users = [line for line in lines[last:] if line.word == "USER"]
    if not users:
        yield "no USER in the last stage, so the service may run as root: set one"
    elif users[-1].rest.partition(":")[0].strip() in ("root", "0"):
        yield f"line {users[-1].number}: the service runs as root: set another USER"


def _added(lines: Sequence[Instruction]) -> Iterator[str]:
    for line in lines:
        if line.word == "ADD" and re.search(r"(?:^|\s|\")https?://", line.rest) and "--checksum=" not in line.rest:
            yield f"line {line.number}: ADD of a URL may bring another thing each time: give --checksum"


def _apt(lines: Sequence[Instruction]) -> Iterator[str]:
    for line in lines:
        commands = [set(command.split()) for command in re.split(r"[&|;\n]", line.rest)]
        if line.word != "RUN" or not any("install" in words and {"apt", "apt-get"} & words for words in commands):
            continue
        if "--no-install-recommends" not in line.rest:
            yield f"line {line.number}: apt installs more than was asked for: add --no-install-recommends"
        if "/var/lib/apt/lists" not in line.rest and "--mount=type=cache" not in line.rest:
            yield f"line {line.number}: apt's lists stay in the image: remove /var/lib/apt/lists in the same RUN"


def _secrets(lines: Sequence[Instruction]) -> Iterator[str]:
    """Names only; a value is never shown."""
    for line in lines:
        if line.word in ("ENV", "ARG"):
            for name, value in line.pairs():
                if value and not value.startswith("$") and _SECRET.search(name) and not _NOT_SECRET.search(name):
                    yield f"{line.word} {name} in line {line.number}"
