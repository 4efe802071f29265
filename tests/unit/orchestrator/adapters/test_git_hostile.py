"""A repository may be anybody's: reading its facts runs nothing that it names. Each way to be run is proved to work first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.adapters import git
from orchestrator.adapters import version as versions
from orchestrator.domain.errors import UsageProblem
from tests.unit.orchestrator.adapters.test_git import ENVIRON, commit, run

Way = Callable[[Path, str], None]


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    path.mkdir()
    run(path, "init", "-q", "-b", "main")
    (path / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    commit(path, "app.py")
    run(path, "add", ".gitattributes")
    run(path, "commit", "-qm", "attributes")
    run(path, "tag", "v1.2.0")
    commit(path, "other.py")
    return path


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A program that leaves a mark when somebody runs it."""
    program = tmp_path / "bait"
    program.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{tmp_path}/mark'\n")
    program.chmod(0o755)
    return program


def ran(tmp_path: Path) -> str:
    mark = tmp_path / "mark"
    return mark.read_text() if mark.exists() else ""


def read_everything(repo: Path) -> git.GitState | None:
    """Every question that is asked of a repository."""
    state = git.read(repo, ignore=repo / ".claude" / "popkit")
    git.describe(repo)
    git.user(repo)
    versions.detect(repo, state)
    return state


def touch(repo: Path) -> None:
    """Make git compare the contents of files again: another time, the same size."""
    for path in repo.rglob("*.py"):
        os.utime(path, (1, 1))


def clean_filter(repo: Path, bait: str) -> None:
    run(repo, "config", "filter.evil.clean", bait)


def required_process_filter(repo: Path, bait: str) -> None:
    run(repo, "config", "filter.evil.process", bait)
    run(repo, "config", "filter.evil.required", "true")


def included_filter(repo: Path, bait: str) -> None:
    (repo / ".git" / "more").write_text(f'[filter "evil"]\n\tclean = "{bait}"\n')
    run(repo, "config", "include.path", "more")


def file_monitor(repo: Path, bait: str) -> None:
    run(repo, "config", "core.fsmonitor", bait)


def index_hook(repo: Path, bait: str) -> None:
    (repo / "hooks").mkdir()
    shutil.copy(bait, repo / "hooks" / "post-index-change")
    run(repo, "config", "core.hooksPath", str(repo / "hooks"))


def aliases(repo: Path, bait: str) -> None:
    for name in ("status", "log", "describe", "config"):
        run(repo, "config", f"alias.{name}", f"!{bait}")


def pager(repo: Path, bait: str) -> None:
    run(repo, "config", "core.pager", bait)
    for name in ("status", "log", "config"):
        run(repo, "config", f"pager.{name}", bait)


def signature_check(repo: Path, bait: str) -> None:
    run(repo, "config", "log.showSignature", "true")
    run(repo, "config", "gpg.program", bait)


def promised_objects(repo: Path, bait: str) -> None:
    """A partial clone whose missing objects come over a transport that is a command."""
    run(repo, "config", "core.repositoryFormatVersion", "1")
    run(repo, "config", "extensions.partialClone", "origin")
    run(repo, "config", "remote.origin.promisor", "true")
    run(repo, "config", "remote.origin.url", f"ext::{bait}")
    run(repo, "config", "protocol.ext.allow", "always")
    tree = run(repo, "rev-parse", "HEAD^{tree}")
    (repo / ".git" / "objects" / tree[:2] / tree[2:]).unlink()


def submodule_filter(repo: Path, bait: str) -> None:
    inner = repo / "lib"
    inner.mkdir()
    run(inner, "init", "-q", "-b", "main")
    (inner / ".gitattributes").write_text("*.py filter=evil\n")
    run(inner, "add", ".gitattributes")
    commit(inner, "inner.py")
    run(inner, "config", "filter.evil.clean", bait)
    run(inner, "config", "core.fsmonitor", bait)
    run(repo, "add", "lib")
    run(repo, "commit", "-qm", "lib")


WAYS: list[Way] = [
    clean_filter, required_process_filter, included_filter, file_monitor, index_hook, aliases, pager, signature_check,
    promised_objects, submodule_filter,
]  # fmt: skip
# What a plain git runs of its own accord; the others are belt and braces.
BITES: list[Way] = [
    clean_filter, required_process_filter, included_filter, file_monitor, index_hook, promised_objects, submodule_filter,
]  # fmt: skip


@pytest.mark.parametrize("way", BITES)
def test_a_plain_git_status_would_run_it(repo: Path, bait: Path, tmp_path: Path, way: Way) -> None:
    way(repo, str(bait))
    (tmp_path / "mark").unlink(missing_ok=True)
    touch(repo)

    subprocess.run(["git", "status"], cwd=repo, capture_output=True, timeout=30, check=False)

    assert ran(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_reading_the_facts_runs_nothing_that_the_repository_names(repo: Path, bait: Path, tmp_path: Path, way: Way) -> None:
    way(repo, str(bait))
    touch(repo)
    (tmp_path / "mark").unlink(missing_ok=True)

    state = read_everything(repo)

    assert ran(tmp_path) == ""
    assert state is not None
    assert state.problem or state.commit_sha == run(repo, "rev-parse", "HEAD")


def test_a_worktree_s_filters_are_not_run_either(repo: Path, bait: Path, tmp_path: Path) -> None:
    run(repo, "worktree", "add", "-q", "-b", "feature", str(tmp_path / "tree"))
    run(repo, "config", "extensions.worktreeConfig", "true")
    run(tmp_path / "tree", "config", "--worktree", "filter.evil.clean", str(bait))
    touch(tmp_path / "tree")

    state = read_everything(tmp_path / "tree")

    assert ran(tmp_path) == ""
    assert state is not None
    assert state.problem == ""


def test_a_filter_that_cannot_be_switched_off_is_said(repo: Path, bait: Path, tmp_path: Path) -> None:
    (repo / ".gitattributes").write_text("*.py filter=a=b\n")
    run(repo, "config", "filter.a=b.clean", str(bait))
    (tmp_path / "mark").unlink(missing_ok=True)

    state = read_everything(repo)

    assert ran(tmp_path) == ""
    assert state is not None
    assert "filter.a=b.clean" in state.problem


def test_the_user_s_own_filters_still_run(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git-lfs needs it: without it, what was committed through it would look changed."""
    mine = tmp_path / "mine"
    mine.write_text(f'[filter "evil"]\n\tclean = "sed s/plain/stored/"\n[safe]\n\tdirectory = {repo}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(mine))
    (repo / "app.py").write_text("plain")
    run(repo, "add", "app.py")
    run(repo, "commit", "-qm", "stored")
    (repo / "app.py").write_text("plain")
    os.utime(repo / "app.py", (1, 1))

    state = git.read(repo)

    assert run(repo, "show", "HEAD:app.py") == "stored"
    assert state is not None
    assert (state.problem, state.dirty) == ("", False)


def test_a_bare_repository_among_the_files_is_not_taken_for_the_project_s(repo: Path, bait: Path, tmp_path: Path) -> None:
    """It comes with a plain clone: all its files can be committed."""
    inner = repo / "docs"
    run(repo, "init", "-q", "--bare", str(inner))
    run(inner, "config", "core.bare", "false")
    run(inner, "config", "core.worktree", str(repo))
    run(inner, "config", "core.fsmonitor", str(bait))
    run(inner, "config", "user.name", "Mallory")

    state = git.read(inner)

    assert ran(tmp_path) == ""
    assert state is not None
    assert "cannot use bare repository" in state.problem
    assert git.user(inner) is None


def test_the_caller_s_git_variables_point_nowhere_else(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True).stdout.split()
    names = [name for name in listed if not name.startswith("GIT_CONFIG")]
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))

    state = git.read(repo)

    assert "GIT_DIR" in names
    assert state is not None
    assert (state.problem, state.branch) == ("", "main")


@pytest.mark.parametrize("tag", ["v1;id", "v1$(id)", "v1-`id`", "v1'\"", "v1&x", "v1/x", "v1=--help", "v1é"])
@pytest.mark.parametrize("behind", [False, True])
def test_no_tag_becomes_a_version_that_could_mean_anything_else(repo: Path, tag: str, behind: bool) -> None:
    run(repo, "tag", "-d", "v1.2.0")
    run(repo, "tag", tag)
    if behind:
        commit(repo, "later.py")

    with pytest.raises(UsageProblem, match=r"^git (tag|describe) v1.*: expected a version like 1\.2\.0"):
        versions.detect(repo, git.read(repo))
