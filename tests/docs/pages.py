"""The pages of the documentation, as the tests read them: fenced blocks, links, and the pop-deploy commands in the text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "backends" / "README.md"])

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(pop-deploy [^`]+)`")
_OPERATORS = {"|", "||", "&&", ";", ">", ">>", "<"}


@dataclass(frozen=True)
class Block:
    """A fenced block. *before* is the last line of text ahead of it."""

    language: str
    text: str
    before: str


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page; only those of *language* if given."""
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rpartition("\n")[2]
        content = "\n".join(line.removeprefix(match[1]) for line in match[3].splitlines()) + "\n"
        found.append(Block(match[2], content, before))
    return [block for block in found if language is None or block.language == language]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def commands(text: str) -> Iterator[list[str]]:
    """The words of every pop-deploy command of a page, the program's name left out: in shell blocks and in the text."""
    for block in blocks(text):
        if block.language in {"sh", "console"}:
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from _commands_in(line.removeprefix("$ "))
    for match in _INLINE.finditer(prose(text)):
        yield from _commands_in(match[1].replace("\n", " "))


def _commands_in(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _OPERATORS:
            words.append(word)
            continue
        if words and words[0] == "pop-deploy":
            yield words[1:]
        words = []
