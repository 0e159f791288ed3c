"""LangChain agents, compiled once for all steps that differ only in their case.

Compiling takes twice as long as running. What an agent is compiled from is text (answer schema and tools), so
equal texts share one agent; everything else reaches it through the run's ``Loop``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.tools import BaseTool, StructuredTool

from agents.contracts import AgentRequest
from agents.desk import Desk, mend
from agents.loop import Loop
from agents.recorded_model import RecordedModel
from agents.schema import answer_type
from agents.tools import Declaration, ToolBench

MAX_AGENTS = 128


def agent_for(request: AgentRequest, bench: ToolBench, *, answer_tool: str) -> Any:
    """The agent for a step: ``await agent.ainvoke({"messages": [...]}, context=loop)``. Safe to run many times at once.

    The order of properties is part of what a model sees, so schemas that differ in it share nothing.
    """
    declared = json.dumps([[d.name, d.description, d.parameters] for d in bench.declared()])
    return _compiled(json.dumps(request.output_schema), declared, answer_tool, bool(request.knowledge))


@lru_cache(maxsize=MAX_AGENTS)
def _compiled(schema: str, declared: str, answer_tool: str, cites: bool) -> Any:
    answer = answer_type(json.loads(schema), name=answer_tool, cites=cites)
    return create_agent(
        RecordedModel(),
        [_tool(Declaration(*item)) for item in json.loads(declared)],
        response_format=ToolStrategy(answer, handle_errors=mend, tool_message_content="Accepted."),
        middleware=[Desk()],
        context_schema=Loop,
    )


def _tool(declaration: Declaration) -> BaseTool:
    async def never(**_: object) -> str:
        raise AssertionError("tools run on the bench")

    return StructuredTool(
        name=declaration.name,
        description=declaration.description,
        args_schema=declaration.parameters,
        coroutine=never,
    )
