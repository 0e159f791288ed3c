"""Knowledge bases by name: what is known of each (embedding identity, counts), the vectors being elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.sql import changed, columns, many, one, upsert
from workflows.store.tables import collections


@dataclass(frozen=True, slots=True)
class Collection:
    name: str
    meta: dict[str, Any]
    updated_at: datetime


_MINE = collections.c.namespace == bindparam("ns")
_ALL = sa.select(*columns(collections, Collection)).where(_MINE).order_by(collections.c.name)
_GET = _ALL.where(collections.c.name == bindparam("collection"))
_REMOVE = collections.delete().where(_MINE, collections.c.name == bindparam("collection"))


def put(tx: Tx, namespace: str, name: str, meta: dict[str, Any]) -> None:
    """Create the collection or replace what is known of it."""
    new: dict[str, Any] = {
        "id": new_id(tx.now),
        "namespace": namespace,
        "name": name,
        "meta": meta,
        "updated_at": tx.now,
    }
    upsert(tx, collections, new, ("namespace", "name"), ("meta", "updated_at"))


def get(tx: Tx, namespace: str, name: str) -> Collection | None:
    return one(tx, Collection, _GET, {"ns": namespace, "collection": name})


def list_collections(tx: Tx, namespace: str) -> list[Collection]:
    """By name."""
    return many(tx, Collection, _ALL, {"ns": namespace})


def remove(tx: Tx, namespace: str, name: str) -> bool:
    """Returns whether there was one."""
    return bool(changed(tx, _REMOVE, {"ns": namespace, "collection": name}))
