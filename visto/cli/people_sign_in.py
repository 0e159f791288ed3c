"""``visto people password`` and ``visto people link``: how somebody gets into the console."""

from __future__ import annotations

import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say
from visto.cli.people_find import Name, Namespace, find

if TYPE_CHECKING:
    from datetime import datetime

    from workflows.store.db import Tx
    from workflows.store.repositories.principals import Principal


class Purpose(StrEnum):
    """What a link is for."""

    SIGN_IN = "sign-in"
    PASSWORD = "password"  # noqa: S105  a purpose, not a secret


def password(
    name: Name,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from the first line of standard input.")] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Set somebody's password; their sessions end.

    Example: visto people password ana@example.com

    Exit codes: 0 set, 3 no database, 4 no such person or a weak password.
    """
    from visto.cli.local import opened
    from workflows.usecases.passwords import check_rules, hash_now
    from workflows.usecases.sign_in_password import reset

    with opened() as local:
        where = namespace or local.settings.namespace
        who = local.db.read_sync(lambda tx: _person(tx, where, name))
        new = sys.stdin.readline().rstrip("\r\n") if stdin else _asked(who.name)
        check_rules(new, who.name, who.email)
        hash_ = hash_now(new)
        ended = local.db.write_sync(lambda tx: reset(tx, local.journal, where, who.id, hash_, via="cli"))
    if as_json:
        emit({"id": who.id, "name": who.name, "sessions_ended": ended})
    else:
        say(f"{who.name} has a new password. Sessions ended: {ended}.")


def link(
    name: Name,
    purpose: Annotated[Purpose, typer.Option(help="Sign in at once, or set a password.")] = Purpose.SIGN_IN,
    hours: Annotated[int, typer.Option(min=1, max=24 * 14, help="How long it is valid.")] = 24,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Make a personal link that works once, and print it; an earlier one of that purpose ends.

    Example: visto people link ana@example.com --purpose password

    Exit codes: 0 made, 3 no database, 4 no such person.
    """
    from visto.cli.local import opened
    from workflows.usecases.sign_in_links import make

    with opened() as local:
        where = namespace or local.settings.namespace

        def made(tx: Tx) -> tuple[str, datetime]:
            who, life = _person(tx, where, name).id, timedelta(hours=hours)
            return make(
                tx,
                local.journal,
                where,
                who,
                "password" if purpose == Purpose.PASSWORD else "sign-in",
                life=life,
                via="cli",
            )

        path, until = local.db.write_sync(made)
        url = local.settings.api_url.rstrip("/") + path
    if as_json:
        emit({"url": url, "purpose": Purpose(purpose).value, "expires_at": until.isoformat()})
        return
    note(
        f"Whoever opens this within {hours} hour{'s' * (hours != 1)} is {name}; send it to nobody else. It works once."
    )
    say(url)


def _asked(name: str) -> str:
    typed: str = typer.prompt(f"New password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def _person(tx: Tx, namespace: str, name: str) -> Principal:
    found = find(tx, namespace, name)
    if found.kind != "person" or found.disabled_at is not None:
        what = "is a program" if found.kind != "person" else "is disabled"
        raise CommandError(
            f"{found.name} {what} and cannot sign in.",
            exit_code=Exit.REFUSED,
            code="cannot_sign_in",
            remedy="Give a program a key with `visto people key NAME`; add a person with `visto people add`.",
        )
    return found
