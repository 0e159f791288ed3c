"""The operation gateway: the one door through which an agent's calls leave.

Before a call its request is in the journal; before the answer is used, so is the answer. A call whose answer
is recorded is not made again: the recorded answer comes back instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from agents.budget import total
from agents.canonical import digest, storable
from agents.contracts import AgentError, AgentRequest, Operation, PositionIndex, Recorder, Usage

Json = Any
Answer = tuple[Json, Usage | None]
Perform = Callable[[], Awaitable[Answer]]
ToolKind = Literal["tool", "retrieval"]


class Gateway:
    """All operations of one step. Lanes (samples running side by side) share it: equal requests are interchangeable.

    ``n`` counts equal requests of this run, so two samples of one prompt are two operations, on the retry as well.
    """

    def __init__(self, recorder: Recorder, request: AgentRequest) -> None:
        self._recorder = recorder
        self._request = request
        self._equal: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self.usages: list[Usage] = []

    @property
    def usage(self) -> Usage:
        """What the step cost, answers taken from the journal included."""
        return total(self.usages)

    async def note(self, kind: str, content: Json, **meta: Json) -> None:
        await self._recorder.note(kind, {"op_id": self._request.op_id, **meta}, storable(content))

    async def ask_model(self, lane: int, request: Json, meta: dict[str, Json], perform: Perform) -> tuple[str, Json]:
        """Return the operation's key and the answer. ``request`` is what leaves; its hash decides what is equal."""
        request_hash = digest(request)
        n = self._equal[request_hash]
        self._equal[request_hash] += 1
        self._places[f"llm:{lane}"] += 1
        position = f"llm:{lane}:{self._places[f'llm:{lane}']}"
        key = f"{self._request.op_id}:{request_hash}:{n}"
        operation = self._operation(key, "llm", request_hash, request, {**meta, "position": position})
        await self._notice_divergence(operation, position)
        answer = await self._once(operation, perform)
        self.usages.append(Usage.model_validate(answer["usage"]))
        return key, answer

    async def run_tool(self, kind: ToolKind, tool_call_id: str, request: Json, perform: Perform) -> Json:
        """The answer of a tool call. ``tool_call_id`` is unique within the step."""
        clean = storable(request)
        key = f"{self._request.op_id}:{tool_call_id}"
        return await self._once(self._operation(key, kind, digest(clean), clean, {}), perform)

    def _operation(
        self,
        key: str,
        kind: Literal["llm", "tool", "retrieval"],
        request_hash: str,
        request: Json,
        meta: dict[str, Json],
    ) -> Operation:
        return Operation(
            key=key,
            op_id=self._request.op_id,
            kind=kind,
            request_hash=request_hash,
            request=request,
            meta={"scope_key": self._request.scope_key, **meta},
        )

    async def _once(self, operation: Operation, perform: Perform) -> Json:
        recorded = await self._recorder.begin(operation)
        if recorded is not None:
            return recorded
        try:
            answer, usage = await perform()
        except AgentError as error:
            await self._recorder.fail(operation, str(error), error.code)
            raise
        await self._recorder.finish(operation, answer, usage)
        return answer

    async def _notice_divergence(self, operation: Operation, position: str) -> None:
        if not isinstance(self._recorder, PositionIndex):
            return
        before = await self._recorder.recorded_hash(operation.op_id, position)
        if before is not None and before != operation.request_hash:
            content = {"recorded": before, "now": operation.request_hash}
            await self.note("llm.divergence", content, position=position)
