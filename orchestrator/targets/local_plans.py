"""The plans of a `local` target: which steps, with which inputs. Pure; `local_steps.py` does them.

A step's inputs are all that its doing depends on: a plan that was recorded means the same after the configuration has changed.
Start at `forward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.base import Request
from orchestrator.targets.local_config import LocalConfig

KIND = "local"
BUILD, RELEASE, ACTIVATE = "local.build", "local.release", "local.activate"
RESTART, STOP, PRUNE = "local.restart", "local.stop", "local.prune"


def forward(config: LocalConfig, slot: Slot, request: Request) -> Plan:
    """Build, copy, switch, restart, prune: those that are configured. A dry run has the plan of the live run."""
    run = _run(config)
    steps = [_release(config, request, run), _activate("activate", config.path, request.version)]
    if config.build is not None:
        steps.insert(0, _build(config, config.build))
    if run is not None:
        steps.append(_restart("restart", config.path, request.version, run))
    elif request.observed is not None and request.observed.detail.get("run"):
        # The configuration had a service at the last deployment and has none now: it must not outlive its release.
        steps.append(_stop("stop", config.path, request.observed.detail["run"]["drain_s"]))
    return Plan(
        target=slot.target,
        kind=KIND,
        environment=slot.environment,
        version=request.version,
        mode=Mode.DEPLOY,
        steps=(*steps, _prune(config, request)),
        release=Release(version=request.version, commit_sha=request.commit_sha, detail={"path": config.path, "run": run}),
        inputs=request.inputs,
    )


def back(failed: Plan, to: Release) -> Plan:
    """Switch to the directory of *to* again, and to its service where another one runs. The failed release is kept to look at.

    Raises:
        NothingToRollBack: *to* was not made by a target of this kind.
    """
    if "directory" not in to.detail:
        raise NothingToRollBack(f"{to.version} has no release directory to go back to. Next: pop-deploy rollback --list")
    path, run, directory = to.detail["path"], to.detail["run"], to.detail["directory"]
    steps = [_activate("rollback_activate", path, to.version, directory)]
    for left in failed.steps:
        if left.kind == RESTART and (run is None or left.inputs["path"] != path):
            steps.insert(0, _stop("rollback_stop", left.inputs["path"], left.inputs["drain_s"]))
    if run is not None:
        steps.append(_restart("rollback_restart", path, to.version, run, directory))
    timeout_s = max(step.timeout_s for step in failed.steps)  # the configured one, which only plans know
    return Plan(
        target=failed.target,
        kind=KIND,
        environment=failed.environment,
        version=to.version,
        mode=failed.mode,
        steps=tuple(replace(step, timeout_s=timeout_s) for step in steps),
        release=to,
        inputs={"leaves": failed.digest},
    )


def env_from_json(env: Mapping[str, Any]) -> dict[str, Value]:
    """The environment in a step's inputs, with its references to secrets."""
    return {name: SecretRef(**value) if isinstance(value, Mapping) else value for name, value in env.items()}


def _run(config: LocalConfig) -> dict[str, Any] | None:
    if config.run is None:
        return None
    return {"argv": list(config.run), "env": _env_to_json(config.env), "drain_s": config.drain_s}


def _env_to_json(env: Mapping[str, Value]) -> dict[str, Any]:
    return {name: value if isinstance(value, str) else value.to_json() for name, value in env.items()}


def _build(config: LocalConfig, argv: tuple[str, ...]) -> Step:
    return Step(
        name="build",
        title="Building",
        kind=BUILD,
        inputs={"argv": list(argv), "env": _env_to_json(config.env)},
        command=argv,
        repeatable=True,
        live=False,
    )


def _release(config: LocalConfig, request: Request, run: Mapping[str, Any] | None) -> Step:
    return Step(
        name="release",
        title="Copying release",
        kind=RELEASE,
        inputs={
            "path": config.path,
            "source": config.source,
            "exclude": list(config.exclude),
            "shared": list(config.shared),
            "version": request.version,
            "commit_sha": request.commit_sha,
            "run": run,
        },
        live=False,
    )


def _activate(name: str, path: str, version: str, directory: str | None = None) -> Step:
    """*directory* None: the release that this deployment has made."""
    inputs = {"path": path, "version": version, "directory": directory}
    return Step(name=name, title="Switching release", kind=ACTIVATE, inputs=inputs)


def _restart(name: str, path: str, version: str, run: Mapping[str, Any], directory: str | None = None) -> Step:
    # No `command`: a step with one is taken for a recorded child, which a service that outlives its deployment is not.
    inputs = {"path": path, "version": version, "directory": directory, **run}
    return Step(name=name, title="Restarting service", kind=RESTART, inputs=inputs)


def _stop(name: str, path: str, drain_s: float) -> Step:
    return Step(name=name, title="Stopping service", kind=STOP, inputs={"path": path, "drain_s": drain_s})


def _prune(config: LocalConfig, request: Request) -> Step:
    needed = (request.reference, request.observed)
    protect = {release.detail["directory"] for release in needed if release is not None and "directory" in release.detail}
    return Step(
        name="prune",
        title="Removing old releases",
        kind=PRUNE,
        inputs={"path": config.path, "keep": config.keep, "protect": sorted(protect)},
        repeatable=True,
        live=False,
    )
