"""The yardstick: the five steps as a careful Temporal developer writes them, for this one case and nothing else.

Pure steps are plain code in the workflow; the model call and the write are activities; the approval is a signal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tests.bench.told import told

TIMEOUT = timedelta(seconds=30)
WORKFLOW = "handwritten"
QUEUE = "handwritten-"


@workflow.defn(name=WORKFLOW)
class Handwritten:
    """Parse, ask the model, check, wait for a yes, write."""

    def __init__(self) -> None:
        self.approved_by: str | None = None

    @workflow.signal
    def approve(self, by: str) -> None:
        self.approved_by = by

    @workflow.run
    async def run(self, given: dict[str, Any]) -> dict[str, Any]:
        order = {"order_id": given["order_id"], "amount": float(given["amount"])}
        suggestion = await workflow.execute_activity(
            "suggest", order, start_to_close_timeout=TIMEOUT, result_type=dict[str, Any]
        )
        if suggestion["amount"] < 0:
            raise ValueError("An amount is never negative.")
        if not workflow.unsafe.is_replaying():
            with workflow.unsafe.sandbox_unrestricted():
                told(workflow.info().workflow_id)
        await workflow.wait_condition(lambda: self.approved_by is not None)
        row = [order["order_id"], suggestion["amount"], suggestion["note"]]
        await workflow.execute_activity(
            "write", {"sheet": given["sheet"], "row": row}, start_to_close_timeout=TIMEOUT, result_type=dict[str, Any]
        )
        return {**suggestion, "approved_by": self.approved_by}
