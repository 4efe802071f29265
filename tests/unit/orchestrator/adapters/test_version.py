"""Which version a project has, by its files and its tags."""

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.adapters import git
from orchestrator.adapters.version import Detected, detect
from orchestrator.domain.errors import UsageProblem


def project(directory: Path, toml: str, files: dict[str, str] | None = None) -> Detected | None:
    (directory / "pyproject.toml").write_text(toml, encoding="utf-8")
    for name, text in (files or {}).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    return detect(directory, None)


DYNAMIC = '[project]\nname = "my-shop"\ndynamic = ["version"]\n'
SETUPTOOLS = DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "shop.__version__"}\n'
HATCH = DYNAMIC + '[tool.hatch.version]\npath = "src/shop/about.py"\n'


def test_nothing_says_a_version(tmp_path: Path) -> None:
    assert detect(tmp_path, None) is None


def test_reads_package_json_first(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('\ufeff{"version": "1.2.0"}', encoding="utf-8")

    assert project(tmp_path, '[project]\nversion = "9"\n') == Detected("1.2.0", "package.json")


@pytest.mark.parametrize("text", ["{}", '{"version": ""}', '{"version": null}'])
def test_a_package_json_without_version_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)

    assert detect(tmp_path, None) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1}', '{"version": "../x"}', "\xff", "[" * 100_000])
def test_says_what_is_wrong_with_package_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text, encoding="latin-1")

    with pytest.raises(UsageProblem, match=r"^package\.json: "):
        detect(tmp_path, None)


@pytest.mark.parametrize(
    "toml",
    ['[project]\nname = "x"\nversion = "1.2.0"\n', '[tool.poetry]\nversion = "1.2.0"\n'],
)
def test_reads_a_static_version(tmp_path: Path, toml: str) -> None:
    assert project(tmp_path, toml) == Detected("1.2.0", "pyproject.toml")


@pytest.mark.parametrize(
    "toml",
    [
        "[build-system]\n",
        '[project]\nname = "x"\n',
        DYNAMIC,
        DYNAMIC + "[tool.setuptools_scm]\n",
        DYNAMIC + '[tool.hatch.version]\nsource = "vcs"\n',
        DYNAMIC + '[tool.pdm.version]\nsource = "scm"\n',
        '[tool.poetry]\nversion = "0.0.0"\n[tool.poetry-dynamic-versioning]\nenable = true\n',
        "tool = 1\nproject = []\n",
    ],
)
def test_leaves_other_versions_to_git(tmp_path: Path, toml: str) -> None:
    assert project(tmp_path, toml) is None


@pytest.mark.parametrize("place", ["shop.py", "shop/__init__.py", "src/shop/__init__.py", "src/shop.py"])
def test_finds_the_attribute_that_setuptools_reads(tmp_path: Path, place: str) -> None:
    assert project(tmp_path, SETUPTOOLS, {place: '__version__ = "1.2.0"\n'}) == Detected("1.2.0", place)


def test_follows_package_dir(tmp_path: Path) -> None:
    toml = SETUPTOOLS + '[tool.setuptools.package-dir]\nshop = "lib/the shop"\n'

    found = project(tmp_path, toml, {"lib/the shop/__init__.py": '__version__ = "1.2.0"\n'})

    assert found == Detected("1.2.0", "lib/the shop/__init__.py")


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("__version__: str = '1.2.0'", "1.2.0"),
        ("__version__ = (1, 2, 'rc1')", "1.2.rc1"),
        ("__version__ = '1'\n__version__ = '2'", "2"),
        ("version = __version__ = '3'", "3"),
        ("VERSION = '4'\n__version__ = VERSION", "4"),
        ("raise SystemExit('must not be run')\n__version__ = '5'", "5"),
        ("from shop.about import VERSION as __version__", "6"),
        ("from .about import VERSION as __version__", "6"),
        ("from . import other\nfrom .about import VERSION\n__version__ = VERSION", "6"),
    ],
)
def test_reads_python_without_running_it(tmp_path: Path, source: str, version: str) -> None:
    found = project(tmp_path, SETUPTOOLS, {"shop/__init__.py": source, "shop/about.py": "VERSION = '6'"})

    assert found == Detected(version, "shop/__init__.py")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "__version__ = '.'.join(['1', '2'])",
        "__version__ = __version__",
        "from .loop import __version__",
        "from os import __version__",
        "not python at all",
        "__version__: str",
    ],
)
def test_refuses_a_version_that_only_running_code_could_tell(tmp_path: Path, source: str) -> None:
    files = {"shop/__init__.py": source, "shop/loop.py": "from . import __version__"}

    with pytest.raises(UsageProblem, match=r"shop/__init__\.py: should say the version .*--version"):
        project(tmp_path, SETUPTOOLS, files)


def test_a_missing_module_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="there is no module shop"):
        project(tmp_path, SETUPTOOLS)


def test_reads_the_files_that_setuptools_reads(tmp_path: Path) -> None:
    toml = DYNAMIC + '[tool.setuptools.dynamic]\nversion = {file = ["VERSION"]}\n'

    assert project(tmp_path, toml, {"VERSION": "1.2.0\n"}) == Detected("1.2.0", "VERSION")


def test_reads_what_hatch_reads(tmp_path: Path) -> None:
    assert project(tmp_path, HATCH, {"src/shop/about.py": '# x\n__version__: str = "v1.2.0"\n'}) == Detected(
        "1.2.0", "src/shop/about.py"
    )


def test_uses_the_pattern_given_to_hatch(tmp_path: Path) -> None:
    toml = DYNAMIC + '[tool.hatch.version]\npath = "Cargo.toml"\npattern = \'^version = "(?P<version>[^"]+)"\'\n'

    assert project(tmp_path, toml, {"Cargo.toml": '[package]\nversion = "1.2.0"\n'}) == Detected("1.2.0", "Cargo.toml")


def test_reads_the_expression_given_to_hatch(tmp_path: Path) -> None:
    toml = DYNAMIC + '[tool.hatch.version]\nsource = "code"\npath = "about.py"\nexpression = "VERSION"\n'

    assert project(tmp_path, toml, {"about.py": "VERSION = '1.2.0'"}) == Detected("1.2.0", "about.py")


def test_reads_what_pdm_and_flit_read(tmp_path: Path) -> None:
    pdm = DYNAMIC + '[tool.pdm.version]\nsource = "file"\npath = "my_shop.py"\n'
    flit = DYNAMIC + '[build-system]\nbuild-backend = "flit_core.buildapi"\n'

    for toml in (pdm, flit):
        assert project(tmp_path, toml, {"my_shop.py": '"""Shop."""\n__version__ = "1.2.0"  # now\n'}) == Detected(
            "1.2.0", "my_shop.py"
        )


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[project", "pyproject.toml: cannot be read"),
        (HATCH, "about.py: should say the version .* cannot be read"),
        (DYNAMIC + '[tool.hatch.version]\npath = "x"\npattern = "("\n', "the pattern of the version does not work"),
        (DYNAMIC + '[tool.hatch.version]\npath = "x"\npattern = "nothing"\n', "the pattern of the version does not work"),
        (DYNAMIC + '[tool.hatch.version]\npath = "../../etc/passwd"\n', "outside the project"),
        ('[project]\nversion = "1 2"\n', "pyproject.toml: expected a version like"),
    ],
)
def test_says_what_is_wrong_with_pyproject(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        project(tmp_path, toml, {"x": "nothing"})


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    run(tmp_path, "init", "-q")
    run(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    return tmp_path


def run(directory: Path, *arguments: str) -> None:
    argv = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments]
    subprocess.run(argv, cwd=directory, check=True, capture_output=True)


@pytest.mark.parametrize(("tag", "version"), [("v1.2.0", "1.2.0"), ("1.2.0", "1.2.0")])
def test_takes_the_tag_of_the_commit(repo: Path, tag: str, version: str) -> None:
    run(repo, "tag", tag)

    assert detect(repo, git.read(repo)) == Detected(version, f"git tag {tag}")


def test_a_commit_after_the_tag_is_another_version(repo: Path) -> None:
    run(repo, "tag", "v1.2.0")
    run(repo, "commit", "-q", "--allow-empty", "-m", "y")

    found = detect(repo, git.read(repo))

    assert found is not None
    assert found.version.startswith("1.2.0-1-g")
    assert found.source == f"git describe v{found.version}"


def test_files_come_before_tags(repo: Path) -> None:
    run(repo, "tag", "v1.2.0")
    (repo / "package.json").write_text(json.dumps({"version": "1.3.0"}))

    assert detect(repo, git.read(repo)) == Detected("1.3.0", "package.json")


def test_a_repository_without_tags_or_commits_says_nothing(repo: Path, tmp_path: Path) -> None:
    assert detect(repo, git.read(repo)) is None
    empty = tmp_path / "empty"
    empty.mkdir()
    run(empty, "init", "-q")
    assert detect(empty, git.read(empty)) is None
