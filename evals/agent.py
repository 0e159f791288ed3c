"""The agent step alone, without Temporal or a database: the same request and runner, the journal in memory."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents.contracts import AgentDeps, AgentReply, AgentRequest, Example, Operation, PlannedTool, Usage
from agents.runner import run_agent
from agents.settings import ModelSettings
from evals.data import split
from evals.flows import AgentStep, agent_step
from evals.model import Answer, Case, EvalError, Report
from evals.scorers import score
from evals.subject import Subject
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from workflows.activities.agent import request_of
from workflows.contracts import AgentIn, Where
from workflows.flow import expr

Json = Any
NAMESPACE = "evaluation"
AT_ONCE = 4


class MemoryRecorder:
    """Calls go through and nothing is kept: every evaluation asks anew."""

    async def begin(self, operation: Operation) -> Json | None:  # noqa: ARG002  the Protocol's shape
        return None

    async def finish(self, operation: Operation, answer: Json, usage: Usage | None = None) -> None: ...

    async def fail(self, operation: Operation, error: str, code: str) -> None: ...

    async def note(self, kind: str, meta: Mapping[str, Json], content: Json) -> None: ...


@dataclass(slots=True)
class Measured:
    """Answers in the order of the cases, who gave them, and the seconds it took."""

    answers: list[Answer]
    generators: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class AgentBench:
    """An agent step with its knowledge. Collections that are not in ``ingested`` are left out of the step."""

    step: AgentStep
    field_name: str
    knowledge: Knowledge
    ingested: frozenset[str] = frozenset()
    models: ModelSettings = field(default_factory=ModelSettings)

    async def measure(self, cases: Sequence[Case], examples: Sequence[Case] = ()) -> Measured:
        """Ask about every case, with the approved ``examples`` in sight. Raises ``EvalError`` and ``AgentError``."""
        shown = tuple(
            Example(prompt=self.request(case, ()).prompt, fields={self.field_name: case.expected}) for case in examples
        )
        room, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def ask(case: Case) -> AgentReply:
            async with room:
                return await run_agent(self.request(case, shown), self._deps())

        replies = await asyncio.gather(*(ask(case) for case in cases))
        answers = [_answer(case, reply, self.field_name) for case, reply in zip(cases, replies, strict=True)]
        generators = {f"{reply.generator.provider}/{reply.generator.model}" for reply in replies}
        return Measured(answers, tuple(sorted(generators)), time.perf_counter() - began)

    def request(self, case: Case, examples: tuple[Example, ...]) -> AgentRequest:
        """What the activity would ask for this row. Raises ``EvalError`` when the step needs more than its row."""
        names = ("inputs", "outputs", "parent")
        scope = {"item": case.row, "index": 0, "vars": dict(self.step.vars), "labels": dict(self.step.labels)}
        try:
            properties = expr.render(self.step.task.properties, scope | {name: {} for name in names})
        except expr.ExpressionError as error:
            raise EvalError(
                f"The agent cannot be asked by itself: {error}",
                "Its templates may use item, vars and labels; `visto eval run` runs the whole flow.",
            ) from error
        given = AgentIn(
            where=Where(
                namespace=NAMESPACE, execution_id="evaluation", flow_id="evaluation", revision=0, revision_sha256=""
            ),
            properties=properties,
            output_schema=properties["output_schema"],
            op_id=f"evaluation:{case.id}",
        )
        request = request_of(given)
        known = tuple(use for use in request.knowledge if use.collection in self.ingested)
        return request.model_copy(update={"knowledge": known, "examples": examples})

    def _deps(self) -> AgentDeps:
        return AgentDeps(MemoryRecorder(), self.knowledge, _no_tool, lambda _: None, self.models)


async def _no_tool(tool: PlannedTool, _: dict[str, Json]) -> Json:
    raise EvalError(f"The agent used its tool {tool.name!r}.", "Use `visto eval run` for agents with tools.")


def _answer(case: Case, reply: AgentReply, name: str) -> Answer:
    value = reply.value.get(name)
    return Answer(
        id=case.id,
        expected=case.expected,
        suggested=None if value is None else str(value),
        confidence=reply.confidence.value,
        citations=len(reply.citations),
    )


async def measure(
    subject: Subject, models: ModelSettings, *, examples: int = 0, folders: Mapping[str, Path] = MappingProxyType({})
) -> tuple[Report, str]:
    """Measure the subject's agent; ``folders`` are read into collections for this only.

    Returns the report and the configuration under which a baseline keeps its figure. Raises ``EvalError``,
    ``AgentError`` and ``KnowledgeError``.
    """
    shown, tested = split(subject.cases, examples, subject.seed)
    step = agent_step(subject.flow, subject.name, subject.field)
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(KnowledgeSettings(chroma_url="", chroma_path=Path(folder)))
        try:
            for collection, documents in folders.items():
                await knowledge.ingest(NAMESPACE, collection, [documents])
            bench = AgentBench(step, subject.field, knowledge, frozenset(folders), models)
            measured = await bench.measure(tested, shown)
        finally:
            await knowledge.close()
    used = ", ".join(sorted(folders)) or "none"
    report = Report(
        flow=subject.flow_id,
        field=subject.field,
        labels=subject.labels,
        method=f"{subject.method} The agent alone; knowledge: {used}; examples per label: {examples}.",
        generators=measured.generators,
        examples=examples,
        seed=subject.seed,
        score=score(measured.answers),
        seconds=round(measured.seconds, 2),
    )
    return report, configuration(measured.generators, examples, sorted(folders))


def configuration(generators: Sequence[str], examples: int, collections: Sequence[str]) -> str:
    """What an accuracy depends on besides data and flow: a baseline's figures are kept by this text."""
    from agents.offline.similarity import matcher_name

    offline = any(name.startswith("offline/") for name in generators)
    parts = [*generators, *([matcher_name()] if offline else []), f"{examples} examples"]
    return ", ".join([*parts, *(f"knowledge {name}" for name in collections)])
