"""Which paths of a tree are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.excludes import Excludes

ROOT = Path("/srv/shop")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.log", "a.log"),
        ("*.log", "deep/in/a.log"),
        ("node_modules/", "web/node_modules"),
        (".git", "vendor/lib/.git"),
        ("docs/*.md", "docs/a.md"),
        ("/build", "build"),
        ("a/**/z", "a/z"),
        ("a/**/z", "a/b/c/z"),
        ("cache/**", "cache/x/y"),
        ("?.txt", "a.txt"),
        ("[ab].txt", "b.txt"),
        ("[!a].txt", "b.txt"),
        ("we[ird", "we[ird"),
        ("*.log", "new\nline/a.log"),
    ],
)
def test_leaves_out_what_fits_a_pattern(pattern: str, path: str) -> None:
    assert Excludes((pattern,)).skips(ROOT, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.log", "a.logs"),
        ("docs/*.md", "web/docs/a.md"),
        ("docs/*.md", "docs/deep/a.md"),
        ("/build", "web/build"),
        ("a?c", "a/c"),
        ("a[!b]c", "a/c"),
        ("[ab].txt", "c.txt"),
        ("a.txt", "axtxt"),
    ],
)
def test_keeps_what_does_not_fit(pattern: str, path: str) -> None:
    assert not Excludes((pattern,)).skips(ROOT, path)


def test_leaves_out_a_place_by_its_absolute_path() -> None:
    excludes = Excludes((), (ROOT / ".claude/popkit",))

    assert excludes.skips(ROOT, ".claude/popkit")
    assert excludes.skips(ROOT / ".claude", "popkit")
    assert not excludes.skips(ROOT / "web", ".claude/popkit")


def test_keeps_everything_without_patterns() -> None:
    assert not Excludes().skips(ROOT, ".git")


def test_refuses_a_set_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"no usable pattern among \[z-a\]"):
        Excludes(("[z-a]",))
