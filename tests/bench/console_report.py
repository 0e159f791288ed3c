"""The console's figures as tables, and its promises."""

from __future__ import annotations

from typing import Any

from tests.bench.report import table

Json = Any
QUIET_PAGE = "design_page"
LISTS = (
    "inbox",
    "executions_page",
    "execution_rows",
    "flows_page",
    "journal_page",
    "people_page",
    "collection_page",
    "execution_elements_page",
)
WHOLE_BATCH = "select=all"
"""A whole batch at once, for deciding on it without scripts: 500 lines, which no list shows."""
LIST_MS, PAINT_MS, NEXT_MS, ELSEWHERE_MS = 200, 300, 100, 2000


def tables(found: Json) -> str:
    """Everything that was measured, as Markdown."""
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found["counts"].items())
    inbox = found["inbox"]
    keys = [
        ["`j`: the next gate is shown", *_spread(inbox["next_ms"])],
        ["`a`: decided, and the next gate is shown", *_spread(inbox["decide_ms"])],
        ["*Approve* tapped on a phone: the next gate is shown", *_spread(inbox["phone_ms"])],
        ["decided by somebody else: greyed out", *_spread(inbox["elsewhere_ms"])],
    ]
    return "\n\n".join(
        [
            f"The store holds {counts}, one execution of them {found['elements']:,} elements. Filled in {found['filled_s']} s.",
            "### The inbox under the fingers",
            table(["ms", "p50", "p95", "largest"], keys),
            "### Pages",
            table(["", "server p50, ms", "p95", "KB", "first paint, ms", "loaded, ms"], _pages(found)),
        ]
    )


def _pages(found: Json) -> list[list[Any]]:
    paints = found["paints"]
    rows = []
    for name, one in found["pages"].items():
        paint = paints.get(name, {"paint_ms": "", "load_ms": ""})
        size = round(one["bytes"] / 1000, 1)
        rows.append([f"`{name}`", one["ms"]["p50"], one["ms"]["p95"], size, paint["paint_ms"], paint["load_ms"]])
    return rows


def _spread(one: Json) -> list[Any]:
    return [one["p50"], one["p95"], one["max"]]


def slow_lists(found: Json) -> dict[str, float]:
    """Lists whose p95 is above the promise."""
    times = {
        name: one["ms"]["p95"]
        for name, one in found["pages"].items()
        if name.startswith(LISTS) and WHOLE_BATCH not in name
    }
    return {name: ms for name, ms in times.items() if ms >= LIST_MS}


def slow_paints(found: Json) -> dict[str, float]:
    """Pages that show nothing for too long."""
    return {name: one["paint_ms"] for name, one in found["paints"].items() if one["paint_ms"] >= PAINT_MS}
