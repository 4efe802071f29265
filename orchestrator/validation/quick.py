"""The checks of the scope `quick`: what can be said of configuration, version, git, tools and target in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from orchestrator.domain.errors import PopDeployError, UsageProblem
from orchestrator.domain.readiness import Outcome
from orchestrator.domain.versions import checked_version
from orchestrator.targets.base import CheckStatus, ForeignResource
from orchestrator.validation.base import Found, Subject

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "docker": ("docker",),
    "swarm": ("docker",),
    "kubernetes": ("kubectl",),
    "npm": ("npm",),
    "pypi": (),
    "github_releases": (),
    "vercel": (),
    "netlify": (),
    "local": (),
    "fake": (),
}
"""Kind of target to the programs that it cannot do without."""


def config(subject: Subject) -> Found:
    """That deploy.json is right was found out when it was read: a mistake ends the command before any other check."""
    names = ", ".join(subject.config.targets)
    return Found(Outcome.PASS, f"{subject.config.file} is valid; targets: {names}")


def target_config(subject: Subject) -> Found:
    """What the target's configuration names is here: secrets, and the files that are deployed."""
    settings = subject.settings
    if not settings.enabled:
        return Found(Outcome.FAIL, f"targets.{settings.name}.enabled is false: set it to true, or name another target")
    missing = list(subject.missing_secrets())
    missing += [f"{path} does not exist" for path in subject.target.input_paths() if not path.exists()]
    if missing:
        return Found(Outcome.FAIL, f"targets.{settings.name}: {'; '.join(missing)}")
    if settings.health_check is None:
        return Found(Outcome.PASS, f"targets.{settings.name} is complete (without a health check: its own evidence has to do)")
    return Found(Outcome.PASS, f"targets.{settings.name} is complete")


def version(subject: Subject) -> Found:
    """The version can be one everywhere, and was not made of another commit before."""
    try:
        checked_version(subject.version, "version")
    except UsageProblem as problem:
        return Found(Outcome.FAIL, str(problem))
    commit = subject.facts.commit_sha
    others = {where: sha for where, sha in subject.elsewhere(subject.version).items() if sha is not None and sha != commit}
    if others and commit is not None:
        shown = ", ".join(f"{where} ({sha[:12]})" for where, sha in sorted(others.items()))
        return Found(
            Outcome.FAIL,
            f"{subject.version} was deployed of another commit: {shown}; this is {commit[:12]}. Give it a new version",
        )
    return Found(
        Outcome.PASS, f"{subject.version}" + (f" ({subject.facts.version_source})" if subject.facts.version_source else "")
    )


def git_clean(subject: Subject) -> Found:
    """The working tree is what its commit says; our own data directory does not count."""
    facts = subject.facts
    if facts.problem:
        return Found(Outcome.SKIP, facts.problem)
    if facts.commit_sha is None:
        return Found(Outcome.SKIP, "no git repository with a commit: nothing says later what was deployed")
    if not facts.dirty:
        return Found(Outcome.PASS, f"clean at {facts.commit_sha[:12]}")
    needed = subject.settings.rules.requires_validation
    said = "the working tree has changes that are in no commit: commit or stash them"
    return Found(Outcome.FAIL if needed else Outcome.WARN, said)


def tools(subject: Subject) -> Found:
    """The programs that this kind of target needs are on PATH."""
    kind = subject.settings.kind
    wanted = PROGRAMS.get(kind, ())
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        return Found(Outcome.FAIL, f"{', '.join(missing)} is not on PATH, and {kind} needs it: install it")
    return Found(Outcome.PASS, f"{', '.join(wanted)} found" if wanted else f"{kind} needs no program")


def target(subject: Subject) -> Found:
    """What the target itself asks before a deployment: access, engine, free ports. One that does not answer proves nothing."""
    try:
        answers = list(subject.preflight())
    except ForeignResource as foreign:
        return Found(Outcome.FAIL, str(foreign))
    except PopDeployError as problem:
        return Found(Outcome.SKIP, f"could not be asked: {problem}")
    for status in (CheckStatus.FAIL, CheckStatus.WARN):
        found = [f"{check.name}: {check.message}" for check in answers if check.status is status]
        if found:
            return Found(Outcome(status), "; ".join(found))
    passed = [check.name for check in answers if check.status is CheckStatus.PASS]
    if not passed:
        return Found(Outcome.SKIP, "the target has nothing that could be asked")
    return Found(Outcome.PASS, f"ready: {', '.join(passed)}")
