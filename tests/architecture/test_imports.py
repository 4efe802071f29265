"""The table of imports holds, for every module and every import in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.imports import MAY_IMPORT, ROOT, forbidden, imported_by, sources

MODULES = sources()


def test_every_module_imports_only_what_the_table_allows() -> None:
    found = {module: sorted(imported_by(path, MODULES)) for module, path in MODULES.items()}

    assert [f"{module} imports {name}" for module, names in found.items() for name in names if forbidden(module, name)] == []


def test_every_package_stands_in_the_table() -> None:
    tops = {".".join(name.split(".")[:2]) for name in MODULES if name.startswith("orchestrator.")}

    assert tops <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("eventstore.sqlite", "orchestrator.domain.events"),
        ("orchestrator.domain.plan", "orchestrator.targets.base"),
        ("orchestrator.domain.plan", "transitions"),
        ("orchestrator.domain.plan", "orjson"),
        ("orchestrator.targets.local", "orchestrator.targets.docker_run"),
        ("orchestrator.targets.local", "orchestrator.targets.registry"),
        ("orchestrator.targets.base", "orchestrator.targets.docker"),
        ("orchestrator.targets.docker", "orchestrator.adapters.query"),
        ("orchestrator.projections.metrics", "orchestrator.services.execute"),
        ("orchestrator.services.execute", "orchestrator.adapters.clock"),
        ("orchestrator.services.execute", "orchestrator.targets.docker"),
        ("orchestrator.services.execute", "click"),
        ("orchestrator.adapters.clock", "orchestrator.services.execute"),
        ("orchestrator.rendering.report", "orchestrator.services.execute"),
        ("orchestrator.cli.main", "orchestrator.adapters.clock"),
        ("orchestrator.cli.main", "eventstore.sqlite"),
        ("scripts.execute_deployment", "orchestrator.services.execute"),
    ],
)
def test_the_table_forbids(importer: str, imported: str) -> None:
    assert forbidden(importer, imported)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("eventstore.sqlite", "sqlalchemy.engine"),
        ("orchestrator.domain.plan", "orchestrator.domain.errors"),
        ("orchestrator.domain.lifecycle", "transitions"),
        ("orchestrator.targets.docker_run", "orchestrator.targets.docker_run"),
        ("orchestrator.targets.local_service", "orchestrator.targets.processes"),
        ("orchestrator.targets.registry", "orchestrator.targets.docker"),
        ("orchestrator.adapters.clock", "orchestrator.services.ports"),
        ("orchestrator.bootstrap", "orchestrator.adapters.clock"),
        ("orchestrator.cli.main", "eventstore.errors"),
        ("orchestrator.rendering.live", "rich.live"),
        ("orchestrator.rendering.live", "asyncio"),
    ],
)
def test_the_table_allows(importer: str, imported: str) -> None:
    assert not forbidden(importer, imported)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_does_not_pay_for_what_it_does_not_need(arguments: list[str]) -> None:
    program = f"from orchestrator.cli.main import main; main({arguments!r})"

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "click" in loaded
    assert not loaded & {"sqlalchemy", "transitions", "rich", "msgspec", "alembic", "asyncio", "mcp"}
