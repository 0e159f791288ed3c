"""Which mail server takes an installation's letters, and who they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from connectors.base import ConnectorError

Security = Literal["tls", "starttls", "opportunistic"]
_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("opportunistic", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_FORM = "smtps://USER:PASSWORD@mail.example.com"


@dataclass(frozen=True, slots=True)
class MailConfig:
    """``opportunistic`` encrypts when the server offers it; with a user name it must."""

    host: str
    port: int
    security: Security
    sender: Address
    user: str | None = None
    password: SecretStr | None = field(default=None)


def make(url: str, sender: str) -> MailConfig:
    """From ``VISTO_MAIL_URL`` and ``VISTO_MAIL_FROM``. Raises ``ConnectorError`` naming what is wrong, never the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(f"VISTO_MAIL_URL is no address of a mail server: {error}.") from error
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise _wrong(
            f"VISTO_MAIL_URL must begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES)} and name a host."
        )
    security, usual = _SCHEMES[parts.scheme]
    user = unquote(parts.username) if parts.username else None
    return MailConfig(
        host=parts.hostname,
        port=port or usual,
        security="starttls" if user and security == "opportunistic" else security,
        sender=_sender(sender),
        user=user,
        password=SecretStr(unquote(parts.password)) if parts.password else None,
    )


def _sender(text: str) -> Address:
    name, _, rest = text.rpartition("<")
    address = rest.rstrip("> ").strip()
    try:
        return Address(display_name=name.strip().strip('"'), addr_spec=address)
    except (ValueError, IndexError) as error:
        raise ConnectorError(
            f"VISTO_MAIL_FROM is no mail address: {text!r}.",
            code="invalid_setting",
            permanent=True,
            remedy="Write it like `Visto <visto@example.com>`.",
        ) from error


def _wrong(message: str) -> ConnectorError:
    return ConnectorError(message, code="invalid_setting", permanent=True, remedy=f"Write it like {_FORM}.")
