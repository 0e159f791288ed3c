"""What one agent loop knows while it runs: handed to a shared agent as its runtime context.

Agents are compiled once for all steps alike (see ``agents.compiled``), so nothing of a step may live in them:
whatever differs between two runs stands here, and is reached through ``current_loop`` or a hook's runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langgraph.runtime import get_runtime

from agents import prompts
from agents.contracts import AgentError, ProposedCall
from agents.gateway import Gateway
from agents.models import ModelHandle
from agents.privacy import Vault
from agents.tools import ToolBench

MAX_CORRECTIONS = 2


@dataclass(slots=True, eq=False)
class Loop:
    """One lane of one step: its models, its doors to the world, and what it has come to so far."""

    handles: Sequence[ModelHandle]
    gateway: Gateway
    vault: Vault
    bench: ToolBench
    answer_tool: str
    max_steps: int
    lane: int = 0
    steps: int = 0
    corrections: int = 0
    proposals: tuple[ProposedCall, ...] = ()
    answered_by: ModelHandle | None = None

    def take_step(self) -> bool:
        """Count a question to the model; true if it is the last one allowed. Raises ``step_limit`` beyond it."""
        if self.steps >= self.max_steps:
            raise AgentError(
                f"the agent used all its {self.max_steps} steps without an answer",
                code="step_limit",
                permanent=True,
                remedy="Raise max_steps, give clearer instructions, or bind fewer tools.",
            )
        self.steps += 1
        return self.steps == self.max_steps

    def correction(self, problem: str) -> str:
        """What the model is told about a mistake. Raises ``bad_answer`` beyond the bound."""
        self.corrections += 1
        if self.corrections > MAX_CORRECTIONS:
            raise AgentError(
                f"no usable answer after {MAX_CORRECTIONS} corrections; the last problem: {problem[:500]}",
                code="bad_answer",
                permanent=True,
                remedy="Use a stronger model, or simplify the step's output.",
            )
        return prompts.load("correction").fill(problem=problem, answer=self.answer_tool)


def current_loop() -> Loop:
    """The loop on whose behalf this code runs; only inside a node of an agent."""
    return get_runtime(Loop).context
