"""Slack as this installation knows it: the settings first, then the file that `visto slack setup` wrote."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from connectors.slack import config
from connectors.slack.config import SlackConfig
from workflows.settings import Settings

FILE = "slack.env"


def file_of(settings: Settings) -> Path:
    """Where the app's tokens are kept: beside the installation's keys, readable by its owner only."""
    return settings.keys / FILE


def config_of(settings: Settings) -> SlackConfig | None:
    """``None`` when Slack is not set up here. Raises ``ConnectorError`` for settings that cannot be right."""
    given = {name: _text(getattr(settings, f"slack_{name.lower()}")) for name in config.NAMES}
    values = config.read(file_of(settings)) | {name: value for name, value in given.items() if value}
    return config.make(values, "VISTO_SLACK_* or keys/slack.env")


def default_channels(settings: Settings) -> dict[str, str]:
    """Where gates are shown whose flow names no channel, by namespace; ``*`` for all others. Needs no token."""
    named = settings.slack_channel or config.read(file_of(settings)).get("CHANNEL") or ""
    return config.default_channels(named)


def _text(value: SecretStr | str | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""
