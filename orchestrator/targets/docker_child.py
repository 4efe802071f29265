"""Running one changing docker command of a step: `docker`. Everything that changes anything goes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.domain.settings import Value
from orchestrator.targets.base import CommandResult, StepError, StepRun
from orchestrator.targets.docker_errors import explain, tail


def docker(
    run: StepRun,
    argv: Sequence[str],
    *,
    name: str,
    cwd: Path,
    env: Mapping[str, Value] | None = None,
    effect: bool = True,
) -> CommandResult:
    """Run *argv* as the child *name* of the step.

    Args:
        effect: What a failure's `StepError` shall say: False when the target is unchanged by the step until here.

    Raises:
        StepError: It failed; the message says why and ends with the real output's tail.
    """
    result = run.command(argv, name=name, cwd=cwd, env=env, check=False)
    if not result.ok:
        raise failure(result, effect=effect)
    return result


def failure(result: CommandResult, *, effect: bool) -> StepError:
    """The error of a command that ended with a non-zero exit code."""
    output = everything(result)
    return StepError(explain(result.argv, output), exit_code=result.exit_code, output_tail=tail(output), effect=effect)


def everything(result: CommandResult) -> str:
    """All that the command printed. A recorded child's stdout has its stderr in it, in the order it came."""
    stderr = result.stderr.strip()
    return result.stdout if stderr in result.stdout else f"{result.stdout}\n{stderr}"
