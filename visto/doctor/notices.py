"""Slack and mail, and the messages about gates that did not arrive there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.base import ConnectorError
from visto.doctor.model import Finding
from workflows.settings import Settings

if TYPE_CHECKING:
    from connectors.slack.config import SlackConfig
    from workflows.store.db import Tx

SHOWN = 5


def slack(settings: Settings) -> Iterator[Finding]:
    """Whether Slack is set up, and whether what is set up works."""
    from workflows.slack_settings import config_of

    try:
        config = config_of(settings)
    except ConnectorError as error:
        yield Finding("Slack", "problem", str(error), error.remedy)
        return
    if config is None:
        yield Finding("Slack", "info", "not set up; gates are shown in the console only", "Run: visto slack setup")
        return
    yield from _answers(config)


def _answers(config: SlackConfig) -> Iterator[Finding]:
    from connectors.slack.check import look
    from connectors.slack.client import SlackRefused, SlackUnknown

    try:
        standing = asyncio.run(look(config))
    except (SlackRefused, SlackUnknown) as error:
        yield Finding("Slack", "problem", str(error), "Check the network; cards wait until Slack answers.")
        return
    if standing.works:
        yield Finding("Slack", "ok", f"{standing.team}, clicks arrive by {standing.listens}")
    for problem in standing.problems:
        yield Finding("Slack", "problem", problem.message, problem.remedy)


def mail(settings: Settings) -> Iterator[Finding]:
    """Whether a mail server is set up, and whether it lets this installation in."""
    from connectors.email.post import MailRefused, look
    from workflows.mail_settings import config_of

    try:
        config = config_of(settings)
    except ConnectorError as error:
        yield Finding("mail", "problem", str(error), error.remedy)
        return
    if config is None:
        yield Finding("mail", "info", "not set up; nobody is written to", "Set VISTO_MAIL_URL: docs/mail.md says how.")
        return
    try:
        asyncio.run(look(config))
    except MailRefused as error:
        yield Finding(
            "mail", "problem", str(error), "Check VISTO_MAIL_URL and the network; letters are sent when it answers."
        )
        return
    yield Finding("mail", "ok", f"{config.host}:{config.port} takes letters from {config.sender.addr_spec}")


def undelivered(settings: Settings) -> Iterator[Finding]:
    """Messages whose last attempt failed, with what was said then."""
    from visto.doctor.installation import has_database
    from workflows.store.db import Database, StoreUnavailable
    from workflows.store.migrate import status

    if not has_database(settings):
        return
    try:
        if not status(settings.database).ready:
            return  # said elsewhere
        db = Database(settings.database)
        try:
            failing = db.read_sync(lambda tx: _failing(tx, settings.namespace))
        finally:
            db.close()
    except StoreUnavailable:
        return  # said elsewhere
    for said in failing:
        yield Finding("messages", "warning", said)


def _failing(tx: Tx, namespace: str) -> list[str]:
    from workflows.store.repositories import notices, principals

    said = []
    for row in notices.failing(tx, namespace, limit=SHOWN):
        known = principals.get(tx, namespace, row.address) if row.channel == "email" else None
        where = f"gate {row.gate_id} in {row.channel} at {known.name if known else row.address}"
        said.append(f"{where} could not be shown: {row.last_error}")
    return said
