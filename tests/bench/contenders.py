"""The same five steps three times: as a flow of the product, and hand-written with two models and two writes.

A contender starts a flow, knows when it waits, approves it, and sees its end; ends are observed alike for all.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import sqlalchemy as sa
from temporalio.client import Client

from tests.bench.handwritten import QUEUE, WORKFLOW, Handwritten
from tests.bench.handwritten_worker import COLUMNS, INSTRUCTIONS
from tests.bench.http import Http
from tests.bench.stack import GROUP, Stack
from workflows.gates.ids import gate_id
from workflows.store.db import Database, Tx
from workflows.store.tables import gates

Json = Any
LOOK_S = 0.02
WAIT_S = 60.0
FIVE = f"""
visto: 1
id: five
inputs:
  - {{id: order_id, type: string}}
  - {{id: amount, type: number}}
  - {{id: sheet, type: string}}
tasks:
  - id: parse
    type: set
    values: {{order_id: "{{{{ inputs.order_id }}}}", amount: "{{{{ inputs.amount }}}}"}}
  - id: review
    type: gate
    title: "Order {{{{ inputs.order_id }}}}"
    show:
      - {{label: Amount, value: "{{{{ outputs.parse.amount }}}}", format: money EUR}}
    suggest:
      type: agent
      instructions: {INSTRUCTIONS}
      prompt: "{{{{ outputs.parse | tojson }}}}"
      output:
        amount: {{type: number}}
        note: {{type: string, max_length: 200}}
    validate:
      - require: suggestion.amount >= 0
        message: An amount is never negative.
    approve:
      reviewers: {{groups: [{GROUP}]}}
      editable: [amount]
      reasons: [wrong]
    on_approve:
      - id: write
        type: csv.write
        path: "{{{{ inputs.sheet }}}}"
        mode: append
        columns: [{", ".join(COLUMNS)}]
        rows:
          - ["{{{{ inputs.order_id }}}}", "{{{{ final.amount }}}}", "{{{{ final.note }}}}"]
"""


class Contender(Protocol):
    """``open`` before use. ``client`` can read the histories; ``processes`` are those that work for it."""

    name: str
    client: Client
    processes: tuple[str, ...]

    async def open(self) -> None: ...

    async def start(self, sheet: str) -> str:
        """Start one and return its workflow id."""
        ...

    async def waiting(self, workflow_id: str) -> None: ...

    async def look(self, workflow_id: str) -> Json:
        """What a reviewer reads before deciding; handed to ``approve``."""
        ...

    async def approve(self, workflow_id: str, seen: Json) -> None: ...

    async def close(self) -> None: ...


class Product:
    """Start, gate and decision through the API, each with its key.

    That a gate waits is read from the store by the load itself, as the hand-written workflow's wait is told by a datagram:
    how people learn of a gate is measured elsewhere, and reading an inbox thirty times a second is nobody's habit.
    """

    name = "visto"
    processes = ("api", "worker")

    def __init__(self, stack: Stack) -> None:
        self.client = stack.client
        self._starter, self.reviewer = Http(stack.api, stack.starter), Http(stack.api, stack.reviewer)
        self._open: dict[str, asyncio.Future[str]] = {}
        self._numbers = itertools.count()
        self._looking: asyncio.Task[None] | None = None
        self._db = Database(stack.settings.database)

    async def open(self) -> None:
        await self.save(FIVE)
        self._looking = asyncio.create_task(self._look_for_gates())

    async def save(self, source: str) -> None:
        await self._starter.post("/flows", {"source": source, "name": "bench.yaml", "origin": "api"})

    async def start(self, sheet: str) -> str:
        inputs = {"order_id": f"A-{next(self._numbers)}", "amount": 120.5, "sheet": f"{sheet}.csv"}
        return await self.run("five", inputs)

    async def run(self, flow: str, inputs: Json) -> str:
        started = await self._starter.post(f"/flows/{flow}/executions", {"inputs": inputs})
        return str(started["execution"])

    async def waiting(self, workflow_id: str) -> None:
        future = self._open.setdefault(workflow_id, asyncio.get_running_loop().create_future())
        await asyncio.wait_for(future, WAIT_S)

    async def look(self, workflow_id: str) -> Json:
        return await self.reviewer.get(f"/gates/{self._open.pop(workflow_id).result()}")

    async def approve(self, workflow_id: str, seen: Json) -> None:
        await approve(self.reviewer, seen)

    async def _look_for_gates(self) -> None:
        while True:
            asked = {gate_id(name, "review", ""): name for name, future in self._open.items() if not future.done()}
            found = self._db.read_sync(partial(open_gates, ids=list(asked))) if asked else []
            for gate in found:
                self._open[asked[gate]].set_result(gate)
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._db.close()
        self._starter.close()
        self.reviewer.close()


def open_gates(tx: Tx, *, ids: list[str]) -> list[str]:
    """Those of the ids that are open gates now."""
    return list(tx.conn.execute(sa.select(gates.c.id).where(gates.c.id.in_(ids), gates.c.state == "open")).scalars())


async def approve(reviewer: Http, gate: Json) -> None:
    """Approve a gate as it was read."""
    body = {"action": "approve", "revision": gate["revision"], "action_digest": gate["action_digest"]}
    await reviewer.post(f"/gates/{gate['id']}/decision", body)


class Yardstick:
    """Start and signal through the Temporal client; the workflow says itself when it waits."""

    def __init__(self, stack: Stack, kind: str, told: Told) -> None:
        self.name = f"hand-written, {kind}"
        self.client = stack.plain
        self.processes = (kind,)
        self._queue = QUEUE + kind
        self._told = told
        self._numbers = itertools.count()

    async def open(self) -> None:
        return None

    async def start(self, sheet: str) -> str:
        given = {"order_id": f"A-{next(self._numbers)}", "amount": 120.5, "sheet": f"{sheet}.csv"}
        workflow_id = uuid4().hex
        await self.client.start_workflow(WORKFLOW, given, id=workflow_id, task_queue=self._queue)
        return workflow_id

    async def waiting(self, workflow_id: str) -> None:
        await self._told.by(workflow_id)

    async def look(self, workflow_id: str) -> Json:
        return None

    async def approve(self, workflow_id: str, seen: Json) -> None:
        await self.client.get_workflow_handle(workflow_id).signal(Handwritten.approve, "reviewer")

    async def close(self) -> None:
        return None


class Told:
    """Receives what ``told`` sends."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._heard: dict[str, asyncio.Future[None]] = {}
        self._loop.add_reader(self._socket, self._receive)

    async def by(self, workflow_id: str) -> None:
        await asyncio.wait_for(self._future(workflow_id), WAIT_S)
        del self._heard[workflow_id]

    def _future(self, workflow_id: str) -> asyncio.Future[None]:
        return self._heard.setdefault(workflow_id, self._loop.create_future())

    def _receive(self) -> None:
        future = self._future(self._socket.recv(256).decode())
        if not future.done():
            future.set_result(None)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
