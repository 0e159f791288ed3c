"""Lists of tasks: order, conditions, values, failures, errors and finally."""

from __future__ import annotations

from tests.workflows.interpreter.stage import Stage


async def test_tasks_run_in_order_and_see_what_came_before(stage: Stage) -> None:
    """Each task's output is visible to those after it, with its type."""
    ended = await stage.run(
        """
        id: sums
        inputs: [{id: n, type: int}]
        vars: {factor: 2}
        tasks:
          - {id: first, type: set, values: {doubled: "{{ inputs.n * vars.factor }}"}}
          - {id: second, type: set, values: {text: "got {{ outputs.first.doubled }}", n: "{{ outputs.first.doubled }}"}}
        outputs:
          text: {value: "{{ outputs.second.text }}", type: string}
          n: {value: "{{ outputs.second.n }}", type: int}
        """,
        {"n": 21},
    )
    assert ended.state == "succeeded"
    assert ended.outputs == {"text": "got 42", "n": 42}


async def test_a_task_whose_condition_does_not_hold_is_skipped(stage: Stage) -> None:
    ended = await stage.run(
        """
        id: skips
        tasks:
          - {id: never, type: fail, when: "1 > 2", message: no}
          - {id: after, type: set, values: {ran: true}}
        outputs: {ran: {value: "{{ outputs.after.ran }}", type: bool}}
        """
    )
    assert (ended.state, ended.outputs) == ("succeeded", {"ran": True})


async def test_a_failed_task_stops_its_list_and_says_why(stage: Stage) -> None:
    """Errors run, then finally; neither hides the failure; tasks after the failed one never run."""
    ended = await stage.run(
        """
        id: breaks
        tasks:
          - {id: bad, type: fail, when: "1 < 2", message: "no {{ 1 + 1 }}"}
          - {id: later, type: file.write, path: later.txt, content: never}
        errors:
          - {id: tell, type: file.write, path: tell.txt, content: "{{ error.message }}"}
        finally:
          - {id: last, type: file.write, path: last.txt, content: done}
        """
    )
    assert ended.state == "failed"
    assert ended.reason == {"code": "failed_by_flow", "message": "no 2", "task": "bad"}
    assert (stage.files / "tell.txt").read_text() == "no 2"
    assert (stage.files / "last.txt").read_text() == "done"
    assert not (stage.files / "later.txt").exists()
