"""Block Kit within its limits. Every text is ``plain_text`` unless it is ours: data makes no link and no mention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Block = dict[str, Any]

MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
SECTION = 3000
HEADER = 150
FIELD = 2000
FIELDS = 10
OPTION = 75
OPTIONS = 100
INPUT = 3000
TOP_TEXT = 3000
CUT = " … (cut here)"
NOTHING = "—"
"""Slack takes no empty text."""


def plain(text: str) -> Block:
    """A text without any markup; what looks like an emoji name stays what it is."""
    return {"type": "plain_text", "text": text if text.strip() else NOTHING, "emoji": False}


def header(text: str) -> Block:
    """A headline, cut at 150 characters."""
    return {"type": "header", "text": plain(cut(text, HEADER))}


def section(text: str) -> Block:
    """A paragraph of at most 3,000 characters; ``split`` makes longer ones into several."""
    return {"type": "section", "text": plain(text)}


def sections(text: str) -> list[Block]:
    """The whole text, in as many paragraphs as it needs."""
    return [section(part) for part in split(text)]


def pairs(values: Sequence[tuple[str, str]]) -> list[Block]:
    """Short values beside their labels, two columns, ten to a block."""
    made = [plain(cut(f"{label}\n{value}", FIELD)) for label, value in values]
    return [{"type": "section", "fields": made[at : at + FIELDS]} for at in range(0, len(made), FIELDS)]


def context(text: str) -> Block:
    return {"type": "context", "elements": [plain(cut(text, FIELD))]}


def divider() -> Block:
    return {"type": "divider"}


def link(url: str, label: str) -> Block:
    """A link of ours; ``url`` and ``label`` are never data."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": f"<{url}|{escape(label)}>", "verbatim": True}}


def button(
    action: str,
    label: str,
    value: str,
    *,
    style: str | None = None,
    url: str | None = None,
    confirm: Block | None = None,
) -> Block:
    """``label`` is one of ours, never data."""
    made: Block = {"type": "button", "action_id": action, "text": plain(label), "value": value}
    extra = {"style": style, "url": url, "confirm": confirm}
    return made | {name: given for name, given in extra.items() if given is not None}


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """Asked before a button works. All four are ours."""
    return {"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)}


def actions(block_id: str, elements: Sequence[Block]) -> Block:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def option(label: str, value: str) -> Block:
    """``value`` is at most 150 characters: use an index where it is data."""
    return {"text": plain(cut(label, OPTION, "…")), "value": value}


def escape(text: str) -> str:
    """Text for where Slack reads markup: it can neither mention nor link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int, mark: str = CUT) -> str:
    """The text, or its beginning with a mark. Only for what does not take effect."""
    return text if len(text) <= limit else text[: limit - len(mark)] + mark


def split(text: str, limit: int = SECTION - 100) -> Iterator[str]:
    """Parts that together are the whole text; at line ends where there are some."""
    while len(text) > limit:
        at = text.rfind("\n", limit // 2, limit)
        at = limit if at < 0 else at + 1
        yield text[:at]
        text = text[at:]
    if text:
        yield text
