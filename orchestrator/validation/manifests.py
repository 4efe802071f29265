"""Check `manifests`: the cluster would take the manifests of a Kubernetes target.

Asks the target's own cluster by a server-side dry run, which changes nothing. Without kubectl, without a cluster that answers and
without the right to ask it is a SKIP; nothing is guessed from the files alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator.domain.paths import checked_input_path
from orchestrator.domain.quoting import csv_field
from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult, QueryTimeout
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import counted, last_words, one_line

DEADLINE_S = 60.0
_UNREACHABLE = re.compile(
    r"Unable to connect to the server|connection refused|connection to the server|no such host|i/o timeout|TLS handshake"
    r"|deadline exceeded|no configuration has been provided|context .* does not exist|current-context is not set"
    r"|stat .*kubeconfig|error loading config|ServiceUnavailable",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(r"\(Forbidden\)|\(Unauthorized\)|must be logged in|provide credentials", re.IGNORECASE)


def look(subject: Subject) -> Found:
    """Raises `domain.paths.PathOutside` and `targets.base.ToolMissing`."""
    settings = subject.settings
    said = getattr(settings.config, "manifests", None) if settings.kind == "kubernetes" else None
    if not said:
        return Found(Outcome.SKIP, f"{settings.name} has no Kubernetes manifests")
    path = checked_input_path(subject.project_dir, said, settings.allow_paths, field="manifests")
    if not path.exists():
        return Found(Outcome.FAIL, f"manifests: {said} does not exist: create it, or correct deploy.json")
    config = settings.config
    argv = server_dry_run(path, context=config.context, namespace=config.namespace, kubeconfig=config.kubeconfig)
    try:
        return _judged(subject.run(argv, timeout_s=DEADLINE_S), said)
    except QueryTimeout as error:
        return Found(Outcome.SKIP, f"the cluster does not answer: {error}")


def _judged(result: CommandResult, said: str) -> Found:
    if result.ok:
        count = len([line for line in result.stdout.splitlines() if line.strip()])
        return Found(Outcome.PASS, f"the cluster would take {counted(count, 'object')} in {said}")
    if _UNREACHABLE.search(result.stderr):
        return Found(Outcome.SKIP, f"the cluster does not answer: {last_words(result)}")
    if _NOT_ALLOWED.search(result.stderr):
        return Found(Outcome.SKIP, f"the cluster may not be asked: {last_words(result)}")
    problems = [one_line(line) for line in result.stderr.splitlines() if line.strip() and not line.startswith("Warning:")]
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return Found(Outcome.FAIL, f"{problems[0] if problems else f'kubectl ended with {result.exit_code}'}{more}: correct {said}")


def server_dry_run(
    manifests: Path, *, context: str | None = None, namespace: str | None = None, kubeconfig: str | None = None
) -> Sequence[str]:
    """kubectl's own dry run of all files in *manifests*. Values stand behind ``--option=``, so that none is taken for another."""
    chosen = {"context": context, "namespace": namespace, "kubeconfig": kubeconfig}
    options = [f"--{name}={value}" for name, value in chosen.items() if value]
    return [
        "kubectl", "apply", "--dry-run=server", "--recursive", "--output=name", "--request-timeout=20s",
        *options, f"--filename={csv_field(manifests)}",
    ]  # fmt: skip
