"""What git says about a project, asked of real repositories."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.adapters import git
from orchestrator.adapters.git import GitState

ENVIRON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_COMMITTER_DATE": "2026-03-18T14:30:22+01:00",
    "GIT_AUTHOR_DATE": "2026-03-18T14:30:22+01:00",
}


@pytest.fixture(autouse=True)
def no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


def run(directory: Path, *arguments: str) -> str:
    argv = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments]
    return subprocess.run(argv, cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


def commit(directory: Path, name: str = "app.py") -> str:
    (directory / name).write_text(name)
    run(directory, "add", name)
    run(directory, "commit", "-qm", name)
    return run(directory, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "my shop é"
    path.mkdir()
    run(path, "init", "-q", "-b", "main")
    commit(path)
    return path


def test_knows_commit_branch_and_time(repo: Path) -> None:
    assert git.read(repo) == GitState(
        commit_sha=run(repo, "rev-parse", "HEAD"), branch="main", committed_at="2026-03-18T14:30:22+01:00"
    )


def test_a_project_without_git_has_no_state(tmp_path: Path) -> None:
    assert git.read(tmp_path) is None
    assert git.read(tmp_path / "missing") is None


def test_an_empty_git_directory_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    assert git.read(tmp_path) is None


def test_a_machine_without_git_is_said(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert git.read(repo) == GitState(problem="git cannot be run: No such file or directory")
    assert git.describe(repo) is None
    assert git.user(repo) is None


def test_a_repository_before_its_first_commit(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "-b", "main")

    assert git.read(tmp_path) == GitState(branch="main")
    (tmp_path / "new").touch()
    assert git.read(tmp_path) == GitState(branch="main", dirty=True)


@pytest.mark.parametrize("change", ["changed", "staged", "deleted", "new", "new elsewhere"])
def test_is_dirty_when_the_commit_lacks_something(repo: Path, change: str) -> None:
    (repo / "web").mkdir()
    commit(repo, "web/index.html")
    match change:
        case "changed":
            (repo / "app.py").write_text("other")
        case "staged":
            (repo / "app.py").write_text("other")
            run(repo, "add", "app.py")
        case "deleted":
            (repo / "app.py").unlink()
        case "new":
            (repo / "web" / "new").touch()
        case "new elsewhere":
            (repo / "new").touch()

    state = git.read(repo / "web")

    assert state is not None
    assert state.dirty


def test_ignored_files_do_not_make_it_dirty(repo: Path) -> None:
    (repo / ".gitignore").write_text("*.log\n.gitignore\n")
    (repo / "x.log").touch()

    assert git.read(repo) == GitState(commit_sha=run(repo, "rev-parse", "HEAD"), branch="main", committed_at=ANY_TIME)


ANY_TIME = "2026-03-18T14:30:22+01:00"


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("place", [".claude/popkit", "services/api/.claude/popkit", "state dir"])
def test_our_own_data_never_makes_it_dirty(repo: Path, place: str, tracked: bool) -> None:
    data = repo / place
    data.mkdir(parents=True)
    if tracked:
        commit(repo, f"{place}/deploy.json")
    (data / "deploy.json").write_text("changed by us")
    (data / "events.db").touch()

    state = git.read(repo, ignore=data)

    assert state is not None
    assert not state.dirty


def test_our_own_data_behind_a_link_does_not_either(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (repo / "data").symlink_to(tmp_path / "elsewhere")

    state = git.read(repo, ignore=repo / "data")

    assert state is not None
    assert not state.dirty


def test_data_outside_the_repository_is_no_trouble(repo: Path, tmp_path: Path) -> None:
    state = git.read(repo, ignore=tmp_path / "plugin data")

    assert state is not None
    assert (state.problem, state.dirty) == ("", False)


def test_other_files_beside_our_data_still_count(repo: Path) -> None:
    (repo / ".claude" / "popkit").mkdir(parents=True)
    (repo / ".claude" / "settings.json").touch()

    state = git.read(repo, ignore=repo / ".claude" / "popkit")

    assert state is not None
    assert state.dirty


def test_works_below_the_top_and_through_a_link(repo: Path, tmp_path: Path) -> None:
    (repo / "web").mkdir()
    (tmp_path / "link").symlink_to(repo / "web")

    assert git.read(tmp_path / "link") == git.read(repo)


def test_works_in_a_worktree(repo: Path, tmp_path: Path) -> None:
    run(repo, "worktree", "add", "-q", "-b", "feature", str(tmp_path / "tree"))

    state = git.read(tmp_path / "tree")

    assert state is not None
    assert (state.branch, state.commit_sha) == ("feature", run(repo, "rev-parse", "HEAD"))


def test_a_detached_head_has_no_branch(repo: Path) -> None:
    run(repo, "checkout", "-q", "--detach")

    state = git.read(repo)

    assert state is not None
    assert (state.branch, state.problem) == (None, "")


def test_finds_the_version_tag_of_this_commit(repo: Path) -> None:
    for tag in ("v1.9.0", "v1.10.0", "v1.10.0-rc.1", "nightly", "web@2.0.0"):
        run(repo, "tag", tag)

    state = git.read(repo)

    assert state is not None
    assert state.tag == "v1.10.0"


def test_a_tag_below_describes_the_commit_but_is_not_its_tag(repo: Path) -> None:
    run(repo, "tag", "-a", "-m", "x", "v1.2.0")
    run(repo, "tag", "newer-but-no-version")
    sha = commit(repo, "b")

    state = git.read(repo)

    assert state is not None
    assert state.tag is None
    assert git.describe(repo) == f"v1.2.0-1-g{sha[:7]}"


def test_without_tags_there_is_nothing_to_describe(repo: Path) -> None:
    assert git.describe(repo) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
def test_says_what_to_do_about_a_repository_of_another_user(repo: Path) -> None:
    for path in (repo, repo / ".git"):
        os.chown(path, 4242, 4242)

    state = git.read(repo)

    assert state is not None
    assert (state.commit_sha, state.dirty) == (None, False)
    assert state.problem.endswith(f"git config --global --add safe.directory {repo}")


def test_a_broken_repository_is_said(repo: Path) -> None:
    (repo / ".git" / "index").write_bytes(b"not an index")

    state = git.read(repo)

    assert state is not None
    assert state.problem.startswith("git status: ")


def test_a_git_that_hangs_is_stopped(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "DEADLINE_S", 0.1)

    assert git.read(repo) == GitState(problem="git status did not answer within 0.1 s")


def test_a_hook_s_own_repository_is_not_mistaken_for_the_project_s(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")

    state = git.read(repo)

    assert state is not None
    assert (state.problem, state.commit_sha) == ("", run(repo, "-C", str(repo), "--git-dir=.git", "rev-parse", "HEAD"))


def test_reading_changes_nothing(repo: Path) -> None:
    (repo / "app.py").write_text("app.py")  # a new time with the old contents: git would refresh its index
    before = {path: path.stat().st_mtime_ns for path in (repo / ".git").rglob("*")}

    git.read(repo)

    assert {path: path.stat().st_mtime_ns for path in (repo / ".git").rglob("*")} == before


def test_asks_git_twice_at_most(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    counting = tmp_path / "bin" / "git"
    counting.parent.mkdir()
    counting.write_text(f'#!/bin/sh\necho >> "{tmp_path}/count"\nexec {real} "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counting.parent}:{os.environ['PATH']}")

    git.read(repo)

    assert (tmp_path / "count").read_text() == "\n" * 2


def test_knows_who_commits_here(repo: Path) -> None:
    assert git.user(repo) is None
    run(repo, "config", "user.email", "bob@example.com")
    assert git.user(repo) == "bob@example.com"
    run(repo, "config", "user.name", "Bob Ünal")
    assert git.user(repo) == "Bob Ünal"


def test_the_commits_between_two_are_those_that_only_the_later_one_has(repo: Path) -> None:
    good = commit(repo, "good.py")
    later = [commit(repo, f"{number}.py") for number in range(3)]

    found, problem = git.commits_between(repo, good, later[-1], 2)

    assert ([sha for sha, *_ in found], problem) == (later[:0:-1], "")
    assert all(datetime.fromisoformat(time).utcoffset() is not None for _, time, *_ in found)
    assert git.commits_between(repo, later[-1], good, 9) == ([], "")


def test_what_is_no_commit_is_never_given_to_git(repo: Path) -> None:
    found, problem = git.commits_between(repo, "--output=stolen", commit(repo, "good.py"), 9)

    assert (found, "are no commits" in problem) == ([], True)
    assert not (repo / "stolen").exists()


def test_commits_that_git_cannot_tell_are_said_to_be_unknown(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()

    missing = git.commits_between(repo, "a" * 40, commit(repo, "good.py"), 9)
    without = git.commits_between(tmp_path / "elsewhere", "a" * 40, "b" * 40, 9)

    assert missing[0] == [] and missing[1].startswith("git log: ")
    assert without == ([], "there is no git repository here")
