"""Recorded histories replay on today's code: runs that are under way survive an upgrade.

``python -m tests.workflows.interpreter.record_histories NAME`` records a shape of run. A shape that is there is recorded
anew only when a change of the workflow is *meant* to strand older runs; say so in the changelog then.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workflows.codec import data_converter
from workflows.interpreter.chunk import Chunk
from workflows.interpreter.execution import Execution
from workflows.runner import Runner

TEXTS = {path.stem: path.read_text() for path in (Path(__file__).parent / "histories").glob("*.json")}


def replayer() -> Replayer:
    return Replayer(
        workflows=[Execution, Chunk],
        data_converter=data_converter({"test": bytes(32)}, "test"),
        workflow_runner=Runner(),
    )


def history(text: str) -> WorkflowHistory:
    stored = json.loads(text)
    return WorkflowHistory.from_json(stored["workflow_id"], stored["history"])


def test_every_shape_of_run_is_recorded() -> None:
    assert TEXTS.keys() >= {
        "approved",
        "edited",
        "rejected",
        "changes",
        "cancelled",
        "loop",
        "afresh",
        "chunk",
        "failed",
        "quick",
        "quick-failed",
    }


@pytest.mark.parametrize("name", sorted(TEXTS))
async def test_a_recorded_history_replays(name: str) -> None:
    await replayer().replay_workflow(history(TEXTS[name]))


async def test_a_history_of_other_code_is_noticed() -> None:
    """The test above can fail: a history whose first activity has another name does not replay."""
    text = TEXTS["approved"].replace('"agent.run"', '"agent.walk"')
    assert text != TEXTS["approved"]
    with pytest.raises(Exception, match=r"(?i)nondeterminis|agent"):
        await replayer().replay_workflow(history(text))
