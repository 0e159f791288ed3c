"""A recorder that holds the execution to its budget: money and tokens are set aside before a call, settled after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.contracts import AgentError, Operation, Usage
from workflows.flow.planned import BudgetPlan
from workflows.gates.digest import canonical
from workflows.journal.recorder import DbRecorder
from workflows.store.db import Database
from workflows.store.refusals import BudgetExceeded
from workflows.store.repositories import budgets

Json = Any
CHARS_PER_TOKEN = 3
ANSWER_TOKENS = 1_000
USD_PER_TOKEN = 0.00002
"""What a call is assumed to cost until it is known: a dear model's price, so that a budget errs on the safe side."""


class BudgetedRecorder:
    """Wraps a ``DbRecorder``. Without a budget it only passes on."""

    def __init__(
        self, inner: DbRecorder, db: Database, namespace: str, execution_id: str, budget: BudgetPlan | None
    ) -> None:
        self._inner, self._db = inner, db
        self._namespace, self._execution_id, self._budget = namespace, execution_id, budget

    async def begin(self, operation: Operation) -> Json | None:
        """As ``DbRecorder.begin``; a model call that the budget does not allow raises ``AgentError``."""
        if operation.kind == "llm" and self._budget is not None:
            await self._reserve(operation, self._budget)
        return await self._inner.begin(operation)

    async def finish(self, operation: Operation, answer: Json, usage: Usage | None = None) -> None:
        await self._inner.finish(operation, answer, usage)
        if operation.kind == "llm" and self._budget is not None and usage is not None:
            usd, tokens = usage.usd, usage.input_tokens + usage.output_tokens
            await self._db.write(
                lambda tx: budgets.settle(
                    tx, self._namespace, self._execution_id, operation.key, usd=usd, tokens=tokens
                )
            )

    async def fail(self, operation: Operation, error: str, code: str) -> None:
        await self._inner.fail(operation, error, code)

    async def note(self, kind: str, meta: Mapping[str, Json], content: Json) -> None:
        await self._inner.note(kind, meta, content)

    async def recorded_hash(self, op_id: str, position: str) -> str | None:
        return await self._inner.recorded_hash(op_id, position)

    async def _reserve(self, operation: Operation, budget: BudgetPlan) -> None:
        tokens = len(canonical(operation.request)) // CHARS_PER_TOKEN + ANSWER_TOKENS
        free = operation.meta.get("provider") == "offline"
        usd = 0.0 if free else tokens * USD_PER_TOKEN
        try:
            await self._db.write(
                lambda tx: budgets.reserve(
                    tx,
                    self._namespace,
                    self._execution_id,
                    operation.key,
                    usd=usd,
                    tokens=0 if free else tokens,
                    usd_limit=budget.usd,
                    tokens_limit=budget.tokens,
                )
            )
        except BudgetExceeded as error:
            await self._inner.note("budget.exceeded", {"op_id": operation.op_id}, {"message": str(error)})
            raise AgentError(
                str(error),
                code="budget_exceeded",
                permanent=True,
                remedy="Raise the flow's budget in a new revision, then restart the execution.",
            ) from error
