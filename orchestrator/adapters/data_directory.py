"""Where our files lie: the one function that decides the data directory, for reading and for writing.

Not here: what is in those files. Start at `data_directory`. Only `os` is imported at import time, because `history` comes
through here and has to start as fast as the interpreter allows.
"""
# pathlib takes 8 ms to import, a fifth of what `history` may take:
# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH112, PTH114, PTH116, PTH117, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.domain.errors import PopDeployError

Path = str | os.PathLike[str]

PLUGIN_DATA = "CLAUDE_PLUGIN_DATA"
DEPLOY_JSON = "deploy.json"
EVENTS_DB = "events.db"
INCIDENTS = "incidents"
AUDIT_KEY = "audit.key"
LOCKS = "locks"


class DirectoryUnusable(PopDeployError):
    """A directory of ours cannot be made, or belongs to somebody else."""


def data_directory(project_dir: Path = ".", environ: Mapping[str, str] | None = None) -> str:
    """The data directory of the project in *project_dir*, absolute; it need not exist.

    ``$CLAUDE_PLUGIN_DATA`` if it is set and not empty, else ``DIR/.claude/popkit``. Reads nothing, creates nothing.
    """
    chosen = (os.environ if environ is None else environ).get(PLUGIN_DATA)
    return os.path.abspath(chosen or os.path.join(project_dir, ".claude", "popkit"))


def deploy_json(data_dir: Path) -> str:
    """Configuration, and the projected history."""
    return os.path.join(data_dir, DEPLOY_JSON)


def events_db(data_dir: Path) -> str:
    """The store, unless ``--store`` or ``POP_DEPLOY_STORE`` puts it elsewhere."""
    return os.path.join(data_dir, EVENTS_DB)


def audit_key(data_dir: Path) -> str:
    """The private key that signs heads, unless deploy.json names another."""
    return os.path.join(data_dir, AUDIT_KEY)


def incidents_directory(data_dir: Path) -> str:
    return os.path.join(data_dir, INCIDENTS)


def locks_directory(data_dir: Path) -> str:
    """Lock files; they are never unlinked."""
    return os.path.join(data_dir, LOCKS)


def ensure_private(path: Path) -> str:
    """Make the directory *path* with mode 0700 if it is missing, and return it.

    Missing parents get the usual mode: ``.claude`` belongs to other tools too. A directory that exists keeps its mode, since a
    team may share its data directory on purpose.

    Raises:
        DirectoryUnusable: It cannot be made, or something else stands there.
    """
    text = os.fspath(path)
    if os.path.isdir(text):
        return text
    try:
        os.makedirs(os.path.dirname(os.path.abspath(text)), exist_ok=True)
        os.mkdir(text, 0o700)
    except OSError as error:
        if os.path.isdir(text):  # somebody else was faster
            return text
        raise DirectoryUnusable(f"{text}: cannot make this directory: {error.strerror} ({error.filename}).") from error
    return text


def attempts_directory(store: str, project_dir: Path = ".", environ: Mapping[str, str] | None = None) -> str:
    """Where the attempts of steps of *store* keep their private files; made with 0700 when missing.

    ``$XDG_RUNTIME_DIR/pop-deploy/attempts-<hash>`` when that directory exists and is ours, else the same below the state
    directory (``$XDG_STATE_HOME``, ``~/.local/state``), else below the system's temporary directory. Never inside the project:
    what a step prints must not end up in a build context.

    Args:
        store: Path of the SQLite file, or a URL.

    Raises:
        DirectoryUnusable: It cannot be made, or it belongs to another user.
    """
    import hashlib

    name = store if "://" in store else os.path.realpath(store)
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    base = _attempts_base(os.environ if environ is None else environ, os.path.realpath(project_dir))
    ensure_private(os.path.dirname(base))  # as the XDG specification wants it
    _ensure_ours(base)
    return _ensure_ours(os.path.join(base, f"attempts-{digest}"))


def _attempts_base(environ: Mapping[str, str], project_dir: str) -> str:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _usable_runtime(runtime) and not _inside(runtime, project_dir):
        return os.path.join(runtime, "pop-deploy")
    state = _state_directory(environ)
    if state and not _inside(state, project_dir):
        return os.path.join(state, "pop-deploy")
    import tempfile

    return os.path.join(tempfile.gettempdir(), f"pop-deploy-{os.geteuid()}")


def _usable_runtime(path: str) -> bool:
    # After `su` or in a container the variable often names another user's directory, or one that was never made.
    try:
        found = os.stat(path)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and os.access(path, os.W_OK | os.X_OK)


def _state_directory(environ: Mapping[str, str]) -> str | None:
    state = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        return state
    home = environ.get("HOME") or _home()
    return os.path.join(home, ".local", "state") if os.path.isabs(home) and os.path.isdir(home) else None


def _home() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:  # a container started with a bare number as its user
        return ""


def _inside(path: str, parent: str) -> bool:
    return os.path.commonpath((os.path.realpath(path), parent)) == parent


def _ensure_ours(path: str) -> str:
    # Somebody else may have made it first in a shared temporary directory, as a link or readable to all.
    ensure_private(path)
    found = os.lstat(path)
    if os.path.islink(path) or found.st_uid != os.geteuid():
        raise DirectoryUnusable(f"{path}: belongs to user {found.st_uid} or is a link; it holds private output. Remove it.")
    if found.st_mode & 0o077:
        os.chmod(path, 0o700)
    return path
