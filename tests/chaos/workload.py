"""Callers of the public API who do not give up: every request has a key and is sent until it is answered for good.

What was asked is in ``ops.jsonl`` before it is sent, what was answered after it: the checker believes nothing else
about the callers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.lab import Lab

Json = Any
FLOW = """
visto: 1
id: orders
inputs:
  - {id: file, type: file}
retry: {attempts: 100, every: 200ms, max_every: 1s}
tasks:
  - id: orders
    type: csv.read
    from: "{{ inputs.file }}"
    columns: {order_id: string, amount: number, notes: string}
  - id: triage
    type: foreach
    items: "{{ outputs.orders.rows }}"
    concurrency: 3
    tasks:
      - id: review
        type: gate
        title: "Order {{ item.order_id }}"
        show:
          - {label: Amount, value: "{{ item.amount }}", format: money EUR}
        suggest:
          type: agent
          instructions: Rate the risk of the order by the fraud policy and cite it.
          prompt: "{{ item | tojson }}"
          knowledge:
            - {collection: fraud-policy, top_k: 2}
          output:
            risk: {type: string, enum: [low, medium, high]}
            reason: {type: string, max_length: 400}
        validate:
          - require: suggestion.meta.citations | length > 0
            message: The answer must cite the policy.
        approve:
          reviewers: {groups: [fraud]}
          editable: [risk]
          reasons: [policy]
        on_approve:
          - id: write
            type: csv.write
            path: sheet.csv
            mode: append
            columns: [order_id, risk]
            rows:
              - ["{{ item.order_id }}", "{{ final.risk }}"]
outputs:
  decided: {type: number, value: "{{ outputs.triage.counts.finished }}"}
"""
PLAIN = """
visto: 1
id: orders
inputs:
  - {id: file, type: file}
tasks:
  - id: orders
    type: csv.read
    from: "{{ inputs.file }}"
    columns: {order_id: string, amount: number, notes: string}
  - id: triage
    type: foreach
    items: "{{ outputs.orders.rows }}"
    concurrency: 20
    tasks:
      - id: rated
        type: set
        values: {risk: low}
      - id: review
        type: gate
        title: "Order {{ item.order_id }}"
        suggestion: "{{ outputs.rated }}"
        approve:
          reviewers: {groups: [fraud]}
          reasons: [policy]
          expire: {after: 1h, then: reject}
        on_approve:
          - id: write
            type: csv.write
            path: sheet.csv
            mode: append
            columns: [order_id, risk]
            rows:
              - ["{{ item.order_id }}", "{{ final.risk }}"]
"""
"""The same without a model and without knowledge."""
BODIES: dict[str, Json] = {
    "approve": {"action": "approve"},
    "reject": {"action": "reject", "reason_code": "policy", "comment": "No."},
    "edit": {"action": "edit", "fields": {"risk": "high"}, "comment": "Higher."},
}
PAUSE_S = 0.15
GIVE_UP_S, ENDS_S = 240.0, 180.0
MAYBE = frozenset({500, 502, 503, 504})


@dataclass
class Caller:
    """One key's client. ``name`` is who that is."""

    lab: Lab
    name: str
    key: str

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        self.client = httpx.AsyncClient(base_url=f"{self.lab.url}/api/v1", headers=headers, timeout=30, trust_env=False)

    async def get(self, path: str, **query: Json) -> Json:
        """Read, as often as it takes."""
        answer = await self._insist(lambda: self.client.get(path, params=query))
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: Json, key: str) -> httpx.Response:
        """Send with an idempotency key until there is an answer that settles it."""
        return await self._insist(lambda: self.client.post(path, json=body, headers={"Idempotency-Key": key}))

    async def _insist(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                try:
                    answer = await send()
                except httpx.TransportError:
                    await asyncio.sleep(PAUSE_S)
                    continue
                if answer.status_code == 500:
                    self.lab.ops.add("server_error", by=self.name, path=str(answer.request.url.path), said=answer.text)
                if answer.status_code not in MAYBE:
                    return answer
                await asyncio.sleep(PAUSE_S)


@dataclass
class Workload:
    """Starts executions and decides gates, seeded. ``rivals`` is the share of gates that two people decide at once.

    Clear ``calm`` while faults are injected.
    """

    lab: Lab
    seed: int
    rows: int = 5
    rivals: float = 0.3
    flow: str = FLOW
    calm: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.calm.set()
        self.random = random.Random(self.seed)
        self.starter = Caller(self.lab, "Starter", self.lab.cast.starter)
        self.reviewers = [Caller(self.lab, name, key) for name, key in self.lab.cast.reviewers.items()]
        self._taken: set[str] = set()
        self._numbers = iter(range(1_000_000))

    async def close(self) -> None:
        for caller in (self.starter, *self.reviewers):
            await caller.client.aclose()

    async def save(self) -> None:
        answer = await self.starter.post(
            "/flows", {"source": self.flow, "name": "orders.yaml", "origin": "api"}, "flow"
        )
        assert answer.is_success, answer.text

    async def start(self) -> str:
        """Start one execution over rows of its own; returns its id when that is acknowledged."""
        number = next(self._numbers)
        rows = [f"E{self.seed}-{number:03}-{row:02}" for row in range(self.rows)]
        file = f"orders-{self.seed}-{number:03}.csv"
        lines = [f"{row},{self.random.randint(10, 9000)},note of {row}" for row in rows]
        (self.lab.files / file).write_text("\n".join(["order_id,amount,notes", *lines, ""]))
        key = f"start-{self.seed}-{number}"
        self.lab.ops.add("start", key=key, rows=rows)
        answer = await self.starter.post("/flows/orders/executions", {"inputs": {"file": file}}, key)
        assert answer.status_code in {200, 201}, answer.text
        execution: str = answer.json()["execution"]
        self.lab.ops.add("started_execution", key=key, execution=execution)
        return execution

    async def run_one(self) -> None:
        """Start an execution and wait for its end; somebody must be ``reviewing`` meanwhile."""
        await self.ended(await self.start())

    async def ended(self, execution: str) -> Json:
        """Wait for the end: as long as there are faults, and a bounded time after them."""
        calm_since: float | None = None
        while True:
            result = await self.starter.get(f"/executions/{execution}/result", wait=5)
            if result["ended_at"] is not None:
                self.lab.ops.add("ended", execution=execution, state=result["state"])
                return result
            if self.calm.is_set():
                calm_since = calm_since or time.monotonic()
                waited = time.monotonic() - calm_since
                assert waited < ENDS_S, f"{execution} is {result['state']} {waited:.0f} s after the faults: {result}"

    async def open_gates(self, execution: str, count: int) -> list[Json]:
        """The execution's gates as a reviewer reads them, as soon as ``count`` are open."""
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                lines = (await self.starter.get("/gates", state="open", execution=execution, limit=200))["items"]
                if len(lines) >= count:
                    return list(await asyncio.gather(*(self.starter.get(f"/gates/{line['id']}") for line in lines)))
                await asyncio.sleep(PAUSE_S)

    async def reviewing(self) -> None:
        """Decide whatever is open, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                page = await self.starter.get("/gates", state="open", limit=100)
                for line in page["items"]:
                    if line["id"] not in self._taken:
                        self._taken.add(line["id"])
                        group.create_task(self.decide(line["id"]))
                await asyncio.sleep(PAUSE_S)

    async def decide(self, gate_id: str) -> None:
        """One person decides, or two at once who may disagree."""
        count = 2 if self.random.random() < self.rivals else 1
        people = self.random.sample(self.reviewers, count)
        actions = [self.random.choice(("approve", "approve", "reject", "edit")) for _ in people]
        await asyncio.gather(*(self.act(who, gate_id, action) for who, action in zip(people, actions, strict=True)))

    async def act(self, who: Caller, gate_id: str, action: str, *, anew: str = "") -> httpx.Response:
        """Read the gate, decide it, and note the answer. ``anew`` makes it another request than the caller's first."""
        gate = await who.get(f"/gates/{gate_id}")
        body = {**BODIES[action], "revision": gate["revision"], "action_digest": gate["action_digest"]}
        return await self.send(who, gate_id, body, anew=anew)

    async def send(self, who: Caller, gate_id: str, body: Json, *, anew: str = "") -> httpx.Response:
        self.lab.ops.add("decide", gate=gate_id, by=who.name, action=body["action"])
        answer = await who.post(f"/gates/{gate_id}/decision", body, f"{gate_id}:{who.name}{anew}")
        said = answer.json()
        facts = {"status": answer.status_code, "outcome": said.get("outcome"), "code": said.get("code")}
        facts |= {"context": said.get("context"), "detail": said.get("detail")}
        self.lab.ops.add("decided", gate=gate_id, by=who.name, action=body["action"], **facts)
        return answer
