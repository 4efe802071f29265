"""Who may import whom, as data, and the imports as they are. Nothing is imported to find out: the sources are read."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("eventstore", "orchestrator")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "eventstore": (),
    "orchestrator.domain": (),
    "orchestrator.targets.base": ("orchestrator.domain",),
    # Small helpers that know nothing but the standard library; any kind may use them.
    "orchestrator.targets.processes": (),
    "orchestrator.targets.service_shim": (),
    "orchestrator.targets.registry": ("orchestrator.targets", "orchestrator.domain"),
    "orchestrator.targets": (
        "orchestrator.targets.base",
        "orchestrator.targets.canary",
        "orchestrator.targets.canary_config",
        "orchestrator.targets.canary_plans",
        "orchestrator.targets.processes",
        "orchestrator.targets.service_shim",
        # Every kind that runs a container image makes it in the same way, with the same engine.
        "orchestrator.targets.image_config",
        "orchestrator.targets.image_plans",
        "orchestrator.targets.image_steps",
        "orchestrator.targets.docker_checks",
        "orchestrator.targets.docker_child",
        "orchestrator.targets.docker_cli",
        "orchestrator.targets.docker_engine",
        "orchestrator.targets.docker_errors",
        "orchestrator.targets.docker_images",
        "orchestrator.targets.docker_ports",
        "orchestrator.domain",
    ),
    "orchestrator.config": ("orchestrator.domain",),
    "orchestrator.services": (
        "orchestrator.domain",
        "orchestrator.targets.base",
        "orchestrator.targets.canary",
        "orchestrator.targets.canary_config",
        "orchestrator.targets.canary_plans",
        "orchestrator.config",
        # Read models answer what a command has to know before it decides: what is live, what is unfinished.
        "orchestrator.projections",
        "orchestrator.validation",
        "eventstore",
    ),
    "orchestrator.validation": (
        "orchestrator.domain",
        "orchestrator.config",
        "orchestrator.services.ports",
        "orchestrator.targets.base",
    ),
    "orchestrator.projections": ("orchestrator.domain", "eventstore"),
    "orchestrator.adapters": (
        # The protocols that adapters implement stand in these.
        "orchestrator.services.ports",
        "orchestrator.targets.base",
        "orchestrator.targets.canary",
        "orchestrator.targets.processes",
        "orchestrator.domain",
        "orchestrator.config",
        "eventstore",
    ),
    "orchestrator.rendering": ("orchestrator.domain", "orchestrator.projections"),
    "orchestrator.bootstrap": ("orchestrator", "eventstore"),
    "orchestrator.upkeep": ("orchestrator", "eventstore"),
    "orchestrator.notifying": ("orchestrator", "eventstore"),
    "orchestrator.beginning": ("orchestrator", "eventstore"),
    "orchestrator.incidents": ("orchestrator.adapters",),
    "orchestrator.cli": (
        "orchestrator.bootstrap",
        "orchestrator.upkeep",
        "orchestrator.notifying",
        "orchestrator.beginning",
        "orchestrator.incidents",
        "orchestrator.services",
        "orchestrator.validation",
        "orchestrator.rendering",
        "orchestrator.domain",
        # What the commands show, and the errors and settings that they name.
        "orchestrator.projections",
        "orchestrator.config",
        "orchestrator.targets.base",
        "eventstore.errors",
        # The types of what a reader gives; never a backend.
        "eventstore.store",
        "eventstore.events",
    ),
    # A third composition beside the commands and the scripts: it runs commands, and knows nothing of how they are made.
    "orchestrator.mcp": (
        "orchestrator.cli.main",
        "orchestrator.domain.errors",
        "orchestrator.projections.deployments_table",
    ),
    "orchestrator.cli.commands.mcp": ("orchestrator.cli", "orchestrator.domain.errors", "orchestrator.mcp"),
    "scripts": ("orchestrator.cli",),
    "scripts.write_schema": ("orchestrator.config", "orchestrator.targets.registry"),
}
"""Package or module to what it may import of ours, besides itself. The longest name that fits an importer counts.

Modules of one kind of target (``docker``, ``docker_cli``) may import each other, but no other kind's.
"""

MAY_USE: dict[str, frozenset[str]] = {
    "eventstore": frozenset({"sqlalchemy", "orjson", "alembic"}),
    **{
        f"eventstore.{name}": frozenset({"psycopg"})
        for name in ("postgres", "postgres_at_once", "postgres_connection", "postgres_reading", "postgres_schema")
    },
    "orchestrator.adapters.postgres_locks": frozenset({"psycopg"}),
    "orchestrator.domain.lifecycle": frozenset({"transitions"}),
    "orchestrator.adapters.signing": frozenset({"cryptography"}),
    "orchestrator.services": frozenset({"orjson"}),
    "orchestrator.projections": frozenset({"orjson"}),
    "orchestrator.rendering": frozenset({"rich"}),
    "orchestrator.bootstrap": frozenset({"sqlalchemy"}),
    "orchestrator.cli": frozenset({"click", "orjson"}),
    "orchestrator.mcp.server": frozenset({"mcp"}),
}
"""Package or module to the libraries of others that it may use; the standard library is free."""


def sources() -> dict[str, Path]:
    """Every module of ours by its name; scripts are ``scripts.NAME``."""
    found = {}
    for top in (*PACKAGES, "scripts"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_by(path: Path, modules: dict[str, Path]) -> set[str]:
    """Full names of the modules that *path* imports, wherever in it, also for type checking only."""
    return set(_imported(ast.parse(path.read_text(encoding="utf-8")), modules))


def forbidden(importer: str, imported: str) -> bool:
    """Whether *imported*, a module of ours or the top of a library, has no place in *importer*."""
    top = imported.partition(".")[0]
    if top in sys.stdlib_module_names:
        return False
    if top not in PACKAGES:
        return top not in MAY_USE.get(_rule(importer, MAY_USE), frozenset())
    rule = _rule(importer, MAY_IMPORT)
    if imported == "orchestrator" or (_within(imported, rule) and rule != "orchestrator.targets"):
        return False
    return not (_same_kind(importer, imported) or any(_within(imported, allowed) for allowed in MAY_IMPORT[rule]))


def _imported(tree: ast.Module, modules: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield submodule if submodule in modules else _home(base, alias.name, modules)


def _home(package: str, name: str, modules: dict[str, Path]) -> str:
    """The module that *name* really comes from: a package's own list of public names is looked through."""
    if package in modules and modules[package].name == "__init__.py":
        for node in ast.parse(modules[package].read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
                return node.module or package
    return package


def _rule(importer: str, table: dict[str, object]) -> str:
    fitting = [name for name in table if _within(importer, name)]
    return max(fitting, key=len, default="")


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _same_kind(importer: str, imported: str) -> bool:
    here = "orchestrator.targets."
    if not (importer.startswith(here) and imported.startswith(here)):
        return imported == "orchestrator.targets" and importer.startswith(here)
    return _kind(importer, here) == _kind(imported, here)


def _kind(module: str, here: str) -> str:
    return module.removeprefix(here).partition("_")[0]
