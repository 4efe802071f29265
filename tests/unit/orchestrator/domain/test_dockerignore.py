"""The rules of .dockerignore. That a real engine sees them the same way is tested in contract/test_dockerignore.py."""

import pytest

from orchestrator.domain.dockerignore import DockerIgnore


@pytest.mark.parametrize(
    ("lines", "path", "skipped"),
    [
        ("", "a", False),
        ("# *\n\n   \n", "a", False),
        ("node_modules", "node_modules", True),
        ("node_modules", "node_modules/x/y.js", True),
        ("node_modules", "web/node_modules", False),
        ("node_modules/", "node_modules/x", True),
        ("/dist", "dist/a", True),
        ("./dist", "dist/a", True),
        ("a/../b", "b", True),
        ("*.log", "x.log", True),
        ("*.log", "logs/x.log", False),
        ("*/temp", "a/temp/x", True),
        ("*/temp", "a/b/temp", False),
        ("*", "a/b", True),
        ("**/*.log", "x.log", True),
        ("**/*.log", "a/b/x.log", True),
        ("**.log", "a/b/x.log", True),
        ("**/cache", "a/cache/x", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**", "a/b", True),
        ("a/**", "a", False),
        ("**", "a/b", True),
        ("temp?", "tempa", True),
        ("temp?", "temp/", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a]b", "/b", False),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("x.y", "xay", False),
        ("a+(b)", "a+(b)", True),
        ("  spaces in it  ", "spaces in it", True),
        ("été", "été", True),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README.md", "OTHER.md", True),
        ("!README.md\n*.md", "README.md", True),
        ("docs\n!docs/keep", "docs/keep/a", False),
        ("*\n!src\nsrc/*.tmp", "src/a.tmp", True),
        ("*\n!src\nsrc/*.tmp", "src/a", False),
        ("*\n! src", "src/a", False),
        ("\ufeffa", "a", True),
    ],
)
def test_the_last_pattern_that_fits_decides(lines: str, path: str, skipped: bool) -> None:
    assert DockerIgnore.parse(lines).skips(path) is skipped


@pytest.mark.parametrize("line", ["!", "[", "[^", "[abc", "[]", "a\\", "[z-a]"])
def test_refuses_what_makes_no_sense(line: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2: no usable pattern"):
        DockerIgnore.parse(f"fine\n{line}\n")


@pytest.mark.parametrize(
    ("lines", "directory", "possible"),
    [
        ("docs", "docs", False),
        ("docs\n!src/a", "docs", False),
        ("docs\n!docs/keep", "docs", True),
        ("docs\n!docs/keep/this", "docs/keep", True),
        ("docs\n!docs/keep/this", "docs/other", False),
        ("docs\n!**/keep", "docs", True),
        ("docs\n!do*/keep", "docs", True),
        ("*\n!src", "src", True),
    ],
)
def test_knows_where_something_may_be_brought_back(lines: str, directory: str, possible: bool) -> None:
    assert DockerIgnore.parse(lines).may_bring_back(directory) is possible
