"""What is drawn of an execution: the graph of its flow, the marks on it, bars over time, a strip of its elements."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

import pytest

from api.console.graph import NODE_W, layout, paths
from api.console.pages.execution import STRIP, strip
from api.console.pages.execution_gantt import LEAST, MOST_ROWS, NAMES, WIDTH, chart, levels_chart
from api.console.pages.execution_marks import marks_of
from tests.workflows.usecases.test_execution_parts import PLAN, asked, gate, loop, parts, step
from tests.workflows.usecases.test_execution_spans import START
from workflows.flow.planned import BranchPlan, FlowPlan
from workflows.store.repositories.execution_traces import Trace
from workflows.usecases.execution_parts import Element, Loop
from workflows.usecases.execution_spans import Level, Span


def flow(*tasks, **more):
    return FlowPlan(flow_id="f", tasks=tasks, **more)


def switch():
    cases = {"high": (step("call"),), "low": (step("mail"), step("log"))}
    return step("which", "switch", branch=BranchPlan(cases=cases, default=(step("wait"),)))


class TestGraph:
    def test_a_gate_reads_as_it_happens_suggestion_evidence_question_effect(self):
        assert paths(PLAN) == [
            "orders", "triage", "triage/review/suggest", "triage/review/history", "triage/review",
            "triage/review/write",
        ]  # fmt: skip

    @pytest.mark.parametrize("plan", [PLAN, flow(switch()), flow(loop("outer", loop("inner", switch(), gate())))])
    def test_nothing_overlaps_and_everything_is_inside(self, plan):
        drawing = layout(plan)
        for one in drawing.nodes:
            assert one.x >= 0
            assert one.x + one.width <= drawing.width
            assert one.y + one.height <= drawing.height
            for other in drawing.nodes:
                apart = (
                    other is one
                    or one.x + one.width <= other.x
                    or other.x + other.width <= one.x
                    or one.y + one.height <= other.y
                    or other.y + other.height <= one.y
                )
                assert apart, (one.path, other.path)

    def test_what_is_inside_a_task_stands_in_its_frame(self):
        drawing = layout(PLAN)
        frame = next(box for box in drawing.boxes if box.path == "triage")
        for one in drawing.nodes:
            inside = frame.x < one.x and one.y + one.height < frame.y + frame.height and one.y > frame.y
            assert inside == one.path.startswith("triage"), one.path

    def test_branches_stand_side_by_side_under_their_names(self):
        drawing = layout(flow(switch()))
        across = {one.path: one.x for one in drawing.nodes}
        assert len({across["which/call"], across["which/mail"], across["which/wait"]}) == 3
        assert across["which/mail"] == across["which/log"]
        assert [text.text for text in drawing.labels] == ["high", "low", "otherwise"]

    def test_a_flow_in_a_line_fits_a_phone(self):
        assert layout(flow(step("a"), step("b"))).width == NODE_W + 2
        assert layout(PLAN).width < 343

    def test_what_runs_after_a_failure_and_always_is_drawn_apart(self):
        drawing = layout(flow(step("a"), errors=(step("tell"),), finally_=(step("tidy"),)))
        assert [text.text for text in drawing.labels] == ["on failure", "always"]
        assert [one.path for one in drawing.nodes] == ["a", "tell", "tidy"]

    def test_a_long_name_is_cut_to_its_box_and_whole_in_its_address(self):
        (node,) = layout(flow(step("x" * 90, when="y" * 90))).nodes
        assert (len(node.name), len(node.below)) == (26, 32)
        assert node.path == "x" * 90

    def test_a_flow_without_tasks_is_an_empty_drawing(self):
        assert layout(flow()).nodes == []


class TestMarks:
    def test_one_task_has_its_own_state_and_many_are_counted(self):
        gates = [asked("0"), asked("1"), asked("2", "decided", "approved")]
        marks = marks_of(PLAN, parts(gates, [Trace("orders", "succeeded")]), "waiting", None)
        assert (marks["orders"].state, marks["orders"].words) == ("succeeded", "Done")
        assert (marks["triage/review"].state, marks["triage/review"].words) == ("waiting", "2 waiting")
        assert marks["triage/review"].more == "1 approved"
        assert (marks["triage"].words, marks["triage"].more) == ("2 waiting", "3 elements")

    def test_rejections_are_no_fault_of_the_gate(self):
        gates = [asked("0", "decided", "rejected"), asked("1", "decided", "approved")]
        marks = marks_of(PLAN, parts(gates, ended=True), "succeeded", None)
        assert (marks["triage/review"].state, marks["triage/review"].words) == ("succeeded", "Decided")
        assert marks["triage/review"].more == "1 rejected, 1 approved"

    def test_the_task_that_the_reason_names_has_failed(self):
        marks = marks_of(PLAN, parts(ended=True), "failed", "orders")
        assert (marks["orders"].state, marks["orders"].words) == ("failed", "Failed")
        assert marks["triage"].words == "Not reached"

    def test_tasks_without_records_were_passed_if_something_came_after_them(self):
        plan = flow(step("name", "set"), step("read"), step("tell", "set"))
        made = parts(traces=[Trace("read", "succeeded")], plan=plan)
        marks = marks_of(plan, made, "running", None)
        assert marks["name"].words == "Passed"
        assert "tell" not in marks  # it may still come

    def test_a_task_that_was_not_wanted_is_no_failure(self):
        plan = flow(step("read"), step("tell", when="inputs.loud"))
        marks = marks_of(plan, parts(traces=[Trace("read", "succeeded")], plan=plan, ended=True), "succeeded", None)
        assert marks["tell"].words == "Not needed"

    def test_an_effect_whose_answer_was_lost_is_alarming(self):
        marks = marks_of(PLAN, parts(traces=[Trace("triage/review/write[3]", "unknown")]), "running", None)
        assert (marks["triage/review/write"].state, marks["triage/review/write"].words) == ("failed", "Unknown")


def span(
    start: float, end: float | None, path: str = "a", sort: str = "model", state: str = "succeeded", key: str = ""
):
    at = lambda s: None if s is None else START + timedelta(seconds=s)  # noqa: E731  a name for a sum
    return Span(path, key, sort, at(start), at(end), state, f"e{start}")


class TestGantt:
    NOW = START + timedelta(seconds=100)

    def test_lanes_are_in_the_order_of_the_flow_and_bars_at_their_times(self):
        made = chart([span(0, 100, "", "run"), span(50, 75, "b"), span(0, 50, "a")], ["a", "b", "c"], self.NOW)
        assert [lane.path for lane in made.lanes] == ["", "a", "b"]
        bar = made.lanes[2].bars[0]
        assert bar.x == NAMES + (WIDTH - NAMES) / 2
        assert bar.width == (WIDTH - NAMES) / 4

    def test_what_lasts_reaches_to_now(self):
        made = chart([span(0, 50), span(50, None, sort="people", state="waiting")], ["a"], self.NOW)
        bar = made.lanes[0].bars[1]
        assert bar.x + bar.width == WIDTH
        assert "50 s so far" in bar.says
        assert made.end == self.NOW

    def test_the_shortest_call_is_seen_and_stays_inside(self):
        made = chart([span(0, 100), span(100, 100.001)], ["a"], self.NOW)
        bar = made.lanes[0].bars[1]
        assert bar.width == LEAST
        assert bar.x + bar.width <= WIDTH

    def test_calls_at_one_time_stand_one_below_the_other(self):
        made = chart([span(0, 60), span(1, 61), span(2, 62), span(70, 80)], ["a"], self.NOW)
        lane = made.lanes[0]
        assert [bar.row for bar in lane.bars] == [0, 1, 2, 0]
        assert max(lane.top(bar) + lane.thickness for bar in lane.bars) <= lane.y + lane.height

    def test_a_lane_grows_only_so_far(self):
        made = chart([span(n / 100, 99) for n in range(400)], ["a"], self.NOW)
        assert made.lanes[0].rows == MOST_ROWS

    def test_lanes_do_not_overlap(self):
        spans = [span(0, 60, path) for path in "abc" for _ in range(4)]
        lanes = chart(spans, ["a", "b", "c"], self.NOW).lanes
        for lane, following in itertools.pairwise(lanes):
            assert lane.y + lane.height <= following.y

    def test_every_bar_is_told_in_words_too(self):
        made = chart([span(0, 3, key="57", state="failed")], ["a"], self.NOW)
        assert made.lanes[0].bars[0].says == "Model call, element 57: Failed, 3.0 s, from 2026-03-02 09:00 UTC"
        assert [(row.key, took) for row, took in made.rows] == [("57", "3.0 s")]

    def test_an_execution_of_one_instant_and_one_of_nothing(self):
        assert chart([span(0, 0)], ["a"], START).lanes[0].bars[0].width == LEAST
        assert chart([], ["a"], START).lanes == []

    def test_of_many_elements_the_strength_says_how_many(self):
        levels = {("a", "people"): [Level(START, 10, 10), Level(START + timedelta(seconds=50), 5, 0)]}
        made = levels_chart(levels, [span(0, 100, "", "run")], ["a"], self.NOW)
        bars = made.lanes[1].bars
        assert [bar.share for bar in bars] == [1.0, 0.62]
        assert bars[0].says.startswith("10 waited for people")
        assert made.rows == []


class TestStrip:
    def test_few_elements_have_a_cell_each(self):
        cells = strip(Loop("triage", [Element("0", "waiting"), Element("1", "rejected")]))
        assert [(cell.state, cell.key, cell.says) for cell in cells] == [
            ("waiting", "0", "Element 0: Waiting"), ("rejected", "1", "Element 1: Rejected"),
        ]  # fmt: skip

    def test_of_very_many_no_failure_is_lost(self):
        """10,000 elements, one of which failed: its cell says so and leads to it."""
        elements = [Element(str(n), "failed" if n == 7777 else "approved") for n in range(10_000)]
        cells = strip(Loop("triage", elements))
        assert len(cells) <= STRIP
        (alarm,) = [cell for cell in cells if cell.state == "failed"]
        assert alarm.key == "7777"
        assert "1 failed" in alarm.says

    def test_an_empty_loop_has_no_cells(self):
        assert strip(Loop("triage", [])) == []

    def test_cells_together_speak_of_every_element(self):
        elements = [Element(str(n), ("approved", "waiting", "rejected")[n % 3]) for n in range(5_005)]
        next_one = 0
        for cell in strip(Loop("triage", elements)):
            first, last = map(int, re.match(r"Elements (\d+) to (\d+): ", cell.says).groups())
            assert first == next_one
            assert sum(map(int, re.findall(r"(\d+) \w+(?:,|$)", cell.says))) == last - first + 1
            next_one = last + 1
        assert next_one == 5_005
