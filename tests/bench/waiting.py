"""What thousands of waiting gates cost, and how long it takes to decide one among them."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import sqlalchemy as sa

from tests.bench.contenders import Product, approve
from tests.bench.load import Samples, completed_at, ended
from tests.bench.stack import GROUP, Stack
from workflows.store.db import Database
from workflows.store.tables import gates

Json = Any
WINDOW = 32
LOOK_S = 0.5
SETTLE_S = 3.0
PATIENCE_S = 300.0
_GATE = f"""
    title: "Order {{{{ %s }}}}"
    suggestion: {{risk: low}}
    approve: {{reviewers: {{groups: [{GROUP}]}}}}
    on_approve:
      - {{id: write, type: csv.write, path: approved.csv, mode: append, rows: [{{n: "{{{{ %s }}}}"}}]}}
"""
ALONE = (
    """
visto: 1
id: alone
inputs: [{id: n, type: int}]
tasks:
  - id: review
    type: gate"""
    + _GATE % ("inputs.n", "inputs.n")
)
LIST = """
visto: 1
id: list
inputs: [{id: rows, type: array}]
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.rows }}"
    concurrency: 50
    tasks:
      - id: review
        type: gate""" + (_GATE % ("item", "item")).replace("\n    ", "\n        ")


async def measure(stack: Stack, *, alone: int, total: int, rows: int, decisions: int) -> Json:
    """First ``alone`` executions with a gate each, then lists of ``rows`` gates until ``total`` wait."""
    product = Product(stack)
    db = Database(stack.settings.database)
    try:
        for source in (ALONE, LIST):
            await product.save(source)
        idle = stack.rss_mib()
        stages = [await _stage(stack, product, db, _alone(product, alone), alone, decisions)]
        stages.append(await _stage(stack, product, db, _lists(product, total - alone, rows), total, decisions))
    finally:
        db.close()
        await product.close()
    return {"idle_mib": _rounded(idle), "stages": stages}


async def _stage(stack: Stack, product: Product, db: Database, opening: Any, gates_open: int, decisions: int) -> Json:
    before, began = await _open_gates(db), time.perf_counter()
    await opening
    await _until_open(db, gates_open)
    seconds = time.perf_counter() - began
    await asyncio.sleep(SETTLE_S)
    memory = _rounded(stack.rss_mib())
    answered, done, inbox = await _decide(product, db, decisions)
    await _refill(product, db, gates_open)
    return {
        "gates": gates_open,
        "opened_per_s": round((gates_open - before) / seconds, 1),
        "memory_mib": memory,
        "inbox_page_ms": inbox.shown(),
        "approve_ms": answered.shown(),
        "approve_to_done_ms": done.shown(),
    }


async def _alone(product: Product, count: int) -> None:
    room = asyncio.Semaphore(WINDOW)

    async def one(number: int) -> None:
        async with room:
            await product.run("alone", {"n": number})

    await asyncio.gather(*(one(number) for number in range(count)))


async def _lists(product: Product, count: int, rows: int) -> None:
    for first in range(0, count, rows):
        await product.run("list", {"rows": list(range(first, min(first + rows, count)))})


async def _refill(product: Product, db: Database, wanted: int) -> None:
    await _alone(product, wanted - await _open_gates(db))
    await _until_open(db, wanted)


async def _decide(product: Product, db: Database, count: int) -> tuple[Samples, Samples, Samples]:
    """Approve single gates, one after the other: until the API answered, and until the flow was done."""
    answered, done, inbox = Samples(), Samples(), Samples()
    query = sa.select(gates.c.id, gates.c.execution_id).where(gates.c.state == "open", gates.c.flow_id == "alone")
    waiting = await db.read(lambda tx: tx.conn.execute(query).all())
    for gate_id, execution_id in random.Random(1).sample(list(waiting), count):
        inbox.values.append(await _timed(product.reviewer.get("/gates?state=open&limit=50&mine=true")))
        seen = await product.reviewer.get(f"/gates/{gate_id}")
        began = time.time()
        answered.values.append(await _timed(approve(product.reviewer, seen)))
        await ended(product.client, execution_id)
        done.values.append((await completed_at(product.client, execution_id) - began) * 1000)
    return answered, done, inbox


async def _timed(call: Any) -> float:
    began = time.perf_counter()
    await call
    return (time.perf_counter() - began) * 1000


async def _until_open(db: Database, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await _open_gates(db) < wanted:
            await asyncio.sleep(LOOK_S)


async def _open_gates(db: Database) -> int:
    query = sa.select(sa.func.count()).select_from(gates).where(gates.c.state == "open")
    return int(await db.read(lambda tx: tx.conn.execute(query).scalar_one()))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}
