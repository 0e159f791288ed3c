"""Views of the inbox that a person has named for themselves: the query of an address, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.sql import changed, columns, many, upsert
from workflows.store.tables import saved_views


@dataclass(frozen=True, slots=True)
class SavedView:
    id: str
    name: str
    query: str
    created_at: datetime


_OF = sa.and_(saved_views.c.namespace == bindparam("ns"), saved_views.c.principal_id == bindparam("who"))
_ALL = sa.select(*columns(saved_views, SavedView)).where(_OF).order_by(saved_views.c.name, saved_views.c.id)
_DELETE = saved_views.delete().where(_OF, saved_views.c.id == bindparam("view"))


def of_person(tx: Tx, namespace: str, principal_id: str) -> list[SavedView]:
    """The person's views by name."""
    return many(tx, SavedView, _ALL, {"ns": namespace, "who": principal_id})


def save(tx: Tx, namespace: str, principal_id: str, name: str, query: str) -> None:
    """Keep a view; one of the same name gets the new query."""
    values = {"id": new_id(tx.now), "namespace": namespace, "principal_id": principal_id}
    values |= {"name": name, "query": query, "created_at": tx.now}  # type: ignore[dict-item]
    upsert(tx, saved_views, values, ("namespace", "principal_id", "name"), ("query",))


def delete(tx: Tx, namespace: str, principal_id: str, view_id: str) -> bool:
    """Forget a view. Returns whether the person had it."""
    return changed(tx, _DELETE, {"ns": namespace, "who": principal_id, "view": view_id}) == 1
