"""Check `env-documented`: whoever runs the project can read which environment variables it needs.

Variables that the project's own sources read, and those that deploy.json refers to by ``{"env": NAME}``, must be named in
``.env.example`` (or ``.env.sample``, ``.env.template``, ``.env.dist``), a README or a page in ``docs``. It is a search for text,
not for meaning: a variable whose name is put together while the program runs is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, shown
from orchestrator.validation.reading import Unreadable, sources, text

EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist")
_READMES = ("README.md", "README.rst", "README.txt", "README", "readme.md")
_PAGES = frozenset({".md", ".rst", ".txt", ".adoc"})

_NAME = r"([A-Za-z_][A-Za-z0-9_]*)"
_QUOTED = rf"""["'`]{_NAME}["'`]"""
_JAVASCRIPT = re.compile(
    rf"(?:process\.env|import\.meta\.env)(?:\??\.{_NAME}\b|\[\s*{_QUOTED}\s*\])(?!\s*=(?!=))|Deno\.env\.get\(\s*{_QUOTED}"
)
_DESTRUCTURED = re.compile(r"\{([^{}]*)\}\s*=\s*process\.env\b")
_PYTHON = re.compile(rf"\benviron(?:\.get|\.pop)?\s*[\[(]\s*[rb]?{_QUOTED}(?!\s*\]\s*=(?!=))|\bgetenvb?\(\s*[rb]?{_QUOTED}")
_GO = re.compile(rf"\bos\.(?:Getenv|LookupEnv)\(\s*{_QUOTED}")
_RUST = re.compile(rf"\benv::var(?:_os)?\(\s*{_QUOTED}|\b(?:option_)?env!\(\s*{_QUOTED}")
_RUBY = re.compile(rf"\bENV(?:\[|\.fetch\(|\.fetch )\s*{_QUOTED}")
_PHP = re.compile(rf"\bgetenv\(\s*{_QUOTED}|\$_ENV\[\s*{_QUOTED}")
_READS = {
    **dict.fromkeys((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".astro"), _JAVASCRIPT),
    ".py": _PYTHON,
    ".go": _GO,
    ".rs": _RUST,
    ".rb": _RUBY,
    ".php": _PHP,
}
# What every system, every CI job or the tool itself sets.
_GIVEN = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|PWD|TMPDIR|TMP|TEMP|LANG|LC_\w+|TERM|COLORTERM|TZ|CI|EDITOR|VISUAL|PAGER|HOSTNAME|NO_COLOR"
    r"|FORCE_COLOR|COLUMNS|LINES|DISPLAY|NODE_ENV|XDG_\w+|npm_\w+|PYTHON[A-Z]+|VIRTUAL_ENV|MODE|DEV|PROD|SSR|BASE_URL"
    r"|CARGO_(?:PKG|MANIFEST|CFG)\w*|OUT_DIR|APPDATA|LOCALAPPDATA|USERPROFILE|COMSPEC|SYSTEMROOT|WINDIR"
)


def look(subject: Subject) -> Found:
    """Raises `reading.Unreadable`: a page that should name the variables cannot be read."""
    wanted = _read_by_sources(subject.project_dir) | set(_referred_to(_configuration(subject)))
    if not wanted:
        return Found(Outcome.SKIP, "the project reads no environment variables of its own")
    missing = sorted(wanted - _documented(subject.project_dir, wanted))
    if not missing:
        return Found(Outcome.PASS, f"{counted(len(wanted), 'environment variable')}, all documented")
    return Found(Outcome.WARN, f"not documented: {shown(missing, most=10)}: name them in .env.example or the README")


def fix(subject: Subject) -> str:
    """Name what is missing, with empty values, in the project's example file."""
    project = subject.project_dir
    try:
        wanted = _read_by_sources(project) | set(_referred_to(_configuration(subject)))
        missing = sorted(wanted - _documented(project, wanted))
        file = next((name for name in EXAMPLES if (project / name).exists()), EXAMPLES[0])
        before = text(project, file) or ""
        if not missing or (project / file).is_symlink():
            return ""
        separator = "" if not before or before.endswith("\n") else "\n"
        with (project / file).open("a", encoding="utf-8") as example:
            example.write(separator + "".join(f"{name}=\n" for name in missing))
    except (Unreadable, OSError):
        return ""  # the check itself says what is wrong with the file
    return f"{file} names {shown(missing, most=10)}"


def _configuration(subject: Subject) -> dict[str, Any]:
    return {key: value for key, value in subject.raw.items() if key != "history"}


def _read_by_sources(project: Path) -> set[str]:
    found: set[str] = set()
    for name, content in sources(project, _READS.keys()):
        pattern = _READS[Path(name).suffix]
        found.update(group for match in pattern.finditer(content) for group in match.groups() if group)
        if pattern is _JAVASCRIPT:
            found.update(_destructured(content))
    return {name for name in found if not _GIVEN.fullmatch(name)}


def _destructured(content: str) -> Iterator[str]:
    """Names in ``const { PORT, TOKEN: token = "" } = process.env``."""
    for match in _DESTRUCTURED.finditer(content):
        for part in match[1].split(","):
            if found := re.match(rf"\s*{_NAME}\s*(?:[:=]|$)", part):
                yield found[1]


def _referred_to(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"env"} and isinstance(value["env"], str):
            yield value["env"]
        for inner in value.values():
            yield from _referred_to(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _referred_to(inner)


def _documented(project: Path, wanted: set[str]) -> set[str]:
    """Those of *wanted* that stand as a whole word in a page that people read."""
    said: set[str] = set()
    for file in (*EXAMPLES, *_READMES):
        said.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text(project, file) or ""))
    if not wanted <= said:
        for _, content in sources(project, _PAGES, below="docs"):
            said.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", content))
    return wanted & said
