"""Who deploys, and where: `actor`, `here`, `ci`. These are facts for the record, not authentication: anybody can name anybody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.domain.errors import UsageProblem

if TYPE_CHECKING:
    from orchestrator.services.ports import Here

LONGEST_NAME = 200
GENERIC_CI = "ci"

_NAMED_BY_CI = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
_CI_SYSTEMS = {
    "GITHUB_ACTIONS": "github_actions",
    "GITLAB_CI": "gitlab_ci",
    "CIRCLECI": "circleci",
    "JENKINS_URL": "jenkins",
    "BUILDKITE": "buildkite",
    "TF_BUILD": "azure_pipelines",
    "BITBUCKET_BUILD_NUMBER": "bitbucket_pipelines",
    "TEAMCITY_VERSION": "teamcity",
    "DRONE": "drone",
    "TRAVIS": "travis",
}


def actor(option: str | None, environ: Mapping[str, str], project_dir: Path) -> str:
    """Who asks for this, as ``ann@ci-7``: a name and always this machine.

    ``--actor``, else POP_DEPLOY_ACTOR, else what the CI system says, else git's user, else the login. What is empty counts as
    not said. Git is only asked when it has to be.

    Args:
        option: ``--actor``; None when it was not given.

    Raises:
        UsageProblem: The name chosen by ``--actor`` or POP_DEPLOY_ACTOR is no text on one line. Names that others
            chose are cleaned instead.
    """
    name = (
        _chosen(option, "--actor")
        or _chosen(environ.get("POP_DEPLOY_ACTOR"), "POP_DEPLOY_ACTOR")
        or next((said for variable in _NAMED_BY_CI if (said := _cleaned(environ.get(variable)))), "")
        or _cleaned(_git_user(project_dir))
        or _cleaned(_login(environ))
    )
    return f"{name}@{host()}"


def ci(environ: Mapping[str, str]) -> str:
    """The CI system that runs us (``github_actions``), ``ci`` for one that says no more, "" for none."""
    known = next((name for variable, name in _CI_SYSTEMS.items() if environ.get(variable, "").lower() not in ("", "false")), "")
    return known or (GENERIC_CI if environ.get("CI", "").lower() in ("true", "1") else "")


def host() -> str:
    return os.uname().nodename or "unknown-host"


def here() -> Here:
    """This process, so exactly that another one can tell later whether it still lives; unknown facts are "" and 0."""
    from orchestrator.services.ports import Here

    return Here(
        host=host(),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_link("/proc/self/ns/pid"),
        pid=os.getpid(),
        start_ticks=_start_ticks(),
    )


def _chosen(name: str | None, source: str) -> str:
    if name is None or not name.strip():
        return ""
    name = name.strip()
    if not name.isprintable() or len(name) > LONGEST_NAME or name.startswith("-"):
        wanted = f"a name on one line that does not start with '-', at most {LONGEST_NAME} characters"
        raise UsageProblem(f"{source}: expected {wanted}, got {name[:60]!a}")
    return name


def _cleaned(name: str | None) -> str:
    """*name* without what could disturb a terminal or a log: control characters, changes of direction, half characters."""
    return "".join(character for character in name or "" if character.isprintable()).strip()[:LONGEST_NAME]


def _git_user(project_dir: Path) -> str | None:
    from orchestrator.adapters import git

    return git.user(project_dir)


def _login(environ: Mapping[str, str]) -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container started with a bare number as its user
        return environ.get("LOGNAME") or environ.get("USER") or f"uid-{os.getuid()}"


def _start_ticks() -> int:
    # The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
    fields = _first_line("/proc/self/stat").rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # a system without /proc: the facts are unknown, which is what "" says
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
