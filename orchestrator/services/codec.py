"""The codec that knows every event of the product, and the upcasters of old schema versions."""

from __future__ import annotations

import orchestrator.domain.notification_events
import orchestrator.domain.side_events
import orchestrator.domain.validation_events  # noqa: F401 - their events are among EVENTS then
from eventstore import Codec
from orchestrator.domain.events import EVENTS


def make_codec() -> Codec:
    codec = Codec()
    for name, event in EVENTS.items():
        codec.event(name, schema_version=event.schema_version)(event)
    return codec


CODEC = make_codec()
