"""The journal's records as every channel shows them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from workflows.journal.read import Entry
from workflows.journal.sealing import ERASED

Json = Any


class Event(BaseModel):
    """One record. ``says`` is its kind in words; ``content`` is absent unless asked for, ``erased`` when it is gone."""

    model_config = ConfigDict(from_attributes=True)

    event_id: str
    stream: str
    seq: int
    kind: str
    says: str
    occurred_at: str
    actor_kind: str
    actor_id: str | None
    via: str | None
    flow_id: str | None
    execution_id: str | None
    path: str | None
    attempt: int | None
    outcome: str | None
    action_digest: str | None
    event_hash: str
    meta: dict[str, Json]
    content: Json = None
    erased: bool = False


def event_of(entry: Entry) -> Event:
    """The record as it is shown."""
    own = {name: getattr(entry, name) for name in Event.model_fields if name not in ("content", "erased")}
    erased = entry.content is ERASED
    return Event(**own, content=None if erased else entry.content, erased=erased)
