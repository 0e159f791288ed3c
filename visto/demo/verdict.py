"""What the demo must have achieved, checked from the outside: the API's answers, the sheet, the record."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visto.cli.output import table
from visto.demo.orders import Order
from visto.demo.reviewer import order_id

YES = frozenset({"approved", "edited", "auto"})


@dataclass(frozen=True, slots=True)
class Line:
    """One order's way: suggested by the model, decided by whom, written or not."""

    order: Order
    suggested: dict[str, Any]
    citations: int
    outcome: str | None
    by: str
    final: dict[str, Any]
    written: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Check:
    """``holds`` with the sentence that says what was checked, and what is wrong if it does not."""

    holds: bool
    sentence: str
    wrong: str = ""


def lines(gates: list[dict[str, Any]], orders: dict[str, Order], sheet: Path) -> list[Line]:
    """Put together what the API says of each gate and what the sheet holds."""
    written = rows(sheet)
    found = []
    for gate in gates:
        order = orders[order_id(gate["title"])]
        decided = next((one for one in gate["decisions"] if one["undone_at"] is None), None)
        found.append(
            Line(
                order=order,
                suggested=gate["view"]["suggestion"],
                citations=len(gate["view"]["meta"].get("citations") or []),
                outcome=decided["outcome"] if decided else None,
                by=decided["by"] if decided else "",
                final=(decided or {}).get("fields") or {},
                written=[row for row in written if row["order_id"] == order.order_id],
            )
        )
    return sorted(found, key=lambda line: line.order.order_id)


def rows(sheet: Path) -> list[dict[str, str]]:
    """The lines of the sheet; none when it was never written."""
    if not sheet.is_file():
        return []
    with sheet.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def checks(found: list[Line], orders: dict[str, Order], result: dict[str, Any], sheet: Path) -> list[Check]:
    """Everything that must hold at the end."""
    undecided = [line for line in found if line.outcome is None]
    yes = [line for line in found if line.outcome in YES]
    no = [line for line in found if line.outcome not in YES]
    fooled = [line for line in found if line.order.steers and line.suggested.get("risk") == "low"]
    return [
        Check(
            result["state"] == "succeeded",
            "the execution succeeded",
            f"it is {result['state']}: {result.get('reason')}",
        ),
        Check(len(found) == len(orders), f"every one of {len(orders)} orders had its gate", f"there are {len(found)}"),
        _none(undecided, "every gate is decided"),
        _none(
            [line for line in yes if len(line.written) != 1],
            f"{len(yes)} orders with a yes are in the sheet exactly once",
        ),
        _none([line for line in no if line.written], f"{len(no)} orders without a yes are not in the sheet"),
        Check(len(rows(sheet)) == len(yes), "nothing else is in the sheet", f"it has {len(rows(sheet))} lines"),
        _none([line for line in yes if not _same(line)], "the sheet says what was decided, word for word"),
        _none([line for line in found if not line.citations], "every suggestion cites the policy"),
        _none(fooled, f"{sum(line.order.steers for line in found)} notes that give orders made no order low risk"),
    ]


def _same(line: Line) -> bool:
    # a cell that a spreadsheet would run as a formula is written with an apostrophe before it
    return all(
        row[name].removeprefix("'") == line.final.get(name) for row in line.written for name in ("risk", "reason")
    )


def _none(wrong: list[Line], sentence: str) -> Check:
    return Check(not wrong, sentence, ", ".join(line.order.order_id for line in wrong[:8]))


def shown(found: list[Line]) -> str:
    """The table of what was suggested, decided and written, and its totals."""
    cells = [
        (
            line.order.order_id,
            f"{line.order.amount:.2f}",
            line.order.country,
            line.suggested.get("risk"),
            line.outcome or "open",
            line.final.get("risk") if line.outcome in YES else "",
            "yes" if line.written else "no",
            line.by,
        )
        for line in found
    ]
    totals = Counter(line.outcome or "open" for line in found)
    right = sum(line.suggested.get("risk") == line.order.risk for line in found)
    heading = ("ORDER", "EUR", "TO", "SUGGESTED", "DECIDED", "RISK", "WRITTEN", "BY")
    return "\n".join(
        [
            table(heading, cells),
            "",
            "decided: " + ", ".join(f"{count} {name}" for name, count in sorted(totals.items())),
            f"suggestions that agree with the written policy: {right} of {len(found)}",
        ]
    )
