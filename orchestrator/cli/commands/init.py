"""`pop-deploy init`: a deploy.json for what is detected here."""

from __future__ import annotations

from dataclasses import replace

import click

from orchestrator.beginning import init_surroundings
from orchestrator.cli import options
from orchestrator.cli.ui import make_ui
from orchestrator.rendering import init_report
from orchestrator.services.init import CI, AlreadyThere, Wish, init


@click.command(
    "init",
    epilog="""\b
Examples:
  pop-deploy init
  pop-deploy init --targets docker,local --primary docker
  pop-deploy init --force --ci github_actions     detect again; keeps a backup, your own keys and the history
""",
)
@click.option(
    "--project-name", type=options.one_line, metavar="NAME", help="Otherwise package.json, pyproject.toml or the directory."
)
@click.option(
    "--targets",
    type=options.one_line,
    metavar="A,B",
    help="Only these, switched on; one that is not detected gets the defaults of its kind.",
)
@click.option("--primary", type=options.one_line, metavar="NAME", help="The target that is meant when none is named.")
@click.option("--ci", type=click.Choice(list(CI)), help="What is noted for the CI system.")
@click.option("--force", is_flag=True, help="Replace a deploy.json that is there, after a backup.")
@options.project
def command(
    project_name: str | None,
    targets: str | None,
    primary: str | None,
    ci: str | None,
    force: bool,
    directory: str,
    store: str | None,
    as_json: bool,
) -> None:
    """Detect targets and write deploy.json. Asks before it replaces anything."""
    names = tuple(name.strip() for name in targets.split(",") if name.strip()) if targets is not None else None
    wish = Wish(project_name=project_name, targets=names, primary=primary, ci=ci, force=force)
    ui = make_ui(directory, store, as_json=as_json)
    around = init_surroundings(directory, store, warn=ui.warn)
    try:
        result = init(around, wish, options=ui.options)
    except AlreadyThere as there:
        if not ui.interactive or not click.confirm(f"{there.path} is there already. Replace it? A backup is kept"):
            raise
        result = init(around, replace(wish, force=True), options=ui.options)
    ui.answer(text=init_report.text(result), data=result)
