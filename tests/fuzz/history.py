"""A `history` that others wrote into deploy.json: it is taken in once, whatever stands there, and the file stays valid."""

from __future__ import annotations

import json
import os
from typing import Any

import orjson

from eventstore.memory import MemoryEventStore
from orchestrator.adapters.deploy_json import DeployJsonFile
from orchestrator.domain.outside_history import outside_records
from orchestrator.domain.side_events import HistoryImported
from orchestrator.projections import deploy_history
from orchestrator.projections.registry import inline
from orchestrator.services.codec import CODEC
from tests.fuzz.running import Fuzzer, room
from tests.fuzz.values import SMALL, as_bytes, flipped, spoiled

RECORD = {
    "timestamp": "2026-03-18T14:30:22Z", "version": "1.2.0", "target": "docker", "status": "success", "duration": "2m 3s",
    "duration_seconds": 123, "commit": "0a1b2c3d", "actor": "ann", "image": "shop:1.2.0", "error": None,
    "environment": "production",
    "store_id": "another", "deployment_id": "deploy-20260318-143022-k3f9", "checks": [{"name": "health", "status": "pass"}],
}  # fmt: skip
DOCUMENT = {
    "version": "1.0",
    "targets": {},
    "history": [RECORD, {**RECORD, "status": "failed", "timestamp": "2026-03-17T09:00:00+02:00"}],
}


def take_in(raw: bytes) -> None:
    """As `services.deploy_history` does it; afterwards the file holds the history that the store shows, and nothing is taken in
    twice."""
    path = room() / "deploy.json"
    path.write_bytes(raw)
    os.utime(path, (1, 1))  # a file that was written just now may be one that somebody is saving: that is waited for
    file, store = DeployJsonFile(path), MemoryEventStore(projections=inline())

    def render(existing: list[dict[str, Any]]) -> list[dict[str, Any]]:
        outside = outside_records(
            existing, store_id=store.store_id, ours=(), taken_in=deploy_history.imported_counts(store, "shop")
        )
        events = [
            CODEC.encode(HistoryImported(project="shop", identity=one.identity, record=orjson.dumps(one.record).decode()))
            for one in outside
        ]
        if events:
            store.append("import", events, expected_version=store.version("import"))
        return deploy_history.records(store, "shop")

    file.publish(render)
    head = store.head()
    assert not file.publish(render).changed
    assert store.head() == head
    assert json.loads(path.read_bytes()).get("history", []) == orjson.loads(orjson.dumps(deploy_history.records(store, "shop")))
    store.close()


FUZZERS = (
    Fuzzer("history written by others", 5, spoiled([DOCUMENT], SMALL).map(as_bytes) | flipped([as_bytes(DOCUMENT)]), take_in),
)
