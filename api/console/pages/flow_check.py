"""What the checker says of a text, as the editor shows it: the same diagnostics as everywhere, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.console import graph
from api.console.formats import plural
from api.console.page import Page
from workflows.flow.diagnostics import Diagnostic
from workflows.flow.planned import FlowPlan
from workflows.gates.visible import visible
from workflows.usecases import flows

MAX_SHOWN = 200
MAX_HIDDEN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the list. ``severity`` is error, warning, or later: right, and not to be had in this version."""

    line: int
    column: int
    code: str
    message: str
    hint: str
    severity: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok``: it can be saved. ``plan`` exists then."""

    ok: bool
    problems: tuple[Problem, ...]
    plan: FlowPlan | None = None
    total: int = 0

    @property
    def drawing(self) -> graph.Drawing | None:
        return graph.layout(self.plan) if self.plan else None

    @property
    def said(self) -> str:
        """The verdict in a few words."""
        errors = sum(one.severity != "warning" for one in self.problems)
        if errors:
            return f"{plural(self.total, 'problem')}; it cannot be saved yet."
        if self.problems:
            return f"It can be saved. {plural(len(self.problems), 'warning')}."
        return "No problems. It can be saved."

    @property
    def marks(self) -> list[dict[str, Any]]:
        """Where the editor marks what."""
        return [{"line": one.line, "column": one.column, "severity": one.severity} for one in self.problems]


async def check(page: Page, text: str) -> Verdict:
    """Check a text as ``visto flow validate`` does, and look for characters that nobody sees."""
    made = await flows.check(page.services, page.namespace, text)
    found = [*(_problem(one) for one in made.diagnostics), *_invisible(text)]
    ordered = sorted(found, key=lambda one: (one.severity == "warning", one.line, one.column))
    return Verdict(made.ok, tuple(ordered[:MAX_SHOWN]), made.plan, len(ordered))


def size(text: str) -> int:
    """Bytes, as the limit of a flow's text counts them."""
    return len(text.encode("utf-8", "surrogatepass"))


def _problem(one: Diagnostic) -> Problem:
    later = one.code == "not-available" and one.severity == "error"
    return Problem(one.line, one.column, one.code, one.message, one.hint, "later" if later else one.severity)


def _invisible(text: str) -> list[Problem]:
    if visible(text) == text:
        return []
    found: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line, 1):
            if (spelled := visible(character)) != character and character != "\u200d":
                found.append(_unseen(number, column, spelled))
        if len(found) >= MAX_HIDDEN:
            break
    return found[:MAX_HIDDEN]


def _unseen(line: int, column: int, spelled: str) -> Problem:
    return Problem(
        line, column, "invisible-character", f"There is a character here that nobody sees: {spelled}.",
        "remove it, unless the flow needs it", "warning",
    )  # fmt: skip
