"""The letter about a gate: what a yes will do first, then why, then the link. Everything from outside is plain text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from connectors.email.letter import Letter
from workflows.gates.visible import visible
from workflows.relay.notices.channel import Told
from workflows.relay.notices.formats import confidence, money_and_dates, one_line

Json = Any
QUOTES, QUOTE = 3, 400
TITLE = 140


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and lines below it; ``mono`` for what has to be read exactly."""

    heading: str
    lines: tuple[str, ...]
    mono: bool = False


def letter_of(
    told: Told, *, to: str, link: str, until: int | None, key: str, thread: str, reminder: bool = False
) -> Letter:
    """The letter for one person. ``until`` is when its link ends, None when it needs signing in."""
    title = one_line(visible(told.view.title), TITLE)
    subject = f"{'Still waiting' if reminder else 'Decide'}: {title}"
    parts = _parts(told)
    return Letter(
        to=to,
        subject=subject,
        text=_text(title, parts, link, until, told),
        html=_html(title, parts, link, until, told),
        key=key,
        thread=thread,
    )


def _parts(told: Told) -> list[Part]:
    view = told.view
    effects = [f"{number}. {one.type}\n{_exact(one.properties)}" for number, one in enumerate(view.effects, start=1)]
    made = [
        Part(
            "What a yes will do", tuple(effects) or ("Nothing is sent anywhere; the flow goes on.",), mono=bool(effects)
        )
    ]
    if view.failed_rules:
        made.append(Part("Rules that do not hold", tuple(f"- {visible(rule.message)}" for rule in view.failed_rules)))
    if view.show:
        shown = (f"{_plain(one.label)}: {visible(money_and_dates(one.value, one.format))}" for one in view.show)
        made.append(Part("Facts", tuple(shown)))
    sure = confidence(view.meta)
    values = tuple(f"{_plain(name)}: {_value(value)}" for name, value in view.suggestion.items())
    made.append(Part(f"Suggestion ({sure})" if sure else "Suggestion", values))
    quotes = _quotes(view.meta.get("citations"))
    if quotes:
        made.append(Part("It rests on", quotes))
    missing = tuple(
        f"- {_plain(one.id)}: {_plain(one.reason or '')}" for one in view.evidence if one.state == "missing"
    )
    if missing:
        made.append(Part("Could not be looked up", missing))
    return made


def _quotes(citations: Json) -> tuple[str, ...]:
    known = [one for one in citations or () if isinstance(one, dict)]
    return tuple(
        f"“{one_line(visible(str(one.get('quote', ''))), QUOTE)}” ({_plain(str(one.get('document', '')))})"
        for one in known[:QUOTES]
    )


def _closing(told: Told, until: int | None) -> list[str]:
    lines = []
    if until is None:
        lines.append("The link opens the console, where you sign in to decide.")
    else:
        lines.append(
            "The link is yours alone, for this one decision, until "
            f"{_stamp(datetime.fromtimestamp(until, UTC))}: do not pass it on. Opening it decides nothing."
        )
    expires = told.detail.expires_at
    if expires is not None:
        then = told.plan.approve.expire.then if told.plan.approve.expire else "reject"
        after = {"reject": "it is rejected", "approve": "it goes ahead", "fail": "the task fails"}[then]
        lines.append(f"Nobody decides by {_stamp(expires)}: then {after}.")
    lines.append(f"{_plain(told.detail.flow)}, revision {told.detail.revision}, {told.detail.action_digest[:12]}")
    return lines


def _text(title: str, parts: Sequence[Part], link: str, until: int | None, told: Told) -> str:
    blocks = [title]
    blocks += ["\n".join([part.heading.upper(), *part.lines]) for part in parts]
    blocks += [f"Decide here:\n{link}", "\n".join(_closing(told, until))]
    return "\n\n".join(blocks) + "\n"


_FONT = "font:15px/1.5 system-ui,sans-serif;color:#18211e"
_BUTTON = (
    "display:inline-block;padding:12px 22px;border-radius:8px;background:#0b6b63;color:#ffffff;"
    "font:600 16px/1.2 system-ui,sans-serif;text-decoration:none"
)
_MONO = "font:13px/1.5 ui-monospace,monospace;background:#eef1ef;padding:10px;border-radius:8px;white-space:pre-wrap;margin:4px 0"
_SMALL = "font:13px/1.5 system-ui,sans-serif;color:#56635e"


def _html(title: str, parts: Sequence[Part], link: str, until: int | None, told: Told) -> str:
    body = "".join(_section(part) for part in parts)
    closing = "".join(f'<p style="{_SMALL}">{escape(line)}</p>' for line in _closing(told, until))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f'<body style="{_FONT};max-width:640px;margin:0 auto;padding:16px"><h1 style="font-size:20px">{escape(title)}</h1>'
        f'{body}<p style="margin:24px 0"><a href="{escape(link)}" style="{_BUTTON}">Look and decide</a></p>{closing}</body></html>\n'
    )


def _section(part: Part) -> str:
    style = _MONO if part.mono else "margin:2px 0;white-space:pre-wrap"
    lines = "".join(f'<p style="{style}">{escape(line)}</p>' for line in part.lines)
    return f'<h2 style="font-size:15px;margin:20px 0 4px">{escape(part.heading)}</h2>{lines}'


def _exact(value: Json) -> str:
    return visible(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def _value(value: Json) -> str:
    return visible(value) if isinstance(value, str) else _exact(value)


def _plain(text: str) -> str:
    return one_line(visible(text))


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
