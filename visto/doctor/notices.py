"""Slack, and the messages about gates that could not be shown there or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connectors.base import ConnectorError
from visto.doctor.model import Finding
from workflows.settings import Settings

if TYPE_CHECKING:
    from connectors.slack.config import SlackConfig

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


def undelivered(settings: Settings) -> Iterator[Finding]:
    """Messages whose last attempt failed, with what was said then."""
    from visto.doctor.installation import has_database
    from workflows.store.db import Database, StoreUnavailable
    from workflows.store.migrate import status
    from workflows.store.repositories import notices

    if not has_database(settings):
        return
    try:
        if not status(settings.database).ready:
            return  # said elsewhere
        db = Database(settings.database)
        try:
            failing = db.read_sync(lambda tx: notices.failing(tx, settings.namespace, limit=SHOWN))
        finally:
            db.close()
    except StoreUnavailable:
        return  # said elsewhere
    for row in failing:
        where = f"gate {row.gate_id} in {row.channel} at {row.address}"
        yield Finding("messages", "warning", f"{where} could not be shown: {row.last_error}")
