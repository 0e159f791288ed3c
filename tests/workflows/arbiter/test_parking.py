"""What an execution says while it waits for people."""

from __future__ import annotations

from workflows.store.repositories import executions

NS = "sales"


def reason(office):
    return office.database.read_sync(lambda tx: executions.get(tx, NS, "e1")).reason


def test_one_open_gate_is_named_with_the_command_that_decides_it(office):
    gate = office.open(item="0", parked=True)
    found = reason(office)
    assert (found["code"], found["task"]) == ("waiting_for_decision", "triage/review")
    assert gate.gate_id in found["remedy"]


def test_many_open_gates_are_counted_whichever_of_them_was_the_last(office):
    """Loops over many rows run in several workflows: the last one to park speaks for all of them."""
    for item in range(3):
        office.open(item=str(item))
    office.open(item="3", parked=True)
    assert reason(office)["message"] == "4 decisions are waiting."


def test_gates_of_another_execution_are_not_counted(office):
    office.execution("e2")
    office.open(item="0", execution_id="e2")
    office.open(item="0", parked=True)
    assert "decide on" in reason(office)["message"]
