"""One word for one thing: what the glossary says not to say stands in no page and in no message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.imports import PACKAGES, ROOT, sources
from tests.docs.pages import PAGES, name, prose, read

GLOSSARY = ROOT / "docs" / "glossary.md"
MODULES = {module: path for module, path in sources().items() if module.startswith(PACKAGES)}


def avoided() -> dict[str, str]:
    """Synonym to the word that is meant, from the glossary's last column."""
    rows = [row.strip("|").split("|") for row in read(GLOSSARY).splitlines() if row.startswith("| ")]
    words = {synonym.strip(): row[0].strip() for row in rows if len(row) == 3 for synonym in row[2].split(",")}
    return {synonym: word for synonym, word in words.items() if synonym and word != "word" and not synonym.startswith("-")}


AVOIDED = avoided()
_ANY = re.compile(rf"\b(?P<synonym>{'|'.join(map(re.escape, AVOIDED))})(?:s|d|ed|ing)?\b", re.IGNORECASE)


def test_the_glossary_names_synonyms_of_every_important_word() -> None:
    assert set(AVOIDED.values()) >= {"deployment", "plan", "step", "probe", "slot", "verify", "rollback", "release"}


@pytest.mark.parametrize("page", [page for page in PAGES if page != GLOSSARY], ids=name)
def test_a_page_uses_the_words_of_the_glossary(page: Path) -> None:
    assert list(synonyms(prose(read(page)))) == []


def test_messages_use_the_words_of_the_glossary() -> None:
    found = [f"{module}: {words}" for module, path in MODULES.items() for text in messages(path) for words in synonyms(text)]

    assert found == []


def test_a_synonym_is_found_in_text_and_in_messages(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text(
        '"""A task."""\ndef f(n):\n    """Undo."""\n    raise ValueError(f"cannot revert {n} now")\n', encoding="utf-8"
    )

    assert list(synonyms("Then Revert it; reverted, irrevertible.")) == ["Revert: say rollback", "reverted: say rollback"]
    assert [found for text in messages(file) for found in synonyms(text)] == ["revert: say rollback"]


def synonyms(text: str) -> Iterator[str]:
    for match in _ANY.finditer(text):
        yield f"{match[0]}: say {AVOIDED[match['synonym'].lower()]}"


def messages(path: Path) -> Iterator[str]:
    """Text of a module that people may get to see: constants with a blank in them that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and id(node) not in documented:
            yield node.value
