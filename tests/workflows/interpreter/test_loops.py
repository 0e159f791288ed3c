"""``foreach``: order, concurrency, waiting that holds nothing, rejections, failures, and many elements."""

from __future__ import annotations

import json

import pytest

from tests.workflows.interpreter.stage import Stage
from workflows.contracts import Limits

GATES = """
id: rows
inputs: [{id: rows, type: json}]
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.rows }}"
    concurrency: 20
    tasks:
      - id: review
        type: gate
        title: "Row {{ item.n }}"
        suggest:
          type: agent
          prompt: "{{ item | tojson }}"
          output: {risk: {type: string, enum: [low, high]}}
        approve: {reviewers: {groups: [fraud]}}
        on_approve:
          - {id: write, type: csv.write, path: sheet.csv, mode: append, rows: [{n: "{{ item.n }}"}]}
outputs:
  counts: {value: "{{ outputs.each.counts }}", type: json}
"""

SUMS = """
id: sums
inputs: [{id: rows, type: json}]
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.rows }}"
    concurrency: CONCURRENCY
    on_failure: ON_FAILURE
    tasks:
      - {id: bad, type: fail, when: "item.n == 3", message: "no {{ item.n }}"}
      - {id: double, type: set, values: {n: "{{ item.n * 2 }}", at: "{{ index }}"}}
outputs:
  each: {value: "{{ outputs.each }}", type: json}
"""


def rows(count: int) -> dict[str, object]:
    return {"rows": [{"n": n} for n in range(count)]}


def sums(concurrency: int = 2, on_failure: str = "collect") -> str:
    return SUMS.replace("CONCURRENCY", str(concurrency)).replace("ON_FAILURE", on_failure)


async def test_results_come_in_source_order_with_their_index(stage: Stage) -> None:
    ended = await stage.run(sums(), rows(3))
    assert ended.outputs is not None
    assert ended.outputs["each"] == {
        "results": [{"index": n, "n": n * 2, "at": n} for n in range(3)],
        "rejected": [],
        "failed": [],
        "counts": {"total": 3, "finished": 3, "rejected": 0, "failed": 0},
    }


async def test_an_empty_list_succeeds(stage: Stage) -> None:
    ended = await stage.run(sums(), rows(0))
    assert ended.state == "succeeded"
    assert ended.outputs is not None
    assert ended.outputs["each"]["counts"]["total"] == 0


async def test_collected_failures_are_told_and_the_execution_warns(stage: Stage) -> None:
    ended = await stage.run(sums(), rows(5))
    assert ended.state == "warning"
    assert ended.outputs is not None
    assert ended.outputs["each"]["failed"] == [{"index": 3, "item": {"n": 3}, "reason": "no 3"}]
    assert ended.outputs["each"]["counts"]["finished"] == 4


async def test_a_failing_element_fails_the_loop_and_later_elements_never_begin(stage: Stage) -> None:
    ended = await stage.run(sums(concurrency=1, on_failure="fail"), rows(6))
    assert ended.state == "failed"
    assert ended.reason is not None
    assert "no 3" in ended.reason["message"]
    assert ended.failed


@pytest.mark.slow
async def test_waiting_holds_nothing(stage: Stage) -> None:
    """120 rows at concurrency 20 reach 120 open gates with nobody deciding; then all are decided, each effect once."""
    handle = await stage.start(GATES, rows(120))
    gates = await stage.open_gates(handle.id, 120)
    waiting = await stage.until(lambda: stage.execution(handle.id).state == "waiting" and stage.execution(handle.id))
    assert waiting.reason["code"] == "waiting_for_decision"
    for gate in gates[:100]:
        stage.decide(gate)
    for gate in gates[100:]:
        stage.decide(gate, "reject", comment="no")
    for gate in gates:
        await stage.gateway.ring(gate.workflow_id, gate.id)
    ended = await stage.ended(handle)
    assert ended.outputs == {"counts": {"total": 120, "finished": 100, "rejected": 20, "failed": 0}}
    written = (stage.files / "sheet.csv").read_text().splitlines()
    assert len(written) == 101
    assert len(set(written)) == 101


async def test_many_elements_run_in_child_workflows_and_come_back_in_order(stage: Stage) -> None:
    ended = await stage.run(sums(concurrency=4), rows(25), limits=Limits(chunk_items=6))
    assert ended.outputs is not None
    results = ended.outputs["each"]["results"]
    assert [row["index"] for row in results] == [n for n in range(25) if n != 3]
    assert ended.outputs["each"]["counts"] == {"total": 25, "finished": 24, "rejected": 0, "failed": 1}


async def test_an_execution_in_chunks_waits_only_when_every_chunk_does(stage: Stage) -> None:
    """While any chunk still works, the execution runs; then it says how many decisions wait, in all chunks together."""
    flow = GATES.replace("concurrency: 20", "concurrency: 4")
    handle = await stage.start(flow, rows(9), limits=Limits(chunk_items=3))
    gates = await stage.open_gates(handle.id, 9)
    waiting = await stage.until(lambda: stage.execution(handle.id).state == "waiting" and stage.execution(handle.id))
    assert waiting.reason["message"].startswith("9 decisions")
    for gate in gates:
        await stage.answer(gate)
    ended = await stage.ended(handle)
    assert ended.outputs == {"counts": {"total": 9, "finished": 9, "rejected": 0, "failed": 0}}


async def test_stored_rows_are_read_in_slices(stage: Stage) -> None:
    """Rows above 64 KB travel as a reference; the loop opens it, results above the limit become one too."""
    lines = "n,text\n" + "".join(f"{n},{'x' * 400}\n" for n in range(300))
    (stage.files / "rows.csv").write_text(lines)
    flow = """
id: stored
tasks:
  - {id: read, type: csv.read, from: rows.csv, columns: {n: int, text: string}}
  - id: each
    type: foreach
    items: "{{ outputs.read.rows }}"
    tasks:
      - {id: keep, type: set, values: {n: "{{ item.n }}"}}
outputs:
  counts: {value: "{{ outputs.each.counts }}", type: json}
  last: {value: "{{ outputs.each.results | last }}", type: json}
"""
    ended = await stage.run(flow)
    assert ended.reason is None
    assert ended.outputs == {
        "counts": {"total": 300, "finished": 300, "rejected": 0, "failed": 0},
        "last": {"index": 299, "n": 299},
    }


async def test_a_long_history_starts_afresh_and_nobody_is_asked_twice(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    """With tiny histories the run continues as new many times; gates, effects and order stay as if it had not."""
    handle = await stage.start(GATES, rows(12), limits=Limits(history_events=60))
    gates = await stage.open_gates(handle.id, 12)
    assert len({gate.id for gate in gates}) == 12
    for gate in gates:
        await stage.answer(gate)
    ended = await stage.ended(handle)
    assert ended.outputs == {"counts": {"total": 12, "finished": 12, "rejected": 0, "failed": 0}}
    assert len((stage.files / "sheet.csv").read_text().splitlines()) == 13
    assert len([run async for run in stage.runs(handle.id)]) > 1
    assert "invalid command" not in capfd.readouterr().out  # what the SDK says when the server refuses an end
    for gate in stage.gates(handle.id, only_open=False):
        assert gate.revision == 1, json.dumps(gate.title)
