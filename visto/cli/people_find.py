"""How commands name a person: by name or e-mail address, in a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from visto.cli.errors import CommandError, Exit

if TYPE_CHECKING:
    from workflows.store.db import Tx
    from workflows.store.repositories.principals import Principal

Name = Annotated[str, typer.Argument(help="The name; an e-mail address finds its person too.")]
Namespace = Annotated[str | None, typer.Option(help="The namespace; the installation's own by default.")]


def find(tx: Tx, namespace: str, name: str) -> Principal:
    """The one principal of this name or address. Raises ``CommandError``."""
    from workflows.store.repositories import principals

    found = principals.find_by_identity(tx, namespace, "email", name.lower())
    named = [found] if found else principals.named(tx, namespace, name)
    if len(named) != 1:
        what = "Nobody is" if not named else "Several people are"
        raise CommandError(
            f"{what} called {name!r} in {namespace}.",
            exit_code=Exit.REFUSED,
            code="not_found",
            remedy="`visto people list` shows everybody; an e-mail address is never ambiguous.",
        )
    return named[0]
