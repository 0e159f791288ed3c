"""The messages an agent starts with, and the parts of them that the offline model reads back.

What comes from the case, from examples or from a reviewer stands between marks as data; a closing mark inside
the data is broken up, so that data cannot end its own section.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agents import prompts
from agents.contracts import AgentRequest, Example, Feedback

_MARK = re.compile(r"<(/?)(case|examples)>", re.IGNORECASE)
_CASE = re.compile(r"<case>\n(.*)\n</case>", re.DOTALL)
_EXAMPLES = re.compile(r"<examples>\n(.*?)\n</examples>", re.DOTALL)
_SOURCES = {"rule": "It breaks these rules", "person": "A reviewer asks for changes"}
NO_KNOWLEDGE = "You have no knowledge base here; rely on the case alone."
SEARCH_FIRST = "Search the knowledge base before you answer, and name the passages your answer rests on."


def system_prompt(request: AgentRequest, answer_tool: str) -> SystemMessage:
    return SystemMessage(
        prompts.load("system").fill(
            instructions=request.instructions.strip() or "Fill in the fields of the answer for the case.",
            knowledge=SEARCH_FIRST if request.knowledge else NO_KNOWLEDGE,
            answer=answer_tool,
        )
    )


def opening(request: AgentRequest, examples: Sequence[Example]) -> list[BaseMessage]:
    """The case with its examples, then each rejected answer with the objections to it."""
    block = ""
    if examples:
        lines = "\n".join(_data(json.dumps(e.model_dump(), ensure_ascii=False, sort_keys=True)) for e in examples)
        block = prompts.load("examples").fill(lines=lines) + "\n\n"
    messages: list[BaseMessage] = [
        HumanMessage(prompts.load("case").fill(examples=block, prompt=_data(request.prompt)))
    ]
    for feedback in request.feedback:
        messages += [AIMessage(json.dumps(feedback.previous, ensure_ascii=False, sort_keys=True)), _objection(feedback)]
    return messages


def _objection(feedback: Feedback) -> HumanMessage:
    lines = "\n".join(f"- {_data(message)}" for message in feedback.messages) or "- no reason was given"
    return HumanMessage(prompts.load("feedback").fill(source=_SOURCES[feedback.source], messages=lines))


def read_case(text: str) -> str:
    """The case's data in an opening message; the whole text if it has no marks."""
    found = _CASE.search(text)
    return found[1] if found else text


def read_examples(text: str) -> str:
    """The JSON lines of the examples in an opening message, or an empty text."""
    found = _EXAMPLES.search(text)
    return found[1] if found else ""


def _data(text: str) -> str:
    return _MARK.sub(r"< \1\2>", text)
