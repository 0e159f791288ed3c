"""A store with tens of thousands of open gates, and how long the inbox takes with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from workflows.store.db import Database, Tx
from workflows.store.ids import new_id
from workflows.store.repositories import principals
from workflows.store.repositories.inbox import audience_of, sort_key_of
from workflows.store.tables import gate_revisions, gates

NS = "default"
CHUNK = 2000
FILLER = "An order of goods that were never delivered, with a note that nobody has read. " * 12
PLAN = {"title": "Order", "show": [{"label": "Amount", "value": "x"}] * 8, "rules": [{"when": FILLER}] * 2}


def people(tx: Tx) -> dict[str, str]:
    """A reviewer of most gates, of some, and of next to none."""
    made = {}
    for name, group in (("Ana", "fraud"), ("Ben", "legal"), ("Eve", "board")):
        principals.create_group(tx, NS, group)
        person = principals.create_person(tx, NS, name, f"{name.lower()}@example.com")
        principals.grant_role(tx, NS, person.id, "reviewer")
        principals.add_member(tx, NS, group, person.id)
        made[name] = person.id
    return made


def fill(db: Database, count: int) -> None:
    """Open ``count`` gates: four fifths in batches of 4,000, the others alone; one in five is for another group."""
    rows = list(_gates(db, count))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]

        def unit(tx: Tx, part: list[tuple[dict[str, Any], dict[str, Any]]] = part) -> None:
            tx.conn.execute(gates.insert(), [gate for gate, _ in part])
            tx.conn.execute(gate_revisions.insert(), [revision for _, revision in part])

        db.write_sync(unit)
    if not db.is_sqlite:
        with db.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("vacuum analyze gates")
            conn.exec_driver_sql("vacuum analyze gate_revisions")


def _gates(db: Database, count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    now = db.clock()
    for n in range(count):
        alone = n % 5 == 4
        execution = f"alone-{n}" if alone else f"batch-{n % 10}"
        group = "board" if n % (count // 5) == 7 else ("legal" if n % 5 == 3 else "fraud")
        policy = {"stages": [{"groups": [group], "people": []}], "exclude": [], "reasons": ["wrong_data", "policy"]}
        opened, due = now - timedelta(seconds=count - n), now + timedelta(hours=1 + n % 72)
        gate_id, title = f"{n:08d}-0000-7000-8000-{n * 7919 % 10**12:012d}", f"Order {n} of {group}"
        view = {
            "title": title,
            "show": [{"label": "Amount", "value": n, "format": "money EUR"}, {"label": "Notes", "value": FILLER}],
            "suggestion": {"risk": "low", "reason": FILLER},
        }
        shared = {"namespace": NS, "schema_v": 1}
        yield (
            {
                **shared, "id": gate_id, "execution_id": execution, "workflow_id": execution,
                "flow_id": f"flow-{n % 7}", "flow_revision": 1, "path": "triage/review", "item_key": str(n),
                "batch_key": execution, "state": "open", "revision": 1, "stage": 0, "rounds": 0, "generation": 0,
                "title": title, "priority": n % 3, "due_at": due, "expires_at": due, "policy": policy,
                "gate_plan": PLAN, "scope": {"item": {"note": FILLER}}, "opened_at": opened,
                "audience": audience_of(policy, 0, None), "sort_key": sort_key_of(n % 3, due, opened, gate_id),
                "claimed_by": None, "claim_until": None,
            },
            {
                **shared, "id": new_id(now), "gate_id": gate_id, "revision": 1, "kind": "suggestion",
                "view": json.dumps(view), "action_digest": f"{n:064x}", "fields": view["suggestion"], "created_at": now,
            },
        )  # fmt: skip


def timings(ask: Callable[[], object], times: int = 20) -> list[float]:
    """Milliseconds of each of ``times`` askings, sorted."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        ask()
        took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)
