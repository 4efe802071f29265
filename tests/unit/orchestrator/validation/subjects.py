"""Real small projects to validate: files on disk, the real configuration, and real programs (or strict stand-ins on PATH)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.adapters.query import SubprocessQuery
from orchestrator.config import parse, resolve
from orchestrator.domain.plan import Slot
from orchestrator.services.ports import SourceFacts
from orchestrator.targets import registry
from orchestrator.targets.base import CommandResult
from orchestrator.validation.base import Subject
from tests.contract.harness import plain_tools

LOCAL = {"local": {"config": {"path": "../releases", "source": "public"}}}
TOOLS = Path(sys.executable).parent


class Runs:
    """Runs for real, in the project, and remembers what."""

    def __init__(self, project: Path) -> None:
        self.argvs: list[tuple[str, ...]] = []
        self._query = SubprocessQuery(project)

    def __call__(
        self, argv: Sequence[str], *, timeout_s: float = 600.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        self.argvs.append(tuple(argv))
        return self._query(argv, timeout_s=min(timeout_s, 60.0), cwd=cwd, env=env)


def files(project: Path, contents: Mapping[str, str]) -> None:
    """Write *contents*, by path in the project."""
    for name, content in contents.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def subject(
    project: Path,
    *,
    validation: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] = LOCAL,
    target: str = "",
    sizes: Mapping[str, int] | None = None,
    version: str = "1.2.0",
) -> Subject:
    """The first of *targets*, in the environment `staging`, of the project in the directory *project*."""
    document = {
        "version": "1.0",
        "project_name": "shop",
        "targets": targets,
        **({"validation": validation} if validation else {}),
    }
    config = parse(json.dumps(document).encode(), "deploy.json", config_types=registry.config_type, project_dir=project)
    settings = resolve(config, target or next(iter(targets)), "staging")
    tools = plain_tools(project, Slot("shop", "staging", settings.name), None, ())
    made = registry.create("local", settings.config, settings, tools) if settings.kind == "local" else None
    return Subject(
        project_dir=project,
        config=config,
        settings=settings,
        target=made,  # type: ignore[arg-type] - of the other kinds, no check of these scopes asks the target
        facts=SourceFacts(version=version, version_source="--version", commit_sha=None, commit_time=None, dirty=False),
        version=version,
        run=Runs(project),
        elsewhere=lambda _: {},
        sizes=sizes or {},
    )


def ran(checked: Subject) -> list[tuple[str, ...]]:
    """Every argument list that was run for *checked*, in order."""
    assert isinstance(checked.run, Runs)
    return checked.run.argvs


def stand_in(
    directory: Path,
    name: str,
    *,
    expects: Sequence[str] = (),
    says: str = "",
    others: Mapping[str, str] | None = None,
    code: int = 0,
    error: str = "",
) -> None:
    """A program *name* in *directory* that says what the real one's documentation shows.

    Strict: it refuses unless every one of *expects* is among its arguments. The file that follows an ``--output`` gets the text
    instead of standard output; *others* says something else where one of its keys is an argument.
    """
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / name
    program.write_text(
        f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n"  # a first line cannot name a path with a blank
        "import sys\n"
        f"expects, says, code, error = {list(expects)!r}, {says!r}, {code}, {error!r}\n"
        "missing = [word for word in expects if word not in sys.argv]\n"
        "if missing:\n    sys.exit(f'unexpected arguments: {sys.argv[1:]}, without {missing}')\n"
        f"for word, other in {dict(others or {})!r}.items():\n    says = other if word in sys.argv else says\n"
        "if '--output' in sys.argv:\n    open(sys.argv[sys.argv.index('--output') + 1], 'w').write(says)\n"
        "else:\n    sys.stdout.write(says)\n"
        "sys.stderr.write(error)\nsys.exit(code)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)


def path_of(*directories: Path) -> str:
    """A value for PATH with nothing but *directories*."""
    return os.pathsep.join(str(directory) for directory in directories)
