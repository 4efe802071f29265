"""The value of a name in a Python file, without running the file: `module_attribute`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

LONGEST_CHAIN = 5
"""Imports that are followed from file to file."""


def module_attribute(path: Path, name: str, *, chain: int = LONGEST_CHAIN) -> str | None:
    """What *name* is at the end of the module *path*, if it is a literal: text, or a tuple or list that is joined by dots.

    Followed are another name of the same file (``__version__ = VERSION``) and imports from the same package.

    Returns:
        None when the name is not there, is no literal, or the file is no Python.
    """
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    for statement in reversed(tree.body):
        if isinstance(statement, ast.ImportFrom):
            for imported in statement.names:
                if chain and (imported.asname or imported.name) == name:
                    return _first(_imported_files(path, statement), imported.name, chain - 1)
        elif (value := _assigned(statement, name)) is not None:
            return module_attribute(path, value.id, chain=chain - 1) if chain and isinstance(value, ast.Name) else _literal(value)
    return None


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    """What *statement* makes *name* equal to, if it does."""
    import ast

    targets: list[ast.expr]
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return None
    return statement.value if any(isinstance(target, ast.Name) and target.id == name for target in targets) else None


def _literal(value: ast.expr) -> str | None:
    import ast

    try:
        found = ast.literal_eval(value)
    except ValueError:
        return None
    if isinstance(found, tuple | list):
        return ".".join(map(str, found))
    return found if isinstance(found, str) else None


def _imported_files(path: Path, statement: ast.ImportFrom) -> Iterator[Path]:
    """Files that ``from MODULE import`` in *path* may mean, within the package that *path* is in."""
    parts = (statement.module or "").split(".") if statement.module else []
    package = path.parent
    if statement.level:
        base = package.joinpath(*[".."] * (statement.level - 1), *parts)
    elif parts and parts[0] == package.name:
        base = package.joinpath(*parts[1:])
    else:
        return
    yield from (base / "__init__.py",) if base == package else (base.with_name(f"{base.name}.py"), base / "__init__.py")


def _first(files: Iterator[Path], name: str, chain: int) -> str | None:
    return next((found for file in files if (found := module_attribute(file, name, chain=chain))), None)
