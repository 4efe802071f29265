"""`pop-deploy completion SHELL`: the script that makes a shell complete. What is completed: `cli/completing.py`."""

from __future__ import annotations

import click

from orchestrator.cli import options, reading

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_POP_DEPLOY_COMPLETE"


@click.command(
    "completion",
    epilog="""\b
Examples:
  pop-deploy completion bash > ~/.local/share/bash-completion/completions/pop-deploy
  pop-deploy completion zsh > ~/.zfunc/_pop-deploy
  pop-deploy completion fish > ~/.config/fish/completions/pop-deploy.fish
""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@options.project
@click.pass_context
def command(ctx: click.Context, shell: str, directory: str, store: str | None, as_json: bool) -> None:
    """Print the script that completes commands, options, targets, environments and deployment IDs in a shell.

    Put it where the shell looks for such scripts (see the examples), and open a new shell.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of SHELLS
    # Not kind.source(): that of bash starts a bash to look at its version.
    script = ShellComplete.source(kind(ctx.find_root().command, {}, "pop-deploy", VARIABLE))
    reading.answer(as_json=as_json, text=lambda: f"{script.strip()}\n", data=lambda: {"shell": shell, "script": script})
