"""`pop-deploy store upgrade`: what was done, as data and as words."""

from __future__ import annotations

from typing import Any

from orchestrator import bootstrap


def upgrade(directory: str, store: str | None) -> dict[str, Any]:
    """Open the store for writing, which brings it up to date.

    Returns:
        ``{"store", "upgraded", "from_revision", "to_revision", "read_models_built": [...]}``

    Raises:
        NoStore: There is none.
        StoreTooNew: It was left untouched.
    """
    path, before, after = bootstrap.upgrade_store(directory, store)
    built = sorted(name for name, version in after.read_models.items() if before.read_models.get(name) != version)
    return {
        "store": path,
        "upgraded": before.revision != after.revision or bool(built),
        "from_revision": before.revision,
        "to_revision": after.revision,
        "read_models_built": built,
    }


def words(done: dict[str, Any]) -> str:
    """One line for people."""
    if not done["upgraded"]:
        return f"{done['store']} is up to date (schema revision {done['to_revision']}).\n"
    schema = f"schema revision {done['from_revision']} -> {done['to_revision']}"
    if done["from_revision"] == done["to_revision"]:
        schema = f"schema revision {done['to_revision']} as before"
    built = f"; read models built: {', '.join(done['read_models_built'])}" if done["read_models_built"] else ""
    return f"{done['store']}: {schema}{built}.\n"
