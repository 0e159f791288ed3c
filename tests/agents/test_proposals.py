"""Write tools never act: they are proposed, decided elsewhere, and the decision is played back to the agent."""

from __future__ import annotations

import json

import pytest

from agents.contracts import AgentError, PlannedTool, ToolVerdict
from agents.runner import run_agent
from connectors.base import ConnectorError
from tests.agents.support import ask

REFUND = PlannedTool(
    name="refund",
    type="http.request",
    description="Refunds an order.",
    effect="write",
    parameters={"type": "object", "properties": {"eur": {"type": "number", "maximum": 100}}, "required": ["eur"]},
)
LOOKUP = PlannedTool(
    name="lookup", type="http.request", parameters={"type": "object", "properties": {"id": {"type": "string"}}}
)


def calls(*listed, **when):
    return {"when": when, "do": {"kind": "tool_calls", "calls": [{"name": n, "arguments": a} for n, a in listed]}}


async def test_a_write_call_ends_the_loop_as_a_proposal_and_runs_nothing(bench, provider):
    await provider([calls(("refund", {"eur": 40}), ("lookup", {"id": "1"}), tool_results=0)], bench)
    reply = await run_agent(ask(tools=(REFUND, LOOKUP)), bench.deps)
    assert [(p.tool, p.arguments) for p in reply.proposals] == [("refund", {"eur": 40})]
    assert reply.value == {}
    assert bench.tool_calls == []


@pytest.mark.parametrize(
    ("verdict", "seen"),
    [
        ({"verdict": "approved", "result": {"refunded": 40}}, '"refunded": 40'),
        ({"verdict": "edited", "result": {"refunded": 20}, "message": "half"}, "half"),
        ({"verdict": "rejected", "message": "too much"}, "too much"),
    ],
)
async def test_the_next_run_plays_the_decision_as_that_calls_result(bench, provider, verdict, seen):
    fake = await provider([calls(("refund", {"eur": 40}), tool_results=0)], bench)
    request = ask(tools=(REFUND,), knowledge=())
    proposal = (await run_agent(request, bench.deps)).proposals[0]
    decided = request.model_copy(update={"verdicts": (ToolVerdict(tool_call_id=proposal.tool_call_id, **verdict),)})
    reply = await run_agent(decided, bench.deps)
    assert reply.proposals == ()
    assert reply.value["risk"] == "low"
    assert len(fake.requests) == 2  # the first answer came from the journal
    assert seen in fake.requests[1]["body"]["messages"][-1]["content"]
    assert bench.tool_calls == []


async def test_several_proposals_are_decided_one_by_one(bench, provider):
    await provider([calls(("refund", {"eur": 1}), ("refund", {"eur": 2}), tool_results=0)], bench)
    request = ask(tools=(REFUND,), knowledge=())
    both = (await run_agent(request, bench.deps)).proposals
    assert len({p.tool_call_id for p in both}) == 2
    one = (ToolVerdict(tool_call_id=both[0].tool_call_id, verdict="rejected"),)
    left = (await run_agent(request.model_copy(update={"verdicts": one}), bench.deps)).proposals
    assert left == both[1:]


async def test_arguments_that_do_not_fit_are_never_proposed(bench, provider):
    fake = await provider([calls(("refund", {"eur": 4000}), tool_results=0)], bench)
    reply = await run_agent(ask(tools=(REFUND,), knowledge=()), bench.deps)
    assert reply.proposals == ()
    assert "4000 is greater than the maximum of 100" in fake.requests[1]["body"]["messages"][-1]["content"]


async def test_a_verdict_for_a_call_nobody_proposed_changes_nothing(bench, provider):
    await provider(bench=bench)
    stray = (ToolVerdict(tool_call_id="call_stray", verdict="approved", result="paid"),)
    assert (await run_agent(ask(verdicts=stray), bench.deps)).value["risk"] == "low"


async def test_a_read_tool_runs_once_and_its_result_reaches_the_model(bench, provider):
    async def lookup(tool, args):
        return {"customer": "Ana", "id": args["id"]}

    bench.tool = lookup
    fake = await provider([calls(("lookup", {"id": "7"}), tool_results=0)], bench)
    await run_agent(ask(tools=(LOOKUP,), knowledge=()), bench.deps)
    assert bench.tool_calls == [("lookup", {"id": "7"})]
    assert json.loads(fake.requests[1]["body"]["messages"][-1]["content"]) == {"customer": "Ana", "id": "7"}


@pytest.mark.parametrize("permanent", [True, False])
async def test_a_tool_that_fails_for_good_is_told_to_the_model_and_else_tried_again(bench, provider, permanent):
    async def lookup(tool, args):
        raise ConnectorError("the CRM is asleep", code="timeout", permanent=permanent)

    bench.tool = lookup
    fake = await provider([calls(("lookup", {"id": "7"}), tool_results=0)], bench)
    if not permanent:
        with pytest.raises(AgentError, match="CRM") as caught:
            await run_agent(ask(tools=(LOOKUP,), knowledge=()), bench.deps)
        assert (caught.value.code, caught.value.permanent) == ("timeout", False)
        return
    await run_agent(ask(tools=(LOOKUP,), knowledge=()), bench.deps)
    assert "the CRM is asleep" in fake.requests[1]["body"]["messages"][-1]["content"]


async def test_a_huge_tool_result_is_cut_and_says_so(bench, provider):
    async def lookup(tool, args):
        return "x" * 1_000_000

    bench.tool = lookup
    fake = await provider([calls(("lookup", {"id": "7"}), tool_results=0)], bench)
    await run_agent(ask(tools=(LOOKUP,), knowledge=()), bench.deps)
    assert "cut: 1,000,002 characters" in fake.requests[1]["body"]["messages"][-1]["content"]


async def test_two_tools_that_would_share_a_name_are_refused(bench, provider):
    await provider(bench=bench)
    with pytest.raises(AgentError, match="same name"):
        await run_agent(ask(tools=(LOOKUP, LOOKUP)), bench.deps)


async def test_a_tool_called_answer_does_not_hide_the_answer(bench, provider):
    fake = await provider(bench=bench)
    tool = LOOKUP.model_copy(update={"name": "answer"})
    reply = await run_agent(ask(tools=(tool,), knowledge=()), bench.deps)
    assert "final_answer" in [t["function"]["name"] for t in fake.requests[0]["body"]["tools"]]
    assert reply.value or fake.requests
