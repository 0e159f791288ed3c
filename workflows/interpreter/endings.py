"""How steps and lists end, and the exceptions that carry it through the interpreter.

Errors
------
StepFailed      a task failed; ``reason`` is what every channel prints
Afresh          the history is long: unwind to the root, which continues as new with what is done
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workflows.contracts import Outcome, Reason

EndState = Literal["succeeded", "warning", "rejected", "failed", "stopped"]


class StepFailed(Exception):
    """A task's failure in words. ``rerun`` lists the memo keys that a restart has to run again."""

    def __init__(self, reason: Reason, rerun: tuple[str, ...] = ()) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.rerun = rerun


class Stop(Exception):
    """The task ``stop`` was reached: the flow ends here, in the state it names."""

    def __init__(self, state: EndState, reason: Reason) -> None:
        super().__init__(reason.message)
        self.state = state
        self.reason = reason


class Afresh(Exception):
    """Unwind: nothing new starts, what runs finishes, and the run goes on in a new history."""


@dataclass(frozen=True, slots=True)
class End:
    """How a list of tasks ended. ``last`` is the outcome of its last task that ran."""

    state: EndState
    reason: Reason | None = None
    last: Outcome | None = None
