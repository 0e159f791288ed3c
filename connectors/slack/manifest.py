"""The Slack app as Slack wants it described: its name, its scopes, and where it is reached. Nothing it does not need."""

from __future__ import annotations

from typing import Any

BOT_SCOPES = {
    "chat:write": "post and change cards",
    "channels:read": "find a public channel by its name",
    "groups:read": "find a private channel by its name",
    "channels:history": "find a card again after a crash, instead of posting it twice",
    "groups:history": "the same in private channels",
    "im:history": "the same in direct messages",
    "im:write": "write to the person a gate is assigned to",
    "metadata.message:read": "recognise its own cards",
    "users:read": "needed with the next one",
    "users:read.email": "find a reviewer's Slack account by e-mail (`visto slack link`)",
}
"""What the bot may do, and why it has to."""
PATH = "/slack/events"


def manifest(*, public_url: str | None, name: str = "Visto") -> dict[str, Any]:
    """The manifest to paste. Without ``public_url`` the app uses Socket Mode and needs no address."""
    interactivity: dict[str, Any] = {"is_enabled": True}
    if public_url is not None:
        interactivity["request_url"] = public_url.rstrip("/") + PATH
    return {
        "display_information": {
            "name": name,
            "description": "Suggestions that wait for your decision",
            "background_color": "#1f2937",
        },
        "features": {"bot_user": {"display_name": name, "always_online": True}},
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": public_url is None,
            "token_rotation_enabled": False,
        },
    }
