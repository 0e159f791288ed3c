"""Gates as flows see them: suggest, validate, enrich, wait, decide, and effects that happen once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.workflows.interpreter.stage import NAMESPACE, WAIT_S, Stage
from workflows.store.repositories import pauses

FLOW = """
id: order
inputs: [{id: amount, type: number}]
tasks:
  - id: review
    type: gate
    title: "Order of {{ inputs.amount }}"
    show: [{label: Amount, value: "{{ inputs.amount }}", format: money EUR}]
    suggest:
      type: agent
      instructions: Decide how risky the order is.
      prompt: "{{ inputs | tojson }}"
      output:
        risk: {type: string, enum: [low, high]}
    approve:
      reviewers: {groups: [fraud]}
      editable: [risk]
      reasons: [wrong]
    on_approve:
      - id: write
        type: csv.write
        path: sheet.csv
        mode: append
        rows: [{amount: "{{ inputs.amount }}", risk: "{{ final.risk }}"}]
outputs:
  risk: {value: "{{ outputs.review.risk }}", type: string}
  decision: {value: "{{ outputs.review.meta.decision }}", type: string}
"""


def sheet(stage: Stage) -> list[str]:
    path = stage.files / "sheet.csv"
    return path.read_text().splitlines() if path.exists() else []


async def test_a_suggestion_waits_for_a_person_and_its_effect_happens_once(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    assert sheet(stage) == []
    waiting = await stage.until(lambda: stage.execution(handle.id).state == "waiting" and stage.execution(handle.id))
    assert waiting.reason["code"] == "waiting_for_decision"
    await stage.answer(gate)
    ended = await stage.ended(handle)
    assert ended.state == "succeeded"
    assert ended.outputs["decision"] == "approved"
    assert sheet(stage)[0] == "amount,risk"
    assert len(sheet(stage)) == 2


async def test_an_edit_decides_on_other_fields_and_those_are_written(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate, "edit", fields={"risk": "high"})
    ended = await stage.ended(handle)
    assert ended.outputs == {"risk": "high", "decision": "edited"}
    assert sheet(stage)[1] == "12,high"


async def test_a_rejection_ends_the_execution_as_rejected_with_its_reason(stage: Stage) -> None:
    """A rejection is data: no effect, no error, the reason says who and why."""
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate, "reject", reason_code="wrong")
    ended = await stage.ended(handle)
    assert ended.state == "rejected"
    assert ended.reason is not None
    assert "Rita" in json.dumps(ended.reason)
    assert sheet(stage) == []


async def test_requested_changes_bring_a_new_revision_to_the_same_gate(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate, "request_changes", comment="Look again.")

    def revised() -> object:
        found = stage.gates(handle.id)
        return found and found[0].revision > gate.revision and found[0]

    again = await stage.until(revised)
    assert again.id == gate.id
    await stage.answer(again)
    assert (await stage.ended(handle)).state == "succeeded"


async def test_a_doorbell_with_a_forged_id_changes_nothing(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    for what in (gate.id, "nonsense", gate.id):
        await stage.gateway.ring(handle.id, what)
    await stage.answer(gate)
    assert (await stage.ended(handle)).state == "succeeded"
    assert len(sheet(stage)) == 2


async def test_cancelling_withdraws_the_open_gate(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.gateway.cancel(handle.id)
    ended = await stage.ended(handle)
    assert ended.state == "cancelled"
    assert [g.state for g in stage.gates(handle.id, only_open=False)] == ["withdrawn"]
    assert gate.state == "open"


async def test_five_steps_with_one_gate_take_at_most_25_events_and_8_kilobytes(stage: Stage) -> None:
    """Set, agent, rule, wait, write: what the architecture promises of history."""
    flow = FLOW.replace("tasks:\n", "tasks:\n  - {id: parsed, type: set, values: {amount: '{{ inputs.amount }}'}}\n", 1)
    flow = flow.replace("    approve:\n", "    validate: [{require: 'suggestion.risk != \"none\"'}]\n    approve:\n", 1)
    handle = await stage.start(flow, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate)
    assert (await stage.ended(handle)).state == "succeeded"
    history = await handle.fetch_history()
    assert len(history.events) <= 25
    assert sum(event.ByteSize() for event in history.events) <= 8 * 1024


async def refused(handle: Any) -> bool:
    """Whether an activity of the run was sent back at least once."""
    description = await handle.describe()
    return any(activity.attempt > 1 for activity in description.raw_description.pending_activities)


async def test_a_pause_stops_effects_and_leaves_decisions_open(stage: Stage) -> None:
    """Paused: people go on deciding, nothing is written. Resumed: what was decided happens, once."""
    stage.db.write_sync(lambda tx: pauses.pause(tx, NAMESPACE, flow_id="order", by="ops", reason="audit"))
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate)

    async with asyncio.timeout(WAIT_S):
        while not await refused(handle):
            await asyncio.sleep(0.05)
    assert sheet(stage) == []
    stage.db.write_sync(lambda tx: pauses.resume(tx, NAMESPACE, flow_id="order"))
    assert (await stage.ended(handle)).state == "succeeded"
    assert len(sheet(stage)) == 2
