"""``agent.run``: one agent step through LangChain, durable by the operation journal, within the execution's budget."""

from __future__ import annotations

from typing import Any

from temporalio import activity

from agents.contracts import AgentDeps, AgentReply, AgentRequest, Feedback, KnowledgeUse, PlannedTool
from agents.warm import warm
from connectors.registry import CONNECTORS
from workflows.activities import connector
from workflows.activities.budgeted import BudgetedRecorder
from workflows.activities.deps import Deps, beat, digest, place
from workflows.contracts import AGENT_RUN, AgentIn, StepOut, TaskIn
from workflows.flow.planned import BudgetPlan
from workflows.gates.digest import canonical

Json = Any


class NotHere(Exception):
    """The step was meant to take moments, and this worker's model is one that takes its time."""

    code = "not_here"
    transient = True

    def __init__(self) -> None:
        super().__init__("This worker's model does not answer at once; the step goes the normal way.")


class AgentActivities:
    """Runs agents. LangChain is imported with the first one, so that an idle worker stays small."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @activity.defn(name=AGENT_RUN)
    async def run(self, given: AgentIn) -> StepOut:
        """Return the agent's fields and ``meta``. Beside a workflow only what answers at once; else raises ``NotHere``."""
        if activity.info().is_local and not self._deps.models.is_instant(str(given.properties.get("model", "default"))):
            raise NotHere
        await warm(self._deps.models)
        from agents.runner import run_agent

        recorder = BudgetedRecorder(
            self._deps.recorder(given.where),
            self._deps.db,
            given.where.namespace,
            given.where.execution_id,
            BudgetPlan.model_validate(given.budget) if given.budget else None,
        )
        deps = AgentDeps(
            recorder=recorder,
            retriever=self._deps.knowledge,
            run_tool=lambda tool, arguments: self._tool(given, tool, arguments),
            heartbeat=beat,
            models=self._deps.models,
        )
        return StepOut(output=_output(await run_agent(request_of(given), deps)))

    async def _tool(self, given: AgentIn, tool: PlannedTool, arguments: dict[str, Json]) -> Json:
        """A read tool is a connector with the author's properties; the model's arguments fill what is left open."""
        properties = {**arguments, **tool.properties}
        call = TaskIn(
            where=given.where,
            type=tool.type,
            properties=properties,
            op_id=f"{given.op_id}:{digest([tool.name, arguments])[:16]}",
            effect="read",
        )
        return await connector.run(self._deps, call, CONNECTORS[tool.type])


def request_of(given: AgentIn) -> AgentRequest:
    """What the agent is asked, from the rendered task; also how evaluations ask it."""
    properties = given.properties
    prompt = properties["prompt"]
    return AgentRequest(
        namespace=given.where.namespace,
        op_id=given.op_id,
        scope_key=place(given.where),
        model=properties.get("model", "default"),
        instructions=properties.get("instructions", ""),
        prompt=prompt if isinstance(prompt, str) else _as_text(prompt),
        knowledge=tuple(KnowledgeUse.model_validate(use) for use in properties.get("knowledge", ())),
        tools=tuple(PlannedTool.model_validate(tool) for tool in properties.get("tools", ())),
        output_schema=given.output_schema,
        feedback=tuple(Feedback.model_validate(objection) for objection in given.objections),
        redact=tuple((properties.get("privacy") or {}).get("redact", ())),
        max_steps=properties.get("max_steps", 8),
        samples=properties.get("samples", 1),
        temperature=properties.get("temperature"),
    )


def _as_text(value: Json) -> str:
    """A prompt that is a value reads as its canonical JSON."""
    return canonical(value)


def _output(reply: AgentReply) -> dict[str, Json]:
    meta = {
        "confidence": reply.confidence.value,
        "confidence_method": reply.confidence.method,
        "confidence_label": reply.confidence.label,
        "citations": [citation.model_dump(mode="json") for citation in reply.citations],
        "usage": reply.usage.model_dump(mode="json"),
        "generator": reply.generator.model_dump(mode="json"),
        "steps": reply.steps,
    }
    if reply.stated_confidence is not None:
        meta["stated_confidence"] = reply.stated_confidence
    if reply.proposals:
        meta["proposals"] = [proposal.model_dump(mode="json") for proposal in reply.proposals]
    return {**reply.value, "meta": meta}
