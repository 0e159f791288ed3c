"""The channels of this installation: one row each. A channel that is not set up costs nothing, not even its import."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workflows.relay.notices.channel import Channel
from workflows.usecases.services import Services

Make = Callable[[Services], Channel | None]


def _slack(services: Services) -> Channel | None:
    from workflows.slack_settings import config_of

    config = config_of(services.settings)
    if config is None:
        return None
    from workflows.relay.notices.slack import SlackChannel

    return SlackChannel(services, config)


def _mail(services: Services) -> Channel | None:
    from workflows.mail_settings import config_of

    config = config_of(services.settings)
    if config is None:
        return None
    from workflows.relay.notices.mail import MailChannel

    return MailChannel(services, config)


CHANNELS: Mapping[str, Make] = {
    "slack": _slack,
    "email": _mail,
}
"""By the name that flows use. A maker answers ``None`` when the channel is not set up here."""


def channels_of(services: Services) -> dict[str, Channel]:
    """Every channel that is set up. Raises what a wrong setting raises: it stops the start."""
    made = {name: make(services) for name, make in CHANNELS.items()}
    return {name: channel for name, channel in made.items() if channel is not None}
