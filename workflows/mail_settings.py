"""Mail as this installation knows it. Without ``VISTO_MAIL_URL`` nobody is written to."""

from __future__ import annotations

from connectors.email import config
from connectors.email.config import MailConfig
from workflows.settings import Settings

SENDER = "Visto <visto@localhost>"


def config_of(settings: Settings) -> MailConfig | None:
    """``None`` when mail is not set up. Raises ``ConnectorError`` for settings that cannot be right."""
    if settings.mail_url is None:
        return None
    return config.make(settings.mail_url.get_secret_value(), settings.mail_from or SENDER)


def writes_to_all(settings: Settings) -> bool:
    """Whether everybody who is asked gets a letter where the flow names no mail."""
    return settings.mail_url is not None and settings.mail_to == "asked"
