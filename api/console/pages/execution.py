"""One execution: how it stands and why, its graph, its parts, what it was given and made; cancel and restart."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from fastapi import Query, Response

from api.console.formats import plain, pretty
from api.console.graph import layout
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.execution_filters import PATH
from api.console.pages.execution_marks import WORDS, marks_of, tone, word
from api.console.pages.executions import MOST_REASON
from workflows.store.db import Tx
from workflows.usecases import execution_views
from workflows.usecases.cancel import cancel
from workflows.usecases.execution_parts import ORDER, Loop, Parts, walk
from workflows.usecases.execution_views import View
from workflows.usecases.restart import restart

router = console_router(prefix=PATH)

ALARMING = ("failed", "unknown")
ELEMENTS = 50
MOST_GATES = 50
MOST_VALUE = 2_000
MOST_RAW = 60_000
STRIP = 1_200
"""So many elements have a cell of their own in the strip; of more, each cell shows several."""


class Cell(NamedTuple):
    """One cell of a strip; ``share`` (0 to 1) is how many of its elements have its state."""

    state: str
    key: str
    share: float
    says: str


@router.get("/{execution_id}")
async def execution_page(execution_id: str, page: PageDep, part: str | None = None) -> Response:
    """The overview."""

    def read(tx: Tx) -> dict[str, Any]:
        view = execution_views.view(tx, page.namespace, execution_id)
        parts = execution_views.parts(tx, view.execution)
        gates = execution_views.gate_lines(tx, page.namespace, parts.gates[:MOST_GATES])
        usage = execution_views.usage(tx, view.execution)
        return {"view": view, "parts": parts, "gates": gates, "usage": {one.kind: one for one in usage}}

    found = await page.services.db.read(read)
    view, parts = found["view"], found["parts"]
    reason = view.reason
    marks = marks_of(view.plan, parts, view.execution.state, reason.task if reason else None)
    return await page.render(
        "executions/execution.html",
        **found,
        **frame(page, view, parts, "overview"),
        drawing=layout(view.plan),
        marks=marks,
        mark=marks.get(part) if part else None,
        part=dict(walk(view.plan)).get(part) if part else None,
        part_path=part,
        strips={loop.path: strip(loop) for loop in parts.loops},
        inputs=values(view.execution.inputs),
        outputs=values(view.execution.outputs or {}),
        callback_host=_without_query(view.execution.callback_url),
    )


@router.get("/{execution_id}/elements")
async def execution_elements_page(
    execution_id: str,
    page: PageDep,
    loop: str | None = None,
    state: Annotated[list[str] | None, Query()] = None,
    key: str = "",
    at: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """The elements of a loop, filtered and page by page."""
    states = tuple(one for one in state or () if one in ORDER)

    def read(tx: Tx) -> dict[str, Any]:
        view = execution_views.view(tx, page.namespace, execution_id)
        parts = execution_views.parts(tx, view.execution)
        chosen = parts.loop(loop) if loop else next(iter(parts.loops), None)
        shown = (
            execution_views.elements(tx, page.namespace, chosen, states=states, key=key.strip(), at=at, limit=ELEMENTS)
            if chosen
            else None
        )
        return {"view": view, "parts": parts, "chosen": chosen, "shown": shown}

    found = await page.services.db.read(read)
    return await page.render(
        "executions/elements.html",
        **found,
        **frame(page, found["view"], found["parts"], "elements"),
        states=states,
        key=key,
        at=at,
        size=ELEMENTS,
        cells=strip(found["chosen"]) if found["chosen"] else [],
    )


@router.post("/{execution_id}/cancel")
async def cancel_run(execution_id: str, page: PageDep) -> Response:
    """Ask it to stop."""
    await cancel(page.services, page.namespace, execution_id, actor=page.actor, reason=_reason(page))
    return page.done("It was asked to stop; its open gates are withdrawn.", to=f"{PATH}/{execution_id}")


@router.post("/{execution_id}/restart")
async def restart_run(execution_id: str, page: PageDep) -> Response:
    """Run it again from what failed."""
    await restart(page.services, page.namespace, execution_id, actor=page.actor, reason=_reason(page))
    return page.done("It runs again from what failed.", to=f"{PATH}/{execution_id}")


def frame(page: Page, view: View, parts: Parts | None, tab: str) -> dict[str, Any]:
    """What all pages about one execution have in common."""
    here = f"{PATH}/{view.execution.id}"
    tabs = [("overview", "Overview", here)]
    if parts is None or parts.loops:
        tabs.append(("elements", "Elements", f"{here}/elements"))
    tabs += [("timeline", "Timeline", f"{here}/timeline"), ("journal", "Journal", f"{here}/journal")]
    loops = any(task.foreach is not None for _, task in walk(view.plan))
    return {
        "here": here,
        "tab": tab,
        "tabs": [one for one in tabs if one[0] != "elements" or loops],
        "may_act": page.may("cancel_run"),
        "may_run": page.may("act_on_executions"),
        "word": word,
        "tone": tone,
        "part_words": WORDS,
    }


def strip(loop: Loop) -> list[Cell]:
    """The loop's elements in their order. Of very many, a cell stands for several: it shows a failure if there is
    one, else what most of them are, and how many that is by its strength."""
    elements, size = loop.elements, -(-len(loop.elements) // STRIP) or 1
    cells: list[Cell] = []
    for start in range(0, len(elements), size):
        some = elements[start : start + size]
        counts = Counter(element.state for element in some)
        state = next((state for state in ALARMING if counts[state]), counts.most_common(1)[0][0])
        first = next(element for element in some if element.state == state)
        share = 0.35 + 0.65 * counts[state] / len(some)
        cells.append(Cell(tone(state), first.key, round(share, 2), _says(some[0].key, some[-1].key, counts)))
    return cells


def _says(first: str, last: str, counts: Counter[str]) -> str:
    if first == last:
        return f"Element {first}: {word(next(iter(counts)))}"
    return f"Elements {first} to {last}: " + ", ".join(f"{n} {word(state).lower()}" for state, n in counts.items())


def values(given: dict[str, Any]) -> dict[str, Any]:
    """Values to show: each as text of bounded length, and all of them as JSON."""
    raw = pretty(given)
    shown = {name: plain(value) for name, value in given.items()}
    return {
        "shown": {name: text[:MOST_VALUE] for name, text in shown.items()},
        "cut": {name: len(text) for name, text in shown.items() if len(text) > MOST_VALUE},
        "raw": raw[:MOST_RAW],
        "raw_size": len(raw),
        "raw_cut": len(raw) > MOST_RAW,
    }


def _reason(page: Page) -> str:
    return page.form.get("reason", "").strip()[:MOST_REASON]


def _without_query(url: str | None) -> str | None:
    """Where a callback goes; what comes behind the path may be a secret."""
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
