"""Links within the documentation lead somewhere, and the pages can all be found from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name, prose, read

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FILE = re.compile(r"`([\w/.]+/?\w+\.(?:py|sh|txt))\b")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    readme = ROOT / "README.md"

    assert leads_somewhere(readme, "docs/operating.md")
    assert not leads_somewhere(readme, "docs/missing.md")
    assert not leads_somewhere(readme, "docs/operating.md#no-such-heading")


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += [path for link in links(page) if (path := target(page, link)[0]) in PAGES]

    named = prose(read(ROOT / "README.md"))
    assert [name(page) for page in PAGES if page not in reached and f"`{name(page)}`" not in named] == []


@pytest.mark.parametrize(
    "page", [ROOT / "docs" / f"{topic}.md" for topic in ("architecture", "protocols", "dependencies")], ids=name
)
def test_a_file_that_is_named_exists(page: Path) -> None:
    named = set(_FILE.findall(prose(read(page))))
    tops = (ROOT, ROOT / "orchestrator", ROOT / "eventstore", ROOT / "orchestrator" / "services")

    assert named
    assert [path for path in sorted(named) if not any((top / path).exists() for top in tops)] == []


def links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(prose(read(page))) if "://" not in link]


def target(page: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


def leads_somewhere(page: Path, link: str) -> bool:
    path, anchor = target(page, link)
    return path.exists() and (not anchor or anchor in anchors(path))


def anchors(page: Path) -> set[str]:
    """As a forge makes them: lower case, punctuation left out, blanks as dashes."""
    headings = _HEADING.findall(prose(read(page)))
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
