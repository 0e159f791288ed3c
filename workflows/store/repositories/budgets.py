"""Budgets: money and tokens of one execution, reserved before a call and settled after it.

A reservation is owned by the operation's key, so a retried call reserves once. One that is never settled (a crash)
stays charged: spent by assumption, never free by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import bindparam

from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.refusals import BudgetExceeded
from workflows.store.repositories.leases import lock_key
from workflows.store.sql import changed, upsert
from workflows.store.tables import leases

Unit = Literal["usd", "tokens"]
_KIND = "budget"


@dataclass(frozen=True, slots=True)
class Spent:
    """What an execution has used, open reservations included."""

    usd: float
    tokens: int


_SUMS = (
    sa.select(leases.c.key, sa.func.sum(leases.c.amount))
    .where(
        leases.c.namespace == bindparam("ns"),
        leases.c.kind == _KIND,
        leases.c.key.in_((bindparam("usd"), bindparam("tokens"))),
        leases.c.owner != bindparam("but"),
    )
    .group_by(leases.c.key)
)
_SETTLE = leases.update().where(
    leases.c.namespace == bindparam("ns"),
    leases.c.kind == _KIND,
    leases.c.key == bindparam("name"),
    leases.c.owner == bindparam("who"),
)


def reserve(
    tx: Tx,
    namespace: str,
    execution_id: str,
    owner: str,
    *,
    usd: float,
    tokens: int,
    usd_limit: float | None,
    tokens_limit: int | None,
) -> None:
    """Set ``usd`` and ``tokens`` aside for the operation ``owner``. Raises ``BudgetExceeded``, reserving nothing."""
    lock_key(tx, namespace, _KIND, execution_id)
    others = _spent(tx, namespace, execution_id, but=owner)
    _check("usd", usd_limit, others.usd, usd)
    _check("tokens", tokens_limit, others.tokens, tokens)
    for unit, amount in (("usd", usd), ("tokens", tokens)):
        new: dict[str, Any] = {
            "id": new_id(tx.now),
            "namespace": namespace,
            "kind": _KIND,
            "key": f"{execution_id}:{unit}",
        }
        new |= {"owner": owner, "amount": float(amount), "created_at": tx.now}
        upsert(tx, leases, new, ("namespace", "kind", "key", "owner"), ("amount",))


def settle(tx: Tx, namespace: str, execution_id: str, owner: str, *, usd: float | None, tokens: int) -> bool:
    """Replace the reservation by what the call used; an unknown price leaves the money as reserved.

    Returns False when nothing was reserved.
    """
    amounts: list[tuple[str, float]] = [("tokens", float(tokens))]
    if usd is not None:
        amounts.append(("usd", usd))
    params = [
        {"ns": namespace, "name": f"{execution_id}:{unit}", "who": owner, "amount": amount} for unit, amount in amounts
    ]
    return sum(changed(tx, _SETTLE, each) for each in params) == len(params)


def spent(tx: Tx, namespace: str, execution_id: str) -> Spent:
    return _spent(tx, namespace, execution_id, but="")


def _spent(tx: Tx, namespace: str, execution_id: str, *, but: str) -> Spent:
    keys = {"usd": f"{execution_id}:usd", "tokens": f"{execution_id}:tokens"}
    sums = {key: float(amount) for key, amount in tx.conn.execute(_SUMS, {"ns": namespace, "but": but, **keys})}
    return Spent(sums.get(keys["usd"], 0.0), round(sums.get(keys["tokens"], 0.0)))


def _check(unit: Unit, limit: float | None, used: float, wanted: float) -> None:
    if limit is not None and used + wanted > limit:
        raise BudgetExceeded(unit, limit=limit, spent=used, wanted=wanted)
