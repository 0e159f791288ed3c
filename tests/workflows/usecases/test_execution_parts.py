"""How the parts of an execution stand: the most urgent state wins, elements are in their order, loops may nest."""

from __future__ import annotations

from collections import Counter

import pytest

from workflows.flow.planned import ApprovePlan, BranchPlan, FlowPlan, ForeachPlan, GatePlan, StagePlan, TaskPlan
from workflows.store.repositories.execution_traces import GateState, Trace
from workflows.usecases.execution_parts import ORDER, by_key, loops_of, parts_of, split, urgent, walk


def step(name: str, kind: str = "activity", **more: object) -> TaskPlan:
    return TaskPlan(id=name, type=kind, kind=kind, **more)


def gate(name: str = "review") -> TaskPlan:
    plan = GatePlan(
        title="?", output_schema={}, approve=ApprovePlan(stages=(StagePlan(),)),
        suggest=step("suggest", "agent"), enrich=(step("history"),), on_approve=(step("write"),),
    )  # fmt: skip
    return step(name, "gate", gate=plan)


def loop(name: str, *tasks: TaskPlan) -> TaskPlan:
    return step(name, "foreach", foreach=ForeachPlan(items=[], result=tasks[-1].id, tasks=tasks))


PLAN = FlowPlan(flow_id="f", tasks=(step("orders"), loop("triage", gate())))


def asked(key: str, state: str = "open", outcome: str | None = None, path: str = "triage/review") -> GateState:
    return GateState(f"g{key}", path, key, state, outcome)


def parts(gates=(), traces=(), failed=(), *, ended=False, plan=PLAN):
    return parts_of(plan, list(gates), traces, failed, ended=ended)


def test_a_place_is_a_task_and_an_element():
    assert split("triage/review/write[57]") == ("triage/review/write", "57")
    assert split("outer/inner[3.57]") == ("outer/inner", "3.57")
    assert split("orders") == ("orders", "")


def test_tasks_are_walked_in_the_order_of_the_text_with_everything_inside_them():
    switch = step("which", "switch", branch=BranchPlan(cases={"a": (step("one"),)}, default=(step("two"),)))
    again = step("poll", "repeat", properties={"tasks": [step("look").model_dump()]})
    plan = FlowPlan(flow_id="f", tasks=(*PLAN.tasks, switch), errors=(again,), finally_=(step("tidy"),))
    assert [path for path, _ in walk(plan)] == [
        "orders", "triage", "triage/review", "triage/review/suggest", "triage/review/history", "triage/review/write",
        "which", "which/one", "which/two", "poll", "poll/look", "tidy",
    ]  # fmt: skip
    assert loops_of(plan) == ["triage"]


def test_nothing_has_happened_yet():
    made = parts()
    assert (made.tasks, made.loops[0].elements, made.gates) == ({}, [], [])


@pytest.mark.parametrize(
    ("state", "outcome", "shown"),
    [
        ("open", None, "waiting"),
        ("withdrawn", None, "withdrawn"),
        ("decided", "approved", "approved"),
        ("decided", "rejected", "rejected"),
        ("decided", "auto", "auto"),
        ("decided", None, "succeeded"),
        ("decided", "something new", "succeeded"),
    ],
)
def test_a_gate_shows_what_it_came_to(state, outcome, shown):
    assert parts([asked("0", state, outcome)]).loops[0].elements[0].state == shown


def test_an_element_shows_its_most_urgent_part():
    """Approved, and its effect lost its answer: that is what somebody must look at."""
    made = parts([asked("0", "decided", "approved")], [Trace("triage/review/write[0]", "unknown")])
    assert made.loops[0].elements[0].state == "unknown"
    assert made.loops[0].elements[0].gates == ("g0",)


def test_what_a_restart_runs_again_has_failed_whatever_else_is_known():
    traces = [Trace("triage/review/write[2]", "succeeded")]
    made = parts([asked("2", "decided", "approved")], traces, ["triage/review/write[2]"], ended=True)
    assert made.loops[0].counts == {"failed": 1}
    assert made.tasks["triage/review/write"] == Counter(failed=1)


def test_nothing_runs_in_an_execution_that_has_ended():
    traces = [Trace("orders", "running")]
    assert parts(traces=traces).tasks["orders"] == Counter(running=1)
    assert parts(traces=traces, ended=True).tasks["orders"] == Counter(cancelled=1)


def test_elements_are_in_the_order_of_their_numbers_and_counted_by_urgency():
    gates = [asked(key, "decided", "approved") for key in ("10", "9", "100")] + [asked("2")]
    made = parts(gates, [Trace("triage/review/suggest[3]", "failed")]).loops[0]
    assert [one.key for one in made.elements] == ["2", "3", "9", "10", "100"]
    assert list(made.counts.items()) == [("failed", 1), ("waiting", 1), ("approved", 3)]


def test_an_element_of_an_outer_loop_stands_as_the_elements_inside_it_do():
    plan = FlowPlan(flow_id="f", tasks=(loop("days", loop("orders", step("read"), gate())),))
    gates = [asked(key, path="days/orders/review") for key in ("1.0", "1.2")]
    made = parts(gates, [Trace("days/orders/read[0.7]", "succeeded")], plan=plan)
    outer, inner = made.loops
    assert [(one.key, one.state) for one in outer.elements] == [("0", "succeeded"), ("1", "waiting")]
    assert [one.key for one in inner.elements] == ["0.7", "1.0", "1.2"]
    assert outer.elements[1].gates == ("g1.0", "g1.2")


def test_gates_outside_loops_are_listed_by_themselves():
    plan = FlowPlan(flow_id="f", tasks=(gate(),))
    made = parts([asked("", path="review")], plan=plan)
    assert (made.gates, made.loops) == (["g"], [])
    assert made.tasks["review"] == Counter(waiting=1)


def test_keys_that_are_no_numbers_have_an_order_too():
    assert sorted(["b", "10", "9", "3.10", "3.9"], key=by_key) == ["b", "3.9", "3.10", "9", "10"]


def test_of_many_states_the_first_in_the_order_is_shown():
    assert urgent(reversed(ORDER)) == ORDER[0]
    assert urgent([]) == "succeeded"


def test_ten_thousand_elements_are_summed_up_without_loss():
    gates = [asked(str(n), "decided", "approved" if n % 2 else "rejected") for n in range(10_000)]
    made = parts(gates, [Trace(f"triage/review/suggest[{n}]", "succeeded") for n in range(10_000)]).loops[0]
    assert made.counts == {"rejected": 5000, "approved": 5000}
    assert [one.key for one in made.elements] == [str(n) for n in range(10_000)]
