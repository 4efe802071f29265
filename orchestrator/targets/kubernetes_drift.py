"""What the live objects and wanted ones differ in, and what somebody has changed by hand.

The cluster itself is asked, by a server-side dry run: it knows its defaults, and how it writes a quantity. Applying what was
recorded must change nothing; where it would, somebody has changed it since. Start at `differences`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.targets.kubernetes_cli import MANAGER
from orchestrator.targets.kubernetes_cluster import Cluster
from orchestrator.targets.kubernetes_objects import Manifest, name_of
from orchestrator.targets.kubernetes_slot import DEPLOYMENT, PREFIX

_MOST_LINES = 12
_SHOWN = 60
_CONFLICT = re.compile(r'conflicts? with "(?P<who>[^"]+)"(?:[^:\n]*): ?(?P<fields>[^\n]*(?:\n- [^\n]+)*)')
_HARMLESS = frozenset({"kubectl-rollout", "kubectl-client-side-apply"})
"""A restart changes nothing that is deployed; what was applied before an adoption is taken over by it."""
# Written by the cluster at every change, or of no meaning.
_UNTOLD = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying one object would change; *lines* is empty for nothing. *live*: as it is now, with its fields' managers."""

    name: str
    live: Manifest | None
    lines: tuple[str, ...]

    @property
    def new(self) -> bool:
        return self.live is None


def differences(cluster: Cluster, manifests: Sequence[Manifest]) -> list[Difference]:
    """For each of *manifests*: what would change if it were applied now, by the cluster's own word.

    Raises:
        Unreachable: The cluster cannot be asked, or would not take one of them; the message says why.
    """
    live = {_key(one): one for one in cluster.objects([name_of(one) for one in manifests])}
    found = []
    for result in cluster.dry_applied(manifests):
        there = live.get(_key(result))
        lines = tuple(_compared(_told(there), _told(result), "")) if there is not None else ()
        found.append(Difference(str(name_of(result)), there, lines))
    return found


def drift_lines(cluster: Cluster, recorded: Sequence[Manifest]) -> tuple[str, ...]:
    """What somebody has changed by hand in the objects of a release as they were *recorded*; `()` for nothing."""
    lines: list[str] = []
    applied_by = {str(name_of(one)): one["metadata"]["annotations"][DEPLOYMENT] for one in recorded}
    for each in differences(cluster, recorded):
        if each.live is None:
            lines.append(f"{each.name}: is gone, somebody has removed it")
            continue
        if (each.live["metadata"].get("annotations") or {}).get(DEPLOYMENT) != applied_by[each.name]:
            continue  # half an update of ours, not somebody's hand
        lines += [f"{each.name}: {line}" for line in reversed_lines(each.lines)]
        lines += [f"{each.name}: {line}" for line in added_by_hand(each.live)]
    return (*lines, *owners(cluster.dry_problems(recorded))) if lines else ()


def added_by_hand(live: Mapping[str, Any]) -> Iterator[str]:
    """What was set with kubectl since we applied *live*, in its manager's words.

    Controllers, operators and injectors write into objects all day long; that is theirs to do.
    """
    entries = live["metadata"].get("managedFields") or ()
    ours = max((one.get("time", "") for one in entries if one.get("manager") == MANAGER), default="")
    for one in entries:
        manager, fields = str(one.get("manager")), one.get("fieldsV1") or {}
        if manager.startswith("kubectl") and manager not in _HARMLESS and one.get("time", "") >= ours:
            for part in ("f:spec", "f:data"):
                if part in fields:
                    yield f"{_field_names(part, fields[part])} set by {manager}"


def owners(problems: str) -> Iterator[str]:
    """Who else has set fields that we apply, from what the cluster says against it."""
    for match in _CONFLICT.finditer(problems):
        fields = " ".join(line.strip().removeprefix("- ") for line in match["fields"].splitlines()) or "fields"
        yield f"set by {match['who']}: {fields.strip()}"


def reversed_lines(lines: Sequence[str]) -> Iterator[str]:
    """Of a change that would undo what somebody did: what they did."""
    for line in lines:
        path, _, change = line.partition(": ")
        before, arrow, after = change.partition(" -> ")
        yield f"{path}: {after} -> {before}" if arrow else line


def in_lines(found: Sequence[Difference]) -> list[str]:
    """For people: one line an object, and what changes in it."""
    lines = []
    for each in found:
        lines.append(f"{each.name}: {'new' if each.new else 'changes' if each.lines else 'stays as it is'}")
        lines += [f"  {line}" for line in each.lines[:_MOST_LINES]]
        if len(each.lines) > _MOST_LINES:
            lines.append(f"  and {len(each.lines) - _MOST_LINES} more")
    return lines


def _field_names(name: str, fields: Mapping[str, Any]) -> str:
    """The leaves of a part of ``fieldsV1``, like ``spec.template.spec.containers[web].env[A]``."""
    found: list[str] = []

    def walk(path: str, part: Mapping[str, Any]) -> None:
        inner = {key: value for key, value in part.items() if key != "."}
        if not inner:
            found.append(path)
        for key, value in inner.items():
            kind, _, text = key.partition(":")
            named = json.loads(text) if kind == "k" else None
            step = f"[{next(iter(named.values()))}]" if isinstance(named, dict) else f".{text}"
            if not (kind == "f" and text == "name" and path.endswith("]")):
                walk(path + step, value)

    walk(name.removeprefix("f:"), fields)
    return ", ".join(found)


def _key(manifest: Mapping[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def _told(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """*manifest* without what only says who and when."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _UNTOLD}
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if not key.startswith(PREFIX)}
    return {key: value for key, value in manifest.items() if key != "status"} | {"metadata": metadata}


def _compared(before: Any, after: Any, path: str) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _compared(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif _named(before) and _named(after):
        mine, theirs = ({one["name"]: one for one in side} for side in (before, after))
        for name in sorted({*mine, *theirs}):
            yield from _compared(mine.get(name), theirs.get(name), f"{path}[{name}]")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _compared(one, other, f"{path}[{index}]")
    else:
        yield f"{path}: {_short(before)} -> {_short(after)}"


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _short(value: Any) -> str:
    if value is None:
        return "(none)"
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
