"""``visto doctor``: what this installation finds, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from visto.cli.errors import Exit
from visto.cli.output import Json, emit, note, say

if TYPE_CHECKING:
    from visto.doctor.model import Finding

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SIGNS = {"ok": "ok     ", "info": "note   ", "warning": "WARNING", "problem": "PROBLEM"}


@app.command()
def doctor(as_json: Json = False) -> None:
    """Explain what this installation finds: programs, packages, keys, database, models, ports.

    Example: visto doctor --json

    Exit codes: 0 everything that is needed is there, 1 something will not work.
    """
    findings = list(examine())
    broken = sum(one.level == "problem" for one in findings)
    if as_json:
        emit({"ok": not broken, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            say(f"{SIGNS[one.level]}  {one.what}: {one.message}")
            if one.remedy:
                say(f"         {one.remedy}")
        note("Everything that is needed is there." if not broken else f"{broken} problems.")
    raise typer.Exit(Exit.NO if broken else Exit.OK)


def examine() -> Iterator[Finding]:
    """Look at everything, most basic things first. One that cannot be looked at becomes a finding itself."""
    from visto.cli.local import settings
    from visto.doctor import ai, environment, installation, notices
    from visto.doctor.model import Finding

    try:
        found = settings()
    except ValueError as error:
        yield Finding("settings", "problem", f"A VISTO_* variable is wrong: {error}", "Correct it and look again.")
        return
    checks = [
        *(environment.python, environment.packages, environment.temporal, environment.chroma),
        *(
            lambda: installation.home(found),
            lambda: installation.database(found),
            lambda: installation.processes(found),
            lambda: notices.slack(found),
            lambda: notices.mail(found),
            lambda: notices.undelivered(found),
        ),
        *(ai.models, ai.embeddings),
    ]
    for check in checks:
        try:
            yield from check()
        except ImportError as error:
            yield Finding("packages", "problem", f"{error.name or error} cannot be imported.", environment.INSTALL)
