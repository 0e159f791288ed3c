"""What an installation knows of its Slack app, from ``VISTO_SLACK_*`` or the file that `visto slack setup` writes.

The file lies beside the installation's keys and not in ``secrets.env``: flows may name every secret there, and no flow
may ever speak with this app's token.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from connectors.base import ConnectorError

API_URL = "https://slack.com/api/"
NAMES = ("BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN", "CHANNEL", "API_URL")
PREFIX = "VISTO_SLACK_"
PRIVATE = 0o077
_CHANNEL = re.compile(r"#?[^\s#@,=<>]{1,80}")


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """``channels`` is the default channel by namespace, ``*`` for all others. ``api_url`` ends with a slash."""

    bot_token: SecretStr
    signing_secret: SecretStr | None = None
    app_token: SecretStr | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    api_url: str = API_URL

    def channel_of(self, namespace: str) -> str | None:
        """Where gates of a namespace are shown whose flow names no channel."""
        return self.channels.get(namespace) or self.channels.get("*")


def make(values: Mapping[str, str], where: str) -> SlackConfig | None:
    """The configuration of these values (names as in ``NAMES``); ``None`` without a bot token.

    Raises ``ConnectorError`` for a value that cannot be right; it never repeats a token.
    """
    token = values.get("BOT_TOKEN", "").strip()
    if not token:
        return None
    _shaped(token, "xoxb-", "BOT_TOKEN", where)
    app_token = values.get("APP_TOKEN", "").strip()
    if app_token:
        _shaped(app_token, "xapp-", "APP_TOKEN", where)
    secret = values.get("SIGNING_SECRET", "").strip()
    url = values.get("API_URL", "").strip() or API_URL
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        _fail(f"{PREFIX}API_URL is not an https address ({where}).", f"Leave it out, or write {API_URL}")
    return SlackConfig(
        bot_token=SecretStr(token),
        signing_secret=SecretStr(secret) if secret else None,
        app_token=SecretStr(app_token) if app_token else None,
        channels=default_channels(values.get("CHANNEL", ""), where),
        api_url=url if url.endswith("/") else url + "/",
    )


def default_channels(text: str, where: str = "") -> dict[str, str]:
    """``#approvals``, or ``sales=#sales,*=#approvals`` for each namespace. Raises ``ConnectorError``."""
    found: dict[str, str] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        namespace, equals, channel = part.rpartition("=")
        if not _CHANNEL.fullmatch(channel):
            _fail(
                f"{PREFIX}CHANNEL names no channel: {part[:80]!r} {where}.", "Write #approvals or an id such as C0123."
            )
        found[namespace.strip() if equals else "*"] = channel
    return found


def read(file: Path) -> dict[str, str]:
    """The values in the file, by name. A file that others can read is refused. Raises ``ConnectorError``."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, encoding="utf-8") as source:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & PRIVATE:
            _fail(f"{file} can be read by others.", f"Run: chmod 600 {file}")
        lines = [line.strip() for line in source.read().splitlines()]
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip().removeprefix(PREFIX): value.strip() for name, _, value in pairs}


def write(file: Path, values: Mapping[str, str]) -> None:
    """Write the values; only the owner can read them, at no moment anybody else."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(f"{PREFIX}{name}={values[name]}\n" for name in NAMES if values.get(name))
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(text)
        target.flush()
        os.fsync(descriptor)
    fresh.replace(file)


def _shaped(value: str, prefix: str, name: str, where: str) -> None:
    if not value.startswith(prefix) or not value.isascii() or not value.isprintable() or " " in value:
        _fail(
            f"{PREFIX}{name} is not a token that begins with {prefix} ({where}).",
            "Copy it again from the app's page at api.slack.com/apps; `visto slack setup` says where it stands.",
        )


def _fail(message: str, remedy: str) -> NoReturn:
    raise ConnectorError(message, code="slack_settings", permanent=True, remedy=remedy)
