"""The agent measured by itself: asked as the flow asks it, never with the answer in sight, and no worse than before."""

from __future__ import annotations

import asyncio

import pytest

from agents.settings import ModelSettings
from evals.agent import AgentBench, measure
from evals.data import split
from evals.flows import agent_step, parse
from evals.model import EvalError
from evals.report import read_baseline, regression
from evals.subject import prepare
from rag.knowledge import Knowledge
from tests.evals.support import BASELINE, CASES, FLOW, POLICY


@pytest.fixture
def triage():
    return prepare(FLOW.read_text(encoding="utf-8"), str(FLOW), CASES, "category")


@pytest.fixture
def bench(triage):
    return AgentBench(agent_step(triage.flow, triage.name, "category"), "category", Knowledge())


def test_the_agent_is_asked_what_the_flow_would_ask(triage, bench):
    case = triage.cases[0]
    request = bench.request(case, ())
    assert request.prompt == case.row["text"]
    assert request.instructions.startswith("You sort messages")
    assert request.redact == ("email", "phone", "card", "iban")
    assert set(request.output_schema["properties"]) == {"category", "priority", "reply"}


def test_the_right_answer_is_nowhere_in_the_request(triage, bench):
    """The other labels of a row (here its priority) stay in the row; the evaluated one is taken out."""
    for case in triage.cases:
        assert "category" not in case.row
        assert bench.request(case, ()).examples == ()


def test_knowledge_that_was_not_read_in_is_left_out_instead_of_failing(triage, bench):
    assert bench.request(triage.cases[0], ()).knowledge == ()
    bench.ingested = frozenset({"support-policy"})
    assert [use.collection for use in bench.request(triage.cases[0], ()).knowledge] == ["support-policy"]


def test_an_agent_that_needs_earlier_outputs_is_refused_by_name(triage):
    flow = parse("id: f\ntasks: [{id: a, type: set, values: {x: 1}}]", "f.yaml")
    flow["tasks"].append(
        {"id": "ask", "type": "agent", "prompt": "{{ outputs.a.x }}", "output": {"category": "string"}}
    )
    bench = AgentBench(agent_step(flow, "f.yaml", "category"), "category", Knowledge())
    with pytest.raises(EvalError, match="by itself") as caught:
        bench.request(triage.cases[0], ())
    assert "eval run" in caught.value.remedy


def test_a_flow_with_problems_is_refused_with_all_of_them():
    with pytest.raises(EvalError, match="unknown-type"):
        agent_step(parse("id: f\ntasks: [{id: a, type: sett}]", "f.yaml"), "f.yaml", "category")


def test_more_examples_than_a_label_has_are_refused_before_anything_is_asked(triage):
    with pytest.raises(EvalError, match="none to test"):
        asyncio.run(measure(triage, ModelSettings(), examples=6))


@pytest.mark.slow
async def test_the_offline_model_is_no_worse_on_our_own_messages_than_it_was(triage):
    """Two approved examples a label, and the shipped policy; see the baseline for the figures."""
    report, key = await measure(triage, ModelSettings(), examples=2, folders={"support-policy": POLICY})
    assert report.score.cases == len(split(triage.cases, 2)[1])
    assert report.generators == ("offline/offline-1",)
    assert regression(report, read_baseline(BASELINE), key) is None
    assert report.score.confident_accuracy >= report.score.accuracy
