"""``visto slack``: set the Slack app up, see how it is, and say who is who."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say
from visto.cli.people_find import Name, Namespace, find

if TYPE_CHECKING:
    from connectors.slack.check import Standing
    from visto.cli.local import Local
    from workflows.store.db import Tx
    from workflows.store.repositories.principals import Principal

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Set the Slack app up, and link people to it.",
    rich_markup_mode=None,
)

Token = Annotated[str | None, typer.Option(help="Asked for without showing it, unless given.")]


@app.command()
def setup(
    channel: Annotated[
        str | None, typer.Option(help="Where gates are shown whose flow names no channel, such as #approvals.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The https address at which Slack reaches this installation; else Socket Mode.")
    ] = None,
    bot_token: Token = None,
    signing_secret: Token = None,
    app_token: Token = None,
    manifest: Annotated[Path | None, typer.Option(help="Write the app's manifest here and stop.")] = None,
    test_message: Annotated[bool, typer.Option("--test-message", help="Post a test message to the channel.")] = False,
    as_json: Json = False,
) -> None:
    """Say what to click and paste at api.slack.com, check the tokens, and keep them where only you can read them.

    Without --url the app listens through a connection of its own (Socket Mode) and needs no public address.

    Example: visto slack setup --channel "#approvals" --test-message

    Exit codes: 0 it works, 2 something is missing, 3 Slack could not be reached, 4 Slack refused a token or the channel.
    """
    from visto.cli.slack_setup import Given, check_and_keep, manifest_text, missing, steps

    _need_https(url)
    if manifest is not None:
        manifest.write_text(manifest_text(url), encoding="utf-8")
        say(f"Wrote {manifest}. Paste it at https://api.slack.com/apps (Create New App, From a manifest).")
        return
    if missing(url, bot_token, signing_secret, app_token):
        if as_json:
            raise _no_tokens()
        note(steps(url))
    given = Given(
        bot_token=bot_token or _asked("Bot User OAuth Token (xoxb-...)"),
        signing_secret=signing_secret or (_asked("Signing Secret") if url else ""),
        app_token=app_token or ("" if url else _asked("App-Level Token (xapp-...)")),
        channel=channel or "",
    )
    standing = check_and_keep(given, test_message=test_message)
    _tell(standing, as_json=as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Show whether Slack is set up, whether it answers, and which cards could not be shown.

    Example: visto slack status --json

    Exit codes: 0 it works, 1 it is not set up or something does not work.
    """
    from visto.cli.slack_setup import examine

    standing = examine()
    _tell(standing, as_json=as_json)
    raise typer.Exit(Exit.OK if standing.works else Exit.NO)


@app.command()
def link(
    person: Name,
    team: Annotated[str | None, typer.Argument(help="The workspace's id (T...); found by e-mail if left out.")] = None,
    user: Annotated[str | None, typer.Argument(help="The member's id (U...); found by e-mail if left out.")] = None,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Say which Slack account is whose: only linked people can decide in Slack.

    Example: visto slack link ana@example.com T0123 U0456

    Exit codes: 0 linked, 2 only one of both ids, 3 no database or no answer from Slack, 4 no such person or account,
    or the account is somebody else's.
    """
    from visto.cli.local import opened

    if (team is None) != (user is None):
        raise CommandError(
            "Name both the workspace and the member, or neither.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy="Example: visto slack link ana@example.com T0123 U0456",
        )
    with opened() as local:
        where = namespace or local.settings.namespace
        found = local.db.read_sync(lambda tx: find(tx, where, person))
        subject = f"{team}:{user}" if team and user else _by_email(local, found)
        local.db.write_sync(lambda tx: _link(tx, local, where, found.id, subject))
    if as_json:
        emit({"id": found.id, "name": found.name, "slack": subject})
    else:
        say(f"{found.name} is {subject} in Slack.")


def _link(tx: Tx, local: Local, namespace: str, principal_id: str, subject: str) -> None:
    from workflows.journal.records import Record
    from workflows.store.repositories import principals

    principals.add_identity(tx, namespace, principal_id, "slack", subject)
    meta = {"what": "identity", "principal": principal_id, "kind": "slack"}
    record = Record(namespace=namespace, kind="config.changed", via="cli", meta=meta, content={"subject": subject})
    local.journal.append(tx, record)


def _by_email(local: Local, person: Principal) -> str:
    from visto.cli.slack_setup import member_of

    if person.email is None:
        raise CommandError(
            f"{person.name} has no e-mail address here, so their Slack account cannot be looked up.",
            exit_code=Exit.REFUSED,
            code="not_found",
            remedy="Name the workspace's and the member's id (in Slack: their profile, ⋮, Copy member ID).",
        )
    return member_of(local.settings, person.email)


def _asked(what: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True)).strip()
    found = sys.stdin.readline().strip()  # piped in: there is nothing to hide and nobody to ask
    if not found:
        raise _no_tokens()
    return found


def _no_tokens() -> CommandError:
    return CommandError(
        "Tokens are missing.",
        exit_code=Exit.USAGE,
        code="usage",
        remedy="Give --bot-token and (with --url) --signing-secret, else --app-token.",
    )


def _need_https(url: str | None) -> None:
    if url is not None and not url.startswith("https://"):
        raise CommandError(
            f"Slack needs an https address, not {url!r}.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy="Give an https address, or leave --url out: Socket Mode needs none.",
        )


def _tell(standing: Standing, *, as_json: bool) -> None:
    found: dict[str, Any] = standing.as_json()
    if as_json:
        emit(found)
        return
    for line in standing.lines():
        say(line)
