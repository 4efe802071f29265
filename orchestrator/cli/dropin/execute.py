"""`scripts/execute_deployment.py`: prepare, execute and verify for callers of the deploy skill's script of that name.

stdout is exactly one JSON document. What the old script could not express (a rule that refuses, a slot that is held, an open
question) is exit 1 with the reason as JSON on stderr. Being called with ``--mode deploy`` is that caller's confirmation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eventstore.errors import EventStoreError
from orchestrator.bootstrap import NoStore, load_config, open_reader, open_workspace, project_facts
from orchestrator.cli import driving, errors, urls
from orchestrator.cli.dropin.streams import Stop, emit, head, run
from orchestrator.cli.evidence import evidence
from orchestrator.cli.options import Mode, one_line
from orchestrator.cli.ui import Ui
from orchestrator.config import ConfigError, ProjectConfig, UnknownTarget, default_target, environment_name, resolve
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import IllegalTransition, NothingLive, PopDeployError
from orchestrator.domain.plan import Mode as PlanMode
from orchestrator.domain.plan import Slot
from orchestrator.domain.versions import checked_version
from orchestrator.projections import deploy_history, releases
from orchestrator.projections.command_results import verify_result
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.rendering.json_output import document
from orchestrator.rendering.progress import SilentProgress
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent
from orchestrator.services.planning import open_target
from orchestrator.services.request import Wish
from orchestrator.services.validation_gate import Evidence
from orchestrator.services.verify import verify_again, what_is_live


@click.command("execute_deployment", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dir", "directory", default=".", show_default=True, help="The project.")
@click.option("--action", type=click.Choice(["prepare", "execute", "verify"]), default="prepare", show_default=True)
@click.option("--target", help="Otherwise the primary, or the only enabled one.")
@click.option("--environment")
@click.option("--mode", type=Mode(), default="dry_run", show_default=True)
@click.option("--version")
@click.option("--override-freeze", is_flag=True, help="Deploy although the environment is frozen; needs --reason.")
@click.option("--validation-report", metavar="FILE", help="A validation report that was made elsewhere.")
@click.option("--accept-warnings", is_flag=True, help="Deploy although the validation has warnings; needs --reason.")
@click.option("--reason", default="", type=one_line, help="Why; recorded.")
def command(
    directory: str,
    action: str,
    target: str | None,
    environment: str | None,
    mode: str,
    version: str | None,
    override_freeze: bool,
    validation_report: str | None,
    accept_warnings: bool,
    reason: str,
) -> int:
    """Prepare, execute or verify a deployment; one JSON document on stdout."""
    if override_freeze and not reason:
        raise click.UsageError("--override-freeze needs a --reason")
    if accept_warnings and not reason:
        raise click.UsageError("--accept-warnings needs a --reason")
    if not Path(directory).is_dir():
        raise Stop({"error": f"Directory not found: {directory}"})
    try:
        config = load_config(directory)
    except ConfigError as error:
        raise Stop({"operation": f"deploy_{action}", "success": False, "error": str(error)}) from error
    slot = _slot(config, action, directory, target, environment)
    try:
        if action == "prepare":
            return _prepare(directory, config, slot, version)
        if action == "execute":
            said = evidence(validation_report, accept_warnings=accept_warnings, reason=reason)
            consent = _consent(PlanMode(mode), reason, said, override_freeze=override_freeze)
            return _execute(directory, slot, PlanMode(mode), version, consent)
        return _verify(directory, slot)
    except (PopDeployError, EventStoreError, OSError) as error:
        raise Stop(_refusal(action, str(error))) from error


def _slot(config: ProjectConfig, action: str, directory: str, target: str | None, environment: str | None) -> Slot:
    """The target that is meant; a problem goes to the stream where the old script said it."""
    try:
        where = environment_name(config, environment, os.environ)
        name = target or default_target(config, where)
        if name is None:
            raise Stop(_refusal(action, "several targets are enabled and none is primary: name one with --target"))
        resolve(config, name, where)
    except UnknownTarget as error:
        said = {**head("prepare_deployment", directory), "success": False, "error": str(error)}
        raise Stop(said, stderr=False) if action == "prepare" else Stop(_refusal(action, str(error))) from error
    except PopDeployError as error:
        raise Stop(_refusal(action, str(error))) from error
    return Slot(config.project_name, where, name)


def _refusal(action: str, message: str, **more: Any) -> dict[str, Any]:
    return {"operation": f"deploy_{action}", "success": False, "error": message, **more}


def _prepare(directory: str, config: ProjectConfig, slot: Slot, version: str | None) -> int:
    """What is known before a deployment. Reads only: nothing is recorded."""
    facts = project_facts(directory)
    last, reference = _before(directory, config, slot)
    emit(
        {
            **head("prepare_deployment", directory),
            "success": True,
            "target": slot.target,
            "environment": slot.environment,
            "target_config": dict(config.targets[slot.target]),
            "version": checked_version(version) if version else facts.version,
            "commit_sha": facts.commit_sha,
            "last_deployment": last,
            "rollback_version": reference,
            "project_name": config.project_name,
            "ci_provider": config.ci_provider,
        }
    )
    return errors.DONE


def _before(directory: str, config: ProjectConfig, slot: Slot) -> tuple[Mapping[str, Any] | None, str | None]:
    """The newest record of the target, and the version that a rollback would bring back."""
    try:
        reader = open_reader(directory, os.environ.get("POP_DEPLOY_STORE"))
    except NoStore:
        records, reference = [record for record in config.history if isinstance(record, dict)], None
    else:
        records, reference = deploy_history.records(reader, slot.project), releases.reference(reader, slot)
        reader.close()
    last = next((record for record in records if record.get("target") == slot.target), None)
    if reference is not None:
        return last, reference.version
    good = next((r for r in records if r.get("target") == slot.target and r.get("status") == "success"), None)
    return last, str(good["version"]) if good and good.get("version") else None


def _consent(mode: PlanMode, reason: str, said: Evidence, *, override_freeze: bool) -> Consent:
    why = reason or f"called with --mode {mode}"
    return Consent(yes=mode.live, how="script", reason=why, override_freeze=override_freeze, evidence=said, begun_here=True)


def _execute(directory: str, slot: Slot, mode: PlanMode, version: str | None, consent: Consent) -> int:
    ui = Ui(as_json=True, interactive=False, progress=SilentProgress(), options=())
    store = os.environ.get("POP_DEPLOY_STORE")
    wish = Wish(target=slot.target, environment=slot.environment, version=version, mode=mode)
    with open_workspace(directory, store, actor=None, narrator=ui.progress) as workspace:
        publish_history(workspace)
        journal = driving.begin(workspace, wish)
        done = driving.drive(workspace, journal, consent, ui)
    if done.error is not None:
        raise Stop(_refusal("execute", str(done.error), deployment_id=done.result.deployment_id, next=list(done.result.next)))
    emit({**head("execute_deployment", directory), **_report(done.result, _tags(journal.deployment))})
    return errors.DONE if done.result.success else errors.FAILED


def _report(result: DeploymentResult, tags: list[str]) -> dict[str, Any]:
    """Our whole report with the old script's keys: one of `error` and `message`, the image without its tag."""
    report = document(result)
    said = report.pop("error")
    image = report.pop("image")
    if image is not None:
        report |= {"image": _untagged(image), "tags": tags}
    if said is not None:
        return {**report, "error": said["message"], "error_step": said["step"], "trace": said["trace"]}
    done = "Simulated: nothing was changed" if result.dry_run else f"{result.version} is live on {result.target}"
    return {**report, "message": done}


def _untagged(image: str) -> str:
    """``registry:5000/shop/web:1.2.0`` -> ``registry:5000/shop/web``."""
    path, slash, name = image.rpartition("/")
    return f"{path}{slash}{name.partition(':')[0]}"


def _tags(deployment: Deployment) -> list[str]:
    """What the image was tagged with, as the last step that did so says."""
    tagged = [data["tags"] for data in deployment.outcomes().values() if data.get("tags")]
    return [str(tag) for tag in tagged[-1]] if tagged else []


def _verify(directory: str, slot: Slot) -> int:
    """Checks of what is live. Healthy is never true when every check was skipped."""
    store = os.environ.get("POP_DEPLOY_STORE")
    with open_workspace(directory, store, actor=None, narrator=SilentProgress()) as workspace:
        try:
            journal = what_is_live(workspace, slot)
            settings, target = open_target(workspace, journal.deployment)
            verify_again(workspace, journal, settings, target)
        except (NothingLive, IllegalTransition) as refused:
            unknown = "fail" if releases.live_slots(workspace.store, slot) else "skip"
            emit({**head("verify_deployment", directory), **_not_asked(slot, unknown, str(refused))})
            return errors.FAILED
        publish_history(workspace)
        url = urls.of_deployment(workspace, journal.deployment)
        result = verify_result(journal.deployment, deploy_url=url)
    emit({**head("verify_deployment", directory), **document(result)})
    return errors.DONE if result.healthy else errors.FAILED


def _not_asked(slot: Slot, status: str, message: str) -> dict[str, Any]:
    """Nothing is live (skip), or nobody knows what is (fail): neither is healthy."""
    check = {"name": "release", "status": status, "message": message}
    return {"target": slot.target, "checks": [check], "passed": 0, "total": 1, "healthy": False}


def main() -> None:
    run(command)
