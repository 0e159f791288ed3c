"""The steps of setting Slack up, the checks, and where the tokens are kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from connectors.base import ConnectorError
from connectors.slack import check, config
from connectors.slack.check import Standing
from connectors.slack.client import SlackRefused, SlackUnknown
from connectors.slack.config import SlackConfig
from connectors.slack.manifest import manifest
from visto.cli.errors import CommandError, Exit
from visto.cli.local import opened, settings
from workflows.settings import Settings
from workflows.slack_settings import config_of, file_of
from workflows.store.repositories import notices

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody typed or pasted; empty where it is not needed."""

    bot_token: str
    signing_secret: str
    app_token: str
    channel: str


def manifest_text(url: str | None) -> str:
    return json.dumps(manifest(public_url=url), indent=2) + "\n"


def missing(url: str | None, bot_token: str | None, signing_secret: str | None, app_token: str | None) -> bool:
    """Whether something has to be asked for."""
    return not bot_token or not (signing_secret if url else app_token)


def steps(url: str | None) -> str:
    """What to click and paste, in order."""
    last = (
        "5. Basic Information, App Credentials: copy the Signing Secret."
        if url
        else "5. Basic Information, App-Level Tokens: Generate Token, add the scope connections:write; copy it (xapp-...)."
    )
    return (
        "1. Open https://api.slack.com/apps, press Create New App, then From a manifest, and choose your workspace.\n"
        f"2. Paste this (JSON):\n\n{manifest_text(url)}\n"
        "3. Press Create, then Install to Workspace, then Allow.\n"
        "4. OAuth & Permissions: copy the Bot User OAuth Token (xoxb-...).\n"
        f"{last}\n"
        "6. In Slack, in the channel where gates should be shown, write: /invite @Visto\n"
    )


def check_and_keep(given: Given, *, test_message: bool) -> Standing:
    """Check with Slack, then write the file. Nothing is kept that does not work. Raises ``CommandError``."""
    found = settings()
    file = file_of(found)
    values = _read(file) | {
        name: value
        for name, value in (
            ("BOT_TOKEN", given.bot_token),
            ("SIGNING_SECRET", given.signing_secret),
            ("APP_TOKEN", given.app_token),
            ("CHANNEL", given.channel),
            ("API_URL", found.slack_api_url or ""),
        )
        if value
    }
    made = _made(values)
    standing = _ask(check.look(made, test_message=test_message))
    if standing.problems:
        first = standing.problems[0]
        raise CommandError(
            f"{first.message} Nothing was kept.",
            exit_code=Exit.REFUSED,
            code="slack_refused",
            remedy=first.remedy,
            detail={"problems": [one.message for one in standing.problems]},
        )
    config.write(file, values)
    return standing


def examine() -> Standing:
    """How Slack is here, with the cards that could not be shown. A Slack that is away is a problem, not an error."""
    found = settings()
    try:
        known = config_of(found)
    except ConnectorError as error:
        return Standing(is_set_up=True, problems=(check.Problem(str(error), error.remedy),))
    if known is None:
        return Standing(is_set_up=False)
    try:
        standing = asyncio.run(check.look(known))
    except (SlackRefused, SlackUnknown) as error:
        words = check.Problem(str(error), "Check the network; what is to be shown waits until Slack answers.")
        standing = Standing(is_set_up=True, problems=(words,))
    return replace(standing, undelivered=_undelivered(found))


def member_of(found: Settings, email: str) -> str:
    """``team:user`` by e-mail. Raises ``CommandError``."""
    known = config_of(found)
    if known is None:
        raise CommandError(
            "Slack is not set up, so nobody can be looked up there.",
            exit_code=Exit.REFUSED,
            code="not_set_up",
            remedy="Run `visto slack setup`, or name the workspace's and the member's id.",
        )
    subject = _ask(check.member(known, email))
    if subject is None:
        raise CommandError(
            f"Nobody in the workspace has the address {email}.",
            exit_code=Exit.REFUSED,
            code="not_found",
            remedy="Name the workspace's and the member's id (in Slack: their profile, ⋮, Copy member ID).",
        )
    return subject


def _undelivered(found: Settings) -> tuple[str, ...]:
    try:
        with opened() as local:
            rows = local.db.read_sync(lambda tx: notices.failing(tx, found.namespace))
    except CommandError:
        return ()  # no database yet: nothing can be undelivered
    return tuple(f"gate {row.gate_id} at {row.address}: {row.last_error}" for row in rows if row.channel == "slack")


def _read(file: Any) -> dict[str, str]:
    try:
        return config.read(file)
    except ConnectorError as error:
        raise _refused(error) from error


def _made(values: dict[str, str]) -> SlackConfig:
    try:
        made = config.make(values, "as given")
    except ConnectorError as error:
        raise _refused(error) from error
    if made is None:
        raise CommandError("There is no bot token.", exit_code=Exit.USAGE, code="usage", remedy="Give --bot-token.")
    return made


def _refused(error: ConnectorError) -> CommandError:
    return CommandError(str(error), exit_code=Exit.USAGE, code="usage", remedy=error.remedy)


def _ask(question: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(question)
    except (SlackRefused, SlackUnknown) as error:
        refused = isinstance(error, SlackRefused) and error.code != "unreachable"
        raise CommandError(
            str(error),
            exit_code=Exit.REFUSED if refused else Exit.UNREACHABLE,
            code="slack",
            remedy="Check the token's scopes and the network, then try again.",
        ) from error
