"""How commands print: JSON on request, plain lines and tables otherwise. Data goes to stdout, words about it to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from visto.cli.errors import CommandError

_JSON = "visto.json"


def _remember(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[_JSON] = value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.", is_eager=True, callback=_remember)]
"""The ``--json`` option; errors then come as JSON too."""


def wants_json(ctx: typer.Context) -> bool:
    """Whether the running command was given ``--json``."""
    return bool(ctx.meta.get(_JSON))


def emit(value: Any) -> None:
    """Print a JSON value to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def say(text: str = "") -> None:
    """Print a line of the answer to stdout."""
    sys.stdout.write(printable(text) + "\n")


def note(text: str) -> None:
    """Print a line about what happens to stderr."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def fail(error: CommandError, *, as_json: bool) -> None:
    """Print an error to stderr."""
    if as_json:
        sys.stderr.write(json.dumps(error.as_json(), ensure_ascii=False, default=str) + "\n")
        return
    note(f"Error: {error}")
    for problem in error.detail.get("diagnostics", ()):
        place = ":".join(str(problem.get(part, "")) for part in ("file", "line", "column"))
        hint = f"  ({problem['hint']})" if problem.get("hint") else ""
        note(f"  {place}  {problem.get('code', '')}  {problem.get('message', '')}{hint}")
    if error.remedy:
        note(f"  {error.remedy}")


def printable(text: str) -> str:
    """Replace control characters: text from a model, a document or a person never steers the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, limit: int = 60) -> str:
    """Lay out rows under their headings; cells are one line and at most ``limit`` characters."""
    cells = [[_cell(value, limit) for value in row] for row in rows]
    widths = [max([len(head), *(len(row[n]) for row in cells)]) for n, head in enumerate(headings)]
    lines = [list(headings), *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: object, limit: int) -> str:
    text = "" if value is None else " ".join(printable(str(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
