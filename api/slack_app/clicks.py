"""What a click or a form says, read strictly: anything that is not as we made it is nobody's wish."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Json = Any

_SEEN = re.compile(r"([0-9a-f-]{36})\.([1-9][0-9]{0,8})\.([0-9a-f]{12})\.([0-9]{1,6})")
_ID = re.compile(r"[A-Z0-9]{1,40}")
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody had before them: a gate's revision, by its digest, after so many decisions."""

    gate_id: str
    revision: int
    digest: str
    decisions: int

    @classmethod
    def read(cls, value: Json) -> Seen | None:
        found = _SEEN.fullmatch(value) if isinstance(value, str) else None
        return None if found is None else cls(found[1], int(found[2]), found[3], int(found[4]))


@dataclass(frozen=True, slots=True)
class Click:
    """Who pressed what, on which message. ``team`` is the user's own workspace."""

    team: str
    user: str
    name: str
    channel: str
    ts: str
    trigger: str
    seen: Seen

    @property
    def reference(self) -> str:
        """The message, as notices name it."""
        return f"{self.channel}:{self.ts}"

    @property
    def subject(self) -> str:
        """The identity of whoever clicked."""
        return f"{self.team}:{self.user}"

    def metadata(self, **more: str) -> str:
        """What a form carries, so that its submission is about the same thing."""
        return json.dumps({**asdict(self.seen), "channel": self.channel, "ts": self.ts, **more})


def of_action(body: Mapping[str, Json]) -> Click | None:
    """The click of a ``block_actions`` payload on a message."""
    try:
        action, place = body["actions"][0], body["container"]
        return _click(body, place["channel_id"], place["message_ts"], action["value"])
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def of_form(body: Mapping[str, Json]) -> tuple[Click, dict[str, Json]] | None:
    """The form of a ``view_submission`` payload, and everything that its metadata carries."""
    try:
        carried = json.loads(body["view"]["private_metadata"])
        value = f"{carried['gate_id']}.{carried['revision']}.{carried['digest']}.{carried['decisions']}"
        click = _click(body, carried["channel"], carried["ts"], value)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    return None if click is None else (click, carried)


def _click(body: Mapping[str, Json], channel: Json, ts: Json, value: Json) -> Click | None:
    user, team = body["user"], body.get("team") or {}
    own_team = str(user.get("team_id") or team.get("id"))
    seen = Seen.read(value)
    ids = (own_team, user["id"], channel)
    if seen is None or not all(isinstance(one, str) and _ID.fullmatch(one) for one in ids):
        return None
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        return None
    name = user.get("name") or user.get("username") or user["id"]
    return Click(own_team, user["id"], str(name)[:80], channel, ts, str(body.get("trigger_id") or ""), seen)


def delivery_id(body: Mapping[str, Json]) -> str | None:
    """What is equal when Slack sends the same thing again, else different; ``None`` for what causes nothing."""
    match body.get("type"):
        case "block_actions" | "view_submission" | "view_closed" | "shortcut" | "message_action":
            trigger = body.get("trigger_id")
            stamps = [str(one.get("action_ts")) for one in body.get("actions") or () if isinstance(one, dict)]
            return None if not trigger else ":".join([str(body["type"]), str(trigger)[:200], *stamps])[:500]
        case "event_callback":
            event = body.get("event_id")
            return None if not event else f"event:{str(event)[:200]}"
    return None
