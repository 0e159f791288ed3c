"""What an agent may call: searches of its knowledge, the read tools the flow names, and proposals of write tools."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolCall

from agents import passages
from agents.contracts import (
    AgentDeps,
    AgentError,
    AgentRequest,
    Hit,
    KnowledgeUse,
    PlannedTool,
    ProposedCall,
    ToolVerdict,
)
from agents.gateway import Answer, Gateway
from agents.schema import problems
from connectors.base import ConnectorError

Json = Any
MAX_RESULT_CHARS = 64_000
MAX_NAME = 64
_SEARCH_SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for, in words.", "minLength": 1}},
    "required": ["query"],
    "additionalProperties": False,
}
_VERDICTS = {
    "approved": "A person approved this call and it was made.",
    "edited": "A person changed the arguments of this call; the changed call was made.",
    "rejected": "A person rejected this call. Do not propose it again unchanged.",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A tool as a model is told of it. ``parameters`` is a JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Json]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What goes back to the model. ``problem`` is a mistake of the model's own, counted as a correction."""

    content: Json = ""
    failed: bool = False
    problem: str = ""


class ToolBench:
    """The tools of one agent loop, and the passages its searches returned."""

    def __init__(self, request: AgentRequest, deps: AgentDeps, gateway: Gateway) -> None:
        self._request = request
        self._deps = deps
        self._gateway = gateway
        self._tools = {_name(tool.name): tool for tool in request.tools}
        self._searches = {search_name(use.collection): use for use in request.knowledge}
        if len({*self._tools, *self._searches}) < len(request.tools) + len(request.knowledge):
            raise AgentError(
                "two tools or collections of this step have the same name once spaces and signs become '_'",
                code="bad_request",
                permanent=True,
                remedy="Rename one of them.",
            )
        self._verdicts = {verdict.tool_call_id: verdict for verdict in request.verdicts}
        self.hits: dict[str, Hit] = {}

    def names(self) -> set[str]:
        return {*self._tools, *self._searches}

    def declared(self) -> list[Declaration]:
        """The tools as a model is told of them, searches first."""
        searches = [
            Declaration(
                name, f"Search the knowledge base '{use.collection}'; returns passages with ids.", _SEARCH_SCHEMA
            )
            for name, use in self._searches.items()
        ]
        return searches + [Declaration(name, _about(tool), tool.parameters) for name, tool in self._tools.items()]

    def proposals(self, calls: list[ToolCall]) -> tuple[ProposedCall, ...]:
        """The calls of write tools on which nobody has decided yet and whose arguments are valid."""
        return tuple(
            ProposedCall(tool_call_id=str(call["id"]), tool=tool.name, arguments=call["args"])
            for call in calls
            if (tool := self._tools.get(call["name"])) is not None
            and tool.effect == "write"
            and call["id"] not in self._verdicts
            and not problems(tool.parameters, call["args"])
        )

    async def run(self, call: ToolCall) -> ToolResult:
        """The result of one call. Raises ``AgentError`` for failures that the model cannot mend."""
        name, args, call_id = call["name"], call["args"], str(call["id"])
        if call_id in self._verdicts:
            return _played(self._verdicts[call_id])
        if name not in self._tools and name not in self._searches:
            return ToolResult(problem=f"there is no tool '{name}'; there are: {', '.join(sorted(self.names()))}")
        schema = _SEARCH_SCHEMA if name in self._searches else self._tools[name].parameters
        if found := problems(schema, args):
            return ToolResult(problem=f"the arguments of '{name}' do not fit: {'; '.join(found)}")
        if name in self._tools and self._tools[name].effect == "write":
            raise AssertionError(f"write tool '{name}' reached the bench without a verdict")
        if name in self._searches:
            return ToolResult(content=await self._search(self._searches[name], str(args["query"]), call_id))
        return await self._read(self._tools[name], args, call_id)

    async def _search(self, use: KnowledgeUse, query: str, call_id: str) -> str:
        request = {"collection": use.collection, "query": query, "top_k": use.top_k, "filter": use.filter}

        async def perform() -> Answer:
            try:
                found = await self._deps.retriever.search(
                    self._request.namespace, use.collection, query, top_k=use.top_k, filter=use.filter
                )
            except AgentError:
                raise
            except Exception as error:
                raise _unavailable(use.collection, error) from error
            return [hit.model_dump(mode="json") for hit in found], None

        answer = await self._gateway.run_tool("retrieval", call_id, request, perform)
        hits = [Hit.model_validate(item) for item in answer]
        self.hits |= {passages.passage_id(hit): hit for hit in hits}
        return passages.shown(hits)

    async def _read(self, tool: PlannedTool, args: dict[str, Json], call_id: str) -> ToolResult:
        async def perform() -> Answer:
            try:
                return {"result": await self._deps.run_tool(tool, args)}, None
            except ConnectorError as error:
                if not error.permanent:
                    raise AgentError(
                        f"tool '{tool.name}': {error}",
                        code=error.code,
                        permanent=False,
                        remedy=error.remedy,
                        retry_after_s=error.retry_after_s,
                    ) from error
                return {"error": str(error)}, None
            except AgentError:
                raise
            except Exception as error:  # a tool's defect must not look like the agent's
                raise AgentError(
                    f"tool '{tool.name}' failed: {error}",
                    code="server_error",
                    permanent=False,
                    remedy="It is tried again; look at the tool's own log if it keeps happening.",
                ) from error

        request = {"tool": tool.name, "type": tool.type, "arguments": args}
        answer = await self._gateway.run_tool("tool", call_id, request, perform)
        if "error" in answer:
            return ToolResult(content=f"The call failed: {answer['error']}", failed=True)
        text = json.dumps(answer["result"], ensure_ascii=False, sort_keys=True, default=str)
        if len(text) > MAX_RESULT_CHARS:
            return ToolResult(content=f"{text[:MAX_RESULT_CHARS]}… (cut: {len(text):,} characters in all)")
        return ToolResult(content=text)


def search_name(collection: str) -> str:
    """The search tool's name for a collection, within what providers accept as a name."""
    return _name(f"search_{collection}")


def _name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)[:MAX_NAME]


def _about(tool: PlannedTool) -> str:
    words = tool.description or f"Calls {tool.type}."
    return f"{words} Calling it makes a proposal that a person decides on." if tool.effect == "write" else words


def _played(verdict: ToolVerdict) -> ToolResult:
    content = {"verdict": verdict.verdict, "note": _VERDICTS[verdict.verdict]}
    if verdict.message:
        content["reviewer_says"] = verdict.message
    if verdict.verdict != "rejected":
        content["result"] = verdict.result
    return ToolResult(content=content, failed=verdict.verdict == "rejected")


def _unavailable(collection: str, error: Exception) -> AgentError:
    return AgentError(
        f"the knowledge base '{collection}' did not answer: {error}",
        code=getattr(error, "code", "retrieval_unavailable"),
        permanent=bool(getattr(error, "permanent", False)),
        remedy=getattr(error, "remedy", "") or "Check that the vector store runs; the step is tried again.",
    )
