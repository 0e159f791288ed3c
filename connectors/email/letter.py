"""A letter: plain text and the same as HTML. What comes from outside is text in both, and headers hold one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

MOST_SUBJECT = 180


@dataclass(frozen=True, slots=True)
class Letter:
    """``key`` names the letter for ever: a copy that is sent again has the same Message-ID. ``thread`` joins letters."""

    to: str
    subject: str
    text: str
    html: str
    key: str
    thread: str


def message_of(letter: Letter, sender: Address, now: datetime) -> EmailMessage:
    """The message as it is sent. Raises ``ValueError`` for a recipient that is no address."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = " ".join(letter.subject.split())[:MOST_SUBJECT]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = reference_of(letter.key, sender)
    if letter.thread != letter.key:
        message["In-Reply-To"] = reference_of(letter.thread, sender)
        message["References"] = reference_of(letter.thread, sender)
    # so that holiday answers and other robots keep quiet
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def reference_of(key: str, sender: Address) -> str:
    """A letter's Message-ID."""
    return f"<{key}@{sender.domain}>"
