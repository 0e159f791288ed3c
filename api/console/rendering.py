"""Jinja's environment: everything is escaped, what is invisible is spelled out, a name that is missing is an error."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from api.console import assets, formats
from workflows.gates.visible import visible

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The one environment. Templates are files of ours; no text from outside ever becomes one."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        auto_reload=False,
    )
    env.filters |= {
        "ago": when,
        "amount": formats.number,
        "clock": formats.clock,
        "duration": formats.duration,
        "percent": formats.percent,
        "plain": formats.plain,
        "plural": formats.plural,
        "pretty": formats.pretty,
        "short": formats.short,
        "shown": formats.shown,
        "size": formats.size,
        "words": formats.title_case,
    }
    env.globals |= {"asset": assets.address, "nothing": formats.NOTHING}
    return env


def render(template: str, context: dict[str, Any]) -> str:
    """The page as text. Raises what Jinja raises: an unknown name is a mistake of ours."""
    return environment().get_template(template).render(context)


def _finalize(value: Any) -> Any:
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def when(value: datetime | str | None, *, now: datetime | None = None) -> Markup:
    """A time as people say it, with the exact instant for programs and on hover."""
    at = formats.moment(value)
    if at is None:
        return escape(formats.NOTHING)
    words = formats.ago(at, now or datetime.now(UTC))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), formats.clock(at), words)
