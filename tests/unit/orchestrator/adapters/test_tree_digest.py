"""The digest of a tree changes with what counts, and with nothing else."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.tree_digest import TreeUnreadable, tree_digest
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.excludes import Excludes
from tests.unit.orchestrator.adapters.support import directory_for_all, without_privileges


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    write(path, {"public/index.html": "<h1>", "public/js/app.js": "1", "public/js/été.js": "2", "Dockerfile": "FROM scratch"})
    (path / "public" / "empty").mkdir()
    (path / "public" / "latest").symlink_to("js")
    return path


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def digest(project: Path, *names: str, **options: object) -> str:
    return tree_digest([project / name for name in names or ("public",)], root=project, **options)  # type: ignore[arg-type]


def test_is_a_sha256(project: Path) -> None:
    algorithm, _, value = digest(project).partition(":")

    assert algorithm == "sha256"
    assert len(bytes.fromhex(value)) == 32


def test_the_same_tree_elsewhere_has_the_same_digest(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "a checkout elsewhere"
    shutil.copytree(project, other, symlinks=True, copy_function=shutil.copyfile)

    assert digest(other, "public", "Dockerfile") == digest(project, "Dockerfile", "public")


CHANGES: dict[str, Callable[[Path], object]] = {
    "contents": lambda public: (public / "js" / "app.js").write_text("2"),
    "name": lambda public: (public / "js" / "app.js").rename(public / "js" / "b.js"),
    "place": lambda public: (public / "js" / "app.js").rename(public / "app.js"),
    "new file": lambda public: (public / "new").touch(),
    "new directory": lambda public: (public / "new").mkdir(),
    "removed directory": lambda public: (public / "empty").rmdir(),
    "executable": lambda public: (public / "js" / "app.js").chmod(0o755),
    "link elsewhere": lambda public: ((public / "latest").unlink(), (public / "latest").symlink_to("empty")),
    "file for link": lambda public: ((public / "latest").unlink(), (public / "latest").write_text("js")),
    "file for directory": lambda public: ((public / "empty").rmdir(), (public / "empty").touch()),
    "bytes moved between files": lambda public: (
        (public / "js" / "app.js").write_text(""),
        (public / "js" / "été.js").write_text("12"),
    ),
    "gone": shutil.rmtree,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_with_what_counts(project: Path, change: Callable[[Path], object]) -> None:
    before = digest(project)

    change(project / "public")

    assert digest(project) != before


SAME: dict[str, Callable[[Path], object]] = {
    "times": lambda public: os.utime(public / "index.html", (1, 1)),
    "permissions of others": lambda public: (public / "index.html").chmod(0o600),
    "a pipe": lambda public: os.mkfifo(public / "pipe"),
    "a socket": lambda public: socket.socket(socket.AF_UNIX).bind(str(public / "s")),
    "what a link leads to": lambda public: (public.parent / "Dockerfile").write_text("FROM busybox"),
    "git": lambda public: write(public, {".git/HEAD": "x", "js/.git": "gitdir: elsewhere"}),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_does_not_change_with_anything_else(
    project: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "public" / "recipe").symlink_to("../Dockerfile")
    monkeypatch.chdir(project)  # a socket's path has to be short
    before = digest(project)

    change(Path("public").absolute())

    assert digest(project) == before


def test_our_own_data_never_counts(project: Path) -> None:
    data = project / ".claude" / "popkit"
    before = digest(project, ".", ignore=(data,))

    write(data, {"events.db": "x", "locks/slot.lock": ""})

    assert digest(project, ".", ignore=(data,)) == before
    write(project / ".claude", {"settings.json": "{}"})
    assert digest(project, ".", ignore=(data,)) != before


def test_our_own_data_behind_a_link_does_not_either(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    data = tmp_path / "link" / "data"
    before = digest(project, ".", ignore=(data,))

    write(project / "data", {"events.db": "x"})

    assert digest(project, ".", ignore=(data,)) == before


def test_leaves_out_what_is_excluded(project: Path) -> None:
    excludes = Excludes(("*.log", "/js/cache"), (project / "public" / "releases",))
    before = digest(project, excludes=excludes)

    write(project / "public", {"js/a.log": "x", "js/cache/deep/y": "x", "releases/1/index.html": "x"})

    assert digest(project, excludes=excludes) == before
    write(project / "public", {"cache": "x"})
    assert digest(project, excludes=excludes) != before


def test_a_link_given_as_input_is_followed(project: Path) -> None:
    (project / "site").symlink_to("public")

    assert digest(project, "site") == digest(project, "public")


def test_an_input_may_lie_outside_the_project(project: Path, tmp_path: Path) -> None:
    write(tmp_path / "shared", {"a": "1"})
    before = digest(project, "../shared")

    write(tmp_path / "shared", {"a": "2"})

    assert digest(project, "../shared") != before


def test_a_missing_input_counts_as_missing(project: Path) -> None:
    assert digest(project, "dist") == digest(project, "dist")
    assert digest(project, "dist") != digest(project, "build")
    before = digest(project, "dist")
    (project / "dist").touch()
    assert digest(project, "dist") != before


def test_leaves_out_what_docker_does_not_receive(project: Path) -> None:
    write(project, {".dockerignore": "*\n!public\npublic/**/*.map\n"})
    before = digest(project, ".", dockerignore=True)

    write(project, {"notes": "x", "node_modules/a/b": "x", "public/js/app.map": "x"})

    assert digest(project, ".", dockerignore=True) == before
    write(project, {"public/js/new.js": "x"})
    assert digest(project, ".", dockerignore=True) != before


def test_counts_what_docker_receives_from_an_ignored_directory(project: Path) -> None:
    write(project, {".dockerignore": "vendor\n!vendor/keep\n"})
    before = digest(project, ".", dockerignore=True)

    write(project, {"vendor/other/a": "x"})
    assert digest(project, ".", dockerignore=True) == before
    write(project, {"vendor/keep/a": "x"})
    assert digest(project, ".", dockerignore=True) != before


def test_a_dockerfile_counts_also_where_its_context_leaves_it_out(project: Path) -> None:
    write(project, {".dockerignore": "Dockerfile\n"})
    before = digest(project, ".", "Dockerfile", dockerignore=True)

    write(project, {"Dockerfile": "FROM busybox"})

    assert digest(project, ".", "Dockerfile", dockerignore=True) != before


def test_what_only_one_of_docker_s_builders_leaves_out_counts(project: Path) -> None:
    write(project, {".dockerignore": "a\nb\n", "Dockerfile.dockerignore": "a\nc\n"})
    before = digest(project, ".", "Dockerfile", dockerignore=True)

    write(project, {"a": "x"})
    assert digest(project, ".", "Dockerfile", dockerignore=True) == before
    for name in ("b", "c"):
        write(project, {name: "x"})
        assert digest(project, ".", "Dockerfile", dockerignore=True) != before
        (project / name).unlink()


def test_says_what_is_wrong_with_a_dockerignore(project: Path) -> None:
    write(project, {".dockerignore": "[\n"})

    with pytest.raises(UsageProblem, match=r"/\.dockerignore: line 1: no usable pattern"):
        digest(project, ".", dockerignore=True)


def test_says_what_cannot_be_read() -> None:
    with directory_for_all() as project:
        write(project, {"public/open": "", "public/secret": ""})
        (project / "public" / "secret").chmod(0)

        with pytest.raises(TreeUnreadable, match=r"public/secret: cannot be read: Permission denied"):
            without_privileges(lambda: digest(project))
        (project / "public").chmod(0o311)
        with pytest.raises(TreeUnreadable, match=r"public: cannot be read: Permission denied"):
            without_privileges(lambda: digest(project))
        (project / "public").chmod(0o755)


def test_reads_names_that_are_no_unicode(project: Path) -> None:
    before = digest(project)

    (project / "public" / os.fsdecode(b"\xff\xfe")).touch()

    assert digest(project) != before


@pytest.fixture
def deep(project: Path) -> Iterator[Path]:
    path = project / "public" / "/".join(["d"] * 1500)
    subprocess.run(["mkdir", "-p", path], check=True)
    yield path
    subprocess.run(["rm", "-r", project], check=True)  # pytest's own removal recurses


def test_walks_trees_deeper_than_python_recurses(project: Path, deep: Path) -> None:
    before = digest(project)

    (deep / "x").touch()

    assert digest(project) != before


def test_reads_large_trees_fast(project: Path) -> None:
    block = os.urandom(1 << 20)
    for number in range(50):
        (project / "public" / f"{number}.bin").write_bytes(block * 2)
    digest(project)
    started = time.perf_counter()

    digest(project)

    assert time.perf_counter() - started < 1.5  # 0.1 s where the processor helps with SHA-256
