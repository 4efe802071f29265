"""What git says about a project: `read`, and `describe` where a version is wanted. Reads only, at most two processes for `read`.

A project without git is no error, and neither is a machine without it. What git refuses to say (a repository of another user, a
broken index) is `GitState.problem`, not silence. Nothing is ever written: no index refresh, no fetch, no daemon.

Nothing that a repository names is run either, for it may be anybody's: no file monitor, hook, filter, signature check, transport
or alias of its own configuration, none of its submodules', and no bare repository that lies among its files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

DEADLINE_S = 30.0
"""For one git process. A status of a large repository on a cold disc takes seconds."""

# Set where git itself starts us, in a hook: they would point every question at the hook's repository. (`git rev-parse
# --local-env-vars` lists them; what they say about the configuration is the caller's, not the repository's, and stays.)
_OF_A_HOOK = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_READ_ONLY = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",  # known to git 2.45 and later; before that it would fetch, over no protocol:
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# What the command line says wins over the repository's own configuration.
_HARMLESS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.alternateRefsCommand": "false",
    "gpg.program": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
}
_OWN_SCOPES = ("local", "worktree")
# The usual place of our data, in every project of a repository: what we write must never make one dirty.
_DATA = (":(top,exclude,glob)**/.claude/popkit", ":(top,exclude,glob)**/.claude/popkit/**")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION_TAG = re.compile(r"v?(\d+(?:\.\d+)*)(.*)")


class GitState(NamedTuple):
    """The commit a project stands on.

    Attributes:
        commit_sha: Full; None before the first commit, or with a *problem*.
        dirty: The commit does not have all that lies in the working tree of the whole repository (ignored files and our own data
            do not count): changed, staged or new files. Of a submodule only another commit counts: to look into it, git would
            start another git there.
        branch: None when no branch is checked out.
        tag: A tag of this very commit that reads as a version (``v1.2.0``); of several the highest.
        committed_at: ISO 8601 with offset.
        problem: Why git did not answer, and what to do; "" when it did.
    """

    commit_sha: str | None = None
    dirty: bool = False
    branch: str | None = None
    tag: str | None = None
    committed_at: str | None = None
    problem: str = ""


class _Refused(Exception):
    """Git did not answer; the message is for `GitState.problem`, *status* its exit code where it ended by itself."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def read(project_dir: Path, ignore: Path | None = None) -> GitState | None:
    """The state of the repository that *project_dir* is in (or below); None when it is in none.

    Args:
        ignore: Our data directory, which never makes a project dirty; it may lie anywhere.
    """
    top = top_level(project_dir)
    if top is None:
        return None
    try:
        headers, dirty = _status(project_dir, _excluded(top, project_dir, ignore), _own_filters(project_dir, top))
        commit = headers.get("branch.oid", "")
        if commit in ("", "(initial)"):
            return GitState(dirty=dirty, branch=headers.get("branch.head"))
        committed_at, tags = _commit(project_dir)
    except _Refused as refused:
        return None if "not a git repository" in str(refused) else GitState(problem=str(refused))
    branch = headers.get("branch.head")
    return GitState(
        commit_sha=commit,
        dirty=dirty,
        branch=None if branch == "(detached)" else branch,
        tag=highest_version_tag(tags),
        committed_at=committed_at,
    )


def describe(project_dir: Path) -> str | None:
    """The commit by the nearest version tag below it (``v1.2.0-3-g1a2b3c4``: three commits after it); None without one."""
    try:
        return _git(project_dir, "describe", "--tags", "--match", "v[0-9]*", "--match", "[0-9]*").strip() or None
    except _Refused:
        return None


def commits_between(project_dir: Path, good: str, bad: str, limit: int) -> tuple[list[tuple[str, str, str, str]], str]:
    """The commits that *bad* has and *good* has not, newest first, at most *limit*.

    Returns:
        Of each: full SHA, ISO 8601 time with offset, author, first line of the message. And why git did not answer, or "".
    """
    if not (_SHA.fullmatch(good) and _SHA.fullmatch(bad)):
        return [], f"{good!a}..{bad!a} are no commits"
    if top_level(project_dir) is None:
        return [], "there is no git repository here"
    question = ("log", f"--max-count={limit}", "--no-show-signature", "--no-color", "-z", "--format=%H%x01%cI%x01%an%x01%s")
    try:
        said = _git(project_dir, *question, f"{good}..{bad}", "--")
    except _Refused as refused:
        return [], str(refused)
    fields = (entry.split("\x01", 3) for entry in said.split("\0") if entry)
    return [(sha, time, author, subject) for sha, time, author, subject in fields], ""


def user(project_dir: Path) -> str | None:
    """Who commits here: ``user.name``, else ``user.email``; None when git does not know, or is not there."""
    try:
        listed = _git(project_dir, "config", "-z", "--get-regexp", r"^user\.(name|email)$")
    except _Refused:
        return None
    found = dict(entry.partition("\n")[::2] for entry in listed.split("\0") if entry)
    return found.get("user.name") or found.get("user.email") or None


def top_level(directory: Path) -> Path | None:
    """The working tree that *directory* belongs to, found without asking git; links are followed."""
    try:
        resolved = directory.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return None
    if not resolved.is_dir():
        return None
    return next((path for path in (resolved, *resolved.parents) if os.path.lexists(path / ".git")), None)


def highest_version_tag(tags: list[str]) -> str | None:
    """Of *tags* the one with the highest version; a final release is higher than its candidates."""
    versions = [(tag, match) for tag in tags if (match := _VERSION_TAG.fullmatch(tag))]
    return max(versions, key=lambda pair: _order(pair[1]), default=(None, None))[0]


def _order(match: re.Match[str]) -> tuple[list[int], bool, str]:
    numbers, rest = match.groups()
    return [int(number) for number in numbers.split(".")], not rest, rest


def _status(project_dir: Path, excluded: list[str], switched_off: dict[str, str]) -> tuple[dict[str, str], bool]:
    """The headers, and whether there is any entry."""
    options = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--no-renames", "--untracked-files=normal", "-z")
    question = ("status", *options, "--ignore-submodules=dirty", "--", ":(top)", *excluded)
    entries = [entry for entry in _git(project_dir, *question, settings=switched_off).split("\0") if entry]
    headers = [entry for entry in entries if entry.startswith("# ")]
    return dict(header[2:].partition(" ")[::2] for header in headers), len(entries) > len(headers)


def _own_filters(project_dir: Path, top: Path) -> dict[str, str]:
    """Settings that switch off every filter program of the repository's own configuration; those of the user's own stay.

    Git runs them (``clean``, ``process``) to compare a file with what was committed. A file that they change counts as changed.
    """
    if not _may_have_filters(top / ".git"):
        return {}
    question = ("config", "-z", "--show-scope", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$")
    try:
        said = _git(project_dir, *question).split("\0")
    except _Refused as refused:
        if refused.status == 1:  # no such setting
            return {}
        raise
    own = [name for scope, name in zip(said[::2], said[1::2], strict=False) if scope in _OWN_SCOPES]
    if odd := next((name for name in own if "=" in name), None):  # a name on the command line ends at its first =
        raise _Refused(f"git would run {odd!a} of this repository's configuration, and cannot be told not to: rename it")
    # None is "required" any more: git would rather fail than do without one that is.
    return {name: "false" if name.endswith(".required") else "" for name in own}


def _may_have_filters(git: Path) -> bool:
    """Asked of the text: git's answer costs a process. Where the configuration lies elsewhere (a worktree), git is asked."""
    if not git.is_dir():
        return True
    for name in ("config", "config.worktree"):
        try:
            text = (git / name).read_bytes().lower()
        except FileNotFoundError:
            continue
        except OSError:
            return True
        if b"filter" in text or b"include" in text:
            return True
    return False


def _commit(project_dir: Path) -> tuple[str, list[str]]:
    """When the commit was made, and its tags."""
    only_tags = ("--decorate=short", "--decorate-refs=refs/tags/*")
    said = _git(project_dir, "log", "-1", "--no-show-signature", "--no-color", *only_tags, "--format=%cI%x00%D")
    time, _, refs = said.strip().partition("\0")
    return time, [ref.removeprefix("tag: ") for ref in refs.split(", ") if ref.startswith("tag: ")]


def _excluded(top: Path, project_dir: Path, ignore: Path | None) -> list[str]:
    if ignore is None:
        return list(_DATA)
    # Git takes no pathspec outside its tree. A link in the tree is an entry of its own, so both spellings count.
    spellings = {project_dir.resolve() / ignore, ignore.resolve()}
    inside = sorted(str(path.relative_to(top)) for path in spellings if path.is_relative_to(top) and path != top)
    return [*_DATA, *(f":(top,exclude,literal){path}" for path in inside)]


def _git(project_dir: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> str:
    import subprocess

    options = [word for name, value in {**_HARMLESS, **(settings or {})}.items() for word in ("-c", f"{name}={value}")]
    argv = ["git", "--no-pager", *options, *arguments]
    environ = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK} | _READ_ONLY
    try:
        done = subprocess.run(
            argv,
            cwd=project_dir,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Refused(f"git {arguments[0]} did not answer within {DEADLINE_S:g} s") from None
    except OSError as error:
        raise _Refused(f"git cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        raise _Refused(_reason(arguments[0], done.stderr.decode(errors="replace"), project_dir), done.returncode)
    return done.stdout.decode(errors="surrogateescape")


def _reason(command: str, stderr: str, project_dir: Path) -> str:
    if "dubious ownership" in stderr:
        place = top_level(project_dir) or project_dir
        return (
            f"git does not trust {place}, which belongs to another user. "
            f"If you do: git config --global --add safe.directory {place}"
        )
    lines = [line for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    return f"git {command}: {lines[0].removeprefix('fatal: ')}"
