"""Hands a letter to the mail server, and says whether it was certainly not taken."""

from __future__ import annotations

import ssl
from datetime import timedelta
from email.message import EmailMessage

import aiosmtplib

from connectors.email.config import MailConfig

TIME = timedelta(seconds=15)
PERMANENT = 500
SOON, LATER = timedelta(minutes=1), timedelta(hours=6)


class MailRefused(Exception):
    """The server did not take the letter. ``again_in`` is when trying again may help."""

    def __init__(self, message: str, again_in: timedelta) -> None:
        super().__init__(message)
        self.again_in = again_in


async def send(config: MailConfig, message: EmailMessage) -> None:
    """Hand the letter over. Raises ``MailRefused``; any other error means that it may have been taken."""
    server = await _connected(config)
    try:
        await server.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise MailRefused(f"The mail server refused the recipient: {_words(error.recipients[0])}.", LATER) from error
    except aiosmtplib.SMTPResponseException as error:
        again = LATER if error.code >= PERMANENT else SOON
        raise MailRefused(f"The mail server refused the letter: {_words(error)}.", again) from error
    finally:
        server.close()


async def look(config: MailConfig) -> None:
    """Sign in to the server and send nothing. Raises ``MailRefused``."""
    (await _connected(config)).close()


async def _connected(config: MailConfig) -> aiosmtplib.SMTP:
    server = aiosmtplib.SMTP(
        hostname=config.host,
        port=config.port,
        use_tls=config.security == "tls",
        start_tls={"tls": False, "starttls": True, "opportunistic": None}[config.security],
        tls_context=ssl.create_default_context(),
        username=config.user,
        password=config.password.get_secret_value() if config.password else None,
        timeout=TIME.total_seconds(),
    )
    try:
        await server.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailRefused(
            f"The mail server {config.host}:{config.port} cannot be used: {_words(error)}.", SOON
        ) from error
    return server


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {' '.join(str(error.message).split())}"[:300].rstrip(".")
    return (str(error) or type(error).__name__)[:300].rstrip(".")
