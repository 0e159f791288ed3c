"""The operation journal of one step: every request written before it leaves, every answer before it is used.

Model and tool calls are written ahead (``*.request``, then ``*.response``). Look-ups (retrieval, embedding, the offline
model) change nothing and cost nothing to repeat, so they are written once, when they are answered: one record holds
both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from workflows.journal import sealed_answers
from workflows.journal.fencing import Fenced, pass_fence
from workflows.journal.records import Journal, Record
from workflows.store.db import Database, Tx
from workflows.store.repositories import operations
from workflows.store.repositories.operations import OperationRow

Json = Any
_LOOKUPS = frozenset({"retrieval", "embedding"})
_OFFLINE = "offline"


class OperationLike(Protocol):
    """One call about to be made; equal ``key`` means the same call, ``meta`` holds nothing personal."""

    @property
    def key(self) -> str: ...
    @property
    def op_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def request_hash(self) -> str: ...
    @property
    def request(self) -> Json: ...
    @property
    def meta(self) -> Mapping[str, Json]: ...


class UsageLike(Protocol):
    """What a call used; ``usd`` is None when the price is unknown."""

    @property
    def calls(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def usd(self) -> float | None: ...


class DbRecorder:
    """Records the operations of one attempt of one step.

    ``fence`` grows from attempt to attempt; without one the attempt takes the next number with its first write.
    """

    def __init__(
        self,
        db: Database,
        journal: Journal,
        *,
        namespace: str,
        execution_id: str,
        flow_id: str | None = None,
        path: str | None = None,
        attempt: int = 1,
        fence: int | None = 1,
    ) -> None:
        self._db = db
        self._journal = journal
        self._namespace = namespace
        self._execution_id = execution_id
        self._flow_id = flow_id
        self._path = path
        self._attempt = attempt
        self._fence = fence
        self._nothing_of: set[str] = set()

    async def begin(self, operation: OperationLike) -> Json | None:
        """Return the recorded answer, or record the request and return None: then make the call.

        Raises ``AnswerErased``, ``AuditConflict`` (both permanent), ``Fenced`` and ``StoreUnavailable``.
        """
        if _is_look_up(operation):
            if operation.op_id in self._nothing_of:
                return None
            return await self._db.read(lambda tx: self._recorded(tx, operation))
        self._nothing_of.discard(operation.op_id)
        answer, self._fence = await self._db.write(lambda tx: self._begin(tx, operation))
        return answer

    async def finish(self, operation: OperationLike, answer: Json, usage: UsageLike | None = None) -> None:
        """Record the answer. Raises ``Fenced``: the answer must not be used then."""
        self._nothing_of.discard(operation.op_id)
        self._fence = await self._db.write(lambda tx: self._finish(tx, operation, answer, usage))

    async def fail(self, operation: OperationLike, error: str, code: str) -> None:
        """Record that the call failed and has no answer. Raises ``Fenced``."""
        self._nothing_of.discard(operation.op_id)
        self._fence = await self._db.write(lambda tx: self._fail(tx, operation, error, code))

    async def note(self, kind: str, meta: Mapping[str, Json], content: Json) -> None:
        """Record something that is not a call. Raises ``UnknownKind``."""
        await self._db.write(lambda tx: self._write(tx, kind, dict(meta), content))

    async def recorded_hash(self, op_id: str, position: str) -> str | None:
        """The request hash recorded for the call at a position of the step, to notice a divergence."""
        if op_id in self._nothing_of:
            return None
        rows = await self._db.read(lambda tx: operations.of_op(tx, self._namespace, op_id))
        if not rows:
            self._nothing_of.add(op_id)  # the look-up that follows need not ask again
        return next((row.request_hash for row in rows if (row.meta or {}).get("position") == position), None)

    def _recorded(self, tx: Tx, operation: OperationLike) -> Json | None:
        row = operations.get(tx, self._namespace, operation.key)
        if row is None or row.state != "answered" or row.request_hash != operation.request_hash:
            return None
        return self._answer(tx, row)

    def _answer(self, tx: Tx, row: OperationRow) -> Json:
        return sealed_answers.read(tx, self._journal.keyring, self._namespace, row.key, row.answer)

    def _begin(self, tx: Tx, operation: OperationLike) -> tuple[Json | None, int]:
        fence = pass_fence(tx, self._namespace, operation.op_id, self._fence)
        if self._insert(tx, operation, fence):
            self._request(tx, operation, 1)
            return None, fence
        row = operations.get_for_update(tx, self._namespace, operation.key)
        assert row is not None
        if row.state == "answered" and row.request_hash == operation.request_hash:
            return self._answer(tx, row), fence
        times = row.attempt + 1
        if row.state == "answered":
            change = {"recorded": row.request_hash, "now": operation.request_hash}
            self._about(tx, operation, "divergence", row.attempt, content=change)
        if row.state == "requested":
            self._about(tx, operation, "unknown_outcome", row.attempt)
        self._again(tx, operation, times, fence)
        self._request(tx, operation, times)
        return None, fence

    def _finish(self, tx: Tx, operation: OperationLike, answer: Json, usage: UsageLike | None) -> int:
        content: dict[str, Json] = {"answer": answer}
        meta: dict[str, Json] = {"usage": _usage(usage)} if usage is not None else {}
        fence = self._number(tx, operation)
        if _is_look_up(operation):
            content["request"], meta = operation.request, {**operation.meta, **meta}
        times = self._times(tx, operation, fence)
        if times is None:
            return fence
        suffix = "" if operation.kind in _LOOKUPS else "response"
        event_id = self._about(tx, operation, suffix, times, content=content, outcome="ok", meta=meta)
        tokens = None if usage is None else usage.input_tokens + usage.output_tokens
        operations.answered(
            tx,
            self._namespace,
            operation.key,
            fence=fence,
            answer=sealed_answers.pointer(event_id),
            usd=None if usage is None else usage.usd,
            tokens=tokens,
        )
        return fence

    def _fail(self, tx: Tx, operation: OperationLike, error: str, code: str) -> int:
        content: dict[str, Json] = {"error": error}
        fence = self._number(tx, operation)
        if _is_look_up(operation):
            content["request"] = operation.request
        times = self._times(tx, operation, fence)
        if times is None:
            return fence
        operations.failed(tx, self._namespace, operation.key, fence=fence)
        self._about(tx, operation, "failed", times, content=content, outcome=code)
        return fence

    def _times(self, tx: Tx, operation: OperationLike, fence: int) -> int | None:
        """How often the call went out, this time included; None for a look-up that is answered already."""
        if not _is_look_up(operation):
            return self._held(tx, operation, fence).attempt
        if self._insert(tx, operation, fence):
            return 1
        row = self._held(tx, operation, fence)
        if row.state == "answered" and row.request_hash == operation.request_hash:
            return None
        self._again(tx, operation, row.attempt + 1, fence)
        return row.attempt + 1

    def _number(self, tx: Tx, operation: OperationLike) -> int:
        """The attempt's number; its first write takes one where it was given none."""
        return self._fence if self._fence is not None else pass_fence(tx, self._namespace, operation.op_id, None)

    def _held(self, tx: Tx, operation: OperationLike, fence: int) -> OperationRow:
        row = operations.get_for_update(tx, self._namespace, operation.key)
        if row is None:
            raise LookupError(f"operation {operation.key!r} was never begun")
        if row.fence > fence:
            raise Fenced(operation.op_id, fence, row.fence)
        return row

    def _insert(self, tx: Tx, operation: OperationLike, fence: int) -> bool:
        return operations.insert(
            tx,
            self._namespace,
            key=operation.key,
            op_id=operation.op_id,
            kind=operation.kind,
            execution_id=self._execution_id,
            request_hash=operation.request_hash,
            attempt=1,
            fence=fence,
            meta=dict(operation.meta),
        )

    def _again(self, tx: Tx, operation: OperationLike, times: int, fence: int) -> None:
        operations.again(
            tx,
            self._namespace,
            operation.key,
            attempt=times,
            fence=fence,
            request_hash=operation.request_hash,
        )

    def _request(self, tx: Tx, operation: OperationLike, times: int) -> None:
        content = {"request": operation.request}
        self._about(tx, operation, "request", times, content=content, meta=dict(operation.meta))

    def _about(
        self,
        tx: Tx,
        operation: OperationLike,
        suffix: str,
        times: int,
        *,
        content: Json = None,
        outcome: str | None = None,
        meta: dict[str, Json] | None = None,
    ) -> str:
        """Append a record about the operation; ``times`` counts how often it went out."""
        kind = f"{operation.kind}.{suffix}" if suffix else operation.kind
        facts = {"op_id": operation.op_id, "key": operation.key, "request_hash": operation.request_hash}
        op_key = f"{kind}:{operation.key}:{times}"
        return self._write(tx, kind, {**(meta or {}), **facts}, content, outcome=outcome, op_key=op_key)

    def _write(
        self,
        tx: Tx,
        kind: str,
        meta: dict[str, Json],
        content: Json,
        *,
        outcome: str | None = None,
        op_key: str | None = None,
    ) -> str:
        record = Record(
            namespace=self._namespace,
            kind=kind,
            actor_kind="worker",
            flow_id=self._flow_id,
            execution_id=self._execution_id,
            path=self._path,
            attempt=self._attempt,
            outcome=outcome,
            meta=meta,
            content=content,
            op_key=op_key,
        )
        return self._journal.append(tx, record)


def _is_look_up(operation: OperationLike) -> bool:
    """Whether asking again changes nothing and costs nothing, so that nothing need be known of a lost question."""
    return operation.kind in _LOOKUPS or operation.meta.get("provider") == _OFFLINE


def _usage(usage: UsageLike) -> dict[str, Json]:
    return {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "usd": usage.usd,
    }
