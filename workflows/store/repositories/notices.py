"""Messages about gates in other channels: at most one for each gate, channel, address and part.

A message is *held* while somebody posts or changes it, so that two processes never do at once; a hold lapses by itself.
``unsure`` is set before a post and cleared by its answer: whoever finds it set looks for the message before posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.sql import changed, columns, insert_ignore, many, one
from workflows.store.tables import notices

RESERVED, SHOWN, GONE = "reserved", "shown", "gone"


@dataclass(frozen=True, slots=True)
class Notice:
    """``reference`` names the message in its channel; ``rendering`` is the SHA-256 of what it shows.

    ``attempts`` counts since the last success.
    """

    id: str
    gate_id: str
    channel: str
    address: str
    part: str
    state: str
    reference: str | None
    revision: int | None
    rendering: str | None
    unsure: bool
    attempts: int
    last_error: str | None
    created_at: datetime
    updated_at: datetime


_MINE = notices.c.namespace == bindparam("ns")
_THIS = sa.and_(
    _MINE,
    notices.c.gate_id == bindparam("gate"),
    notices.c.channel == bindparam("kind"),
    notices.c.address == bindparam("place"),
    notices.c.part == bindparam("piece"),
)
_ALL = sa.select(*columns(notices, Notice)).where(_MINE)
_GET = sa.select(*columns(notices, Notice)).where(_THIS)
_OF_GATE = _ALL.where(notices.c.gate_id == bindparam("gate"), notices.c.channel == bindparam("kind")).order_by(
    notices.c.created_at, notices.c.id
)
_HOLD = (
    notices.update()
    .where(_THIS, sa.or_(notices.c.held_until.is_(None), notices.c.held_until <= bindparam("now")))
    .values(attempts=notices.c.attempts + 1)
)
_HELD = notices.update().where(_MINE, notices.c.id == bindparam("notice"), notices.c.holder == bindparam("me"))
_FAILING = _ALL.where(notices.c.last_error.is_not(None)).order_by(notices.c.updated_at.desc()).limit(bindparam("limit"))


def of_gate(tx: Tx, namespace: str, gate_id: str, channel: str) -> list[Notice]:
    """The gate's messages in a channel, oldest first."""
    return many(tx, Notice, _OF_GATE, {"ns": namespace, "gate": gate_id, "kind": channel})


def get(tx: Tx, namespace: str, gate_id: str, channel: str, address: str, part: str) -> Notice | None:
    return one(tx, Notice, _GET, _key(namespace, gate_id, channel, address, part))


def hold(
    tx: Tx, namespace: str, gate_id: str, channel: str, address: str, part: str, *, holder: str, for_: timedelta
) -> Notice | None:
    """Reserve the message and hold it. ``None``: somebody else holds it now.

    The notice is as it was before; its ``unsure`` says whether an earlier post may have gone through.
    """
    key = _key(namespace, gate_id, channel, address, part)
    new: dict[str, Any] = {"id": new_id(tx.now), "namespace": namespace, "gate_id": gate_id, "channel": channel}
    new |= {"address": address, "part": part, "state": RESERVED, "unsure": False}
    new |= {"created_at": tx.now, "updated_at": tx.now}
    insert_ignore(tx, notices, new, ("namespace", "gate_id", "channel", "address", "part"))
    before = one(tx, Notice, _GET, key)
    until = tx.now + for_
    if not changed(tx, _HOLD, {**key, "now": tx.now, "holder": holder, "held_until": until, "updated_at": tx.now}):
        return None
    return before


def posting(tx: Tx, namespace: str, notice_id: str, holder: str) -> bool:
    """Note, before the post, that the message may exist from now on. False: the hold was lost."""
    return _held(tx, namespace, notice_id, holder, unsure=True)


def shown(
    tx: Tx, namespace: str, notice_id: str, holder: str, *, reference: str, revision: int, rendering: str
) -> bool:
    """Note what the message shows, and let go. False: the hold was lost meanwhile."""
    return _held(
        tx, namespace, notice_id, holder,
        state=SHOWN, reference=reference, revision=revision, rendering=rendering, unsure=False,
        attempts=0, last_error=None, holder_=None,
    )  # fmt: skip


def failed(tx: Tx, namespace: str, notice_id: str, holder: str, error: str, *, unsure: bool) -> bool:
    """Note what went wrong, and let go. ``unsure``: the message may exist nevertheless."""
    return _held(tx, namespace, notice_id, holder, last_error=error, unsure=unsure, holder_=None)


def lost(tx: Tx, namespace: str, notice_id: str, holder: str) -> bool:
    """Note that the message is not there any more, and keep holding it: another may take its place."""
    return _held(tx, namespace, notice_id, holder, state=GONE, reference=None, rendering=None, unsure=False)


def release(tx: Tx, namespace: str, notice_id: str, holder: str) -> bool:
    """Let go: nothing is to be done, and no message exists that the notice does not know of."""
    return _held(tx, namespace, notice_id, holder, unsure=False, attempts=0, last_error=None, holder_=None)


def failing(tx: Tx, namespace: str, *, limit: int = 20) -> list[Notice]:
    """Messages whose last attempt failed, newest first."""
    return many(tx, Notice, _FAILING, {"ns": namespace, "limit": limit})


def _key(namespace: str, gate_id: str, channel: str, address: str, part: str) -> dict[str, Any]:
    return {"ns": namespace, "gate": gate_id, "kind": channel, "place": address, "piece": part}


def _held(tx: Tx, namespace: str, notice_id: str, me: str, **values: Any) -> bool:
    if "holder_" in values:
        values |= {"holder": values.pop("holder_"), "held_until": None}
    params = {"ns": namespace, "notice": notice_id, "me": me, "updated_at": tx.now, **values}
    return bool(changed(tx, _HELD, params))
