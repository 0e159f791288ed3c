"""Run one agent step: the loop of model, tools and structured answer, durable through the gateway.

Called inside one activity. When that activity is tried again, the loop runs again from the top and every call
whose answer is recorded returns it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from agents import confidence
from agents.contracts import AgentDeps, AgentError, AgentReply, AgentRequest, Confidence, Generator, Hit, ProposedCall
from agents.gateway import Gateway
from agents.models import ModelHandle, open_models
from agents.privacy import UnknownKind, Vault
from agents.schema import CITED, answer_tool_name, check_schema

Json = Any
HEARTBEAT_S = 1.0
MAX_LLM_EXAMPLES = 24


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one loop came to. ``margin`` only comes from the offline model."""

    value: dict[str, Json]
    cited: Json
    hits: dict[str, Hit]
    margin: float | None
    proposals: tuple[ProposedCall, ...]
    steps: int
    answered_by: ModelHandle


async def run_agent(request: AgentRequest, deps: AgentDeps) -> AgentReply:
    """Answer the request, or return the calls that a person must decide on first. Raises ``AgentError``."""
    check_schema(request.output_schema)
    try:
        Vault(request.redact)
    except UnknownKind as error:
        raise AgentError(str(error), code="bad_request", permanent=True, remedy="Correct privacy.redact.") from error
    gateway = Gateway(deps.recorder, request)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_heartbeats(deps.heartbeat))
        handles = await open_models(deps.models, request.model, request.temperature, stack)
        asked = _samples(request, handles)
        outcomes = await _lanes(request, deps, gateway, handles, asked)
    return _reply(request, gateway, outcomes, asked)


def _samples(request: AgentRequest, handles: Sequence[ModelHandle]) -> int:
    """One, if sampling can tell nothing: a deterministic model, or proposals that only one loop may make."""
    proposes = any(tool.effect == "write" for tool in request.tools)
    return max(1, request.samples) if handles[0].settings.is_llm and not proposes else 1


async def _lanes(
    request: AgentRequest, deps: AgentDeps, gateway: Gateway, handles: Sequence[ModelHandle], asked: int
) -> list[_Outcome]:
    lanes = (_loop(request, deps, gateway, handles, lane) for lane in range(asked))
    settled = await asyncio.gather(*lanes, return_exceptions=True)
    failures = [item for item in settled if isinstance(item, BaseException)]
    outcomes = [item for item in settled if isinstance(item, _Outcome)]
    worse = [error for error in failures if not (isinstance(error, AgentError) and error.code == "bad_answer")]
    if worse:
        raise worse[0]
    if not outcomes:
        raise failures[0]
    return outcomes


async def _loop(
    request: AgentRequest, deps: AgentDeps, gateway: Gateway, handles: Sequence[ModelHandle], lane: int
) -> _Outcome:
    from langsmith.run_helpers import tracing_context

    from agents.compiled import agent_for
    from agents.conversation import opening, system_prompt
    from agents.examples import nearest
    from agents.loop import Loop
    from agents.tools import ToolBench

    bench = ToolBench(request, deps, gateway)
    answer_tool = answer_tool_name(bench.names())
    vault = Vault(request.redact)
    loop = Loop(handles, gateway, vault, bench, answer_tool, request.max_steps, lane)
    agent = agent_for(request, bench, answer_tool=answer_tool)
    is_llm = handles[0].settings.is_llm
    shown = nearest(request.prompt, request.examples, MAX_LLM_EXAMPLES) if is_llm else request.examples
    messages = [system_prompt(request, answer_tool), *opening(request, shown)]
    with tracing_context(enabled=False):
        state = await agent.ainvoke({"messages": messages}, context=loop)
    if vault.counts:
        await gateway.note("privacy.redacted", dict(vault.counts), lane=lane)
    assert loop.answered_by is not None
    given = {} if loop.proposals else dict(state["structured_response"].root)
    return _Outcome(
        value={key: item for key, item in given.items() if key != CITED or not request.knowledge},
        cited=given.get(CITED),
        hits=bench.hits,
        margin=_margin(state["messages"]),
        proposals=loop.proposals,
        steps=loop.steps,
        answered_by=loop.answered_by,
    )


def _reply(request: AgentRequest, gateway: Gateway, outcomes: list[_Outcome], asked: int) -> AgentReply:
    from agents.passages import citations

    index, sure = confidence.agreement(request.output_schema, [o.value for o in outcomes], asked)
    chosen = outcomes[index]
    settings = chosen.answered_by.settings
    if chosen.proposals:
        sure = confidence.NONE
    elif not settings.is_llm:
        sure = confidence.match_margin(chosen.margin)
    return AgentReply(
        value=chosen.value,
        confidence=Confidence.model_validate(sure),
        stated_confidence=confidence.stated(chosen.value),
        citations=citations(chosen.hits.values(), chosen.cited, chosen.value),
        usage=gateway.usage,
        generator=Generator(provider=settings.provider, model=settings.model, is_llm=settings.is_llm),
        proposals=chosen.proposals,
        steps=chosen.steps,
    )


def _margin(messages: Sequence[Any]) -> float | None:
    last = next(message for message in reversed(messages) if message.type == "ai")
    extra = last.response_metadata.get("visto") or {}
    margin = extra.get("margin")
    return float(margin) if margin is not None else None


@contextlib.asynccontextmanager
async def _heartbeats(heartbeat: Callable[[object], None]) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)  # a step that is quicker tells nobody: each beat costs the server a write
            heartbeat("agent")

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
