"""Somebody in the workspace: sees messages, clicks buttons that are there, fills in forms, submits them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from connectors.fakes.slack.methods import replace_view
from connectors.fakes.slack.server import Answer, FakeSlack
from connectors.fakes.slack.workspace import Message, View

Json = Any


class NotThere(LookupError):
    """There is no such button or field: nobody can use it."""


class Somebody:
    """A member. ``click`` and ``submit`` return what our app answered at once."""

    def __init__(self, slack: FakeSlack, name: str, email: str = "", *, team: str | None = None) -> None:
        self._slack = slack
        self.name = name
        self.team = team or slack.world.team
        self.id = slack.world.user(name, email)

    @property
    def told(self) -> list[str]:
        """What only this member was told."""
        return self._slack.world.whispers(self.id)

    def pressed(self, message: Message, action: str, **changes: Json) -> dict[str, Json]:
        """The payload of a click. ``changes`` replaces parts of it, as a forger would."""
        button = message.buttons().get(action)
        if button is None:
            raise NotThere(f"no button {action!r}; there are {sorted(message.buttons())}")
        world = self._slack.world
        channel = world.channels[message.channel]
        return {
            "type": "block_actions",
            "user": self._user(),
            "api_app_id": world.app_id,
            "token": "unused",
            "container": {"type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": False},
            "trigger_id": world.trigger(self.id),
            "team": {"id": world.team, "domain": world.name},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel.id, "name": channel.name},
            "message": {"type": "message", "ts": message.ts, "user": message.user, **message.now},
            "state": {"values": {}},
            "response_url": f"http://127.0.0.1:{self._slack.port}/api/response",
            "actions": [
                {
                    "action_id": action,
                    "block_id": button["block_id"],
                    "text": button["text"],
                    "value": button.get("value"),
                    "type": "button",
                    "action_ts": f"{time.time():.6f}",
                }
            ],
            **changes,
        }

    async def click(self, message: Message, action: str, **changes: Json) -> Answer:
        return await self._slack.interact(self.pressed(message, action, **changes))

    def view(self) -> View:
        """The modal in front of them. Raises ``NotThere``."""
        mine = [one for one in self._slack.world.views.values() if one.user == self.id and one.is_open]
        if not mine:
            raise NotThere(f"{self.name} has no modal open")
        return mine[-1]

    async def form(self, *, seconds: float = 5.0) -> View:
        """Their modal, once it can be submitted or says why it cannot (not the one that is still loading)."""
        async with asyncio.timeout(seconds):
            while True:
                mine = [one for one in self._slack.world.views.values() if one.user == self.id and one.is_open]
                if mine and not mine[-1].content.get("callback_id", "").endswith("_loading"):
                    return mine[-1]
                await asyncio.sleep(0.01)

    def fill(self, **values: Json) -> None:
        """Type into the modal's inputs, by block id (``f_risk="low"`` for a block ``f:risk``)."""
        view = self.view()
        inputs = {block["block_id"]: block["element"] for block in view.content["blocks"] if block["type"] == "input"}
        for name, value in values.items():
            block = name.replace("_", ":", 1) if name.replace("_", ":", 1) in inputs else name
            if block not in inputs:
                raise NotThere(f"no input {block!r}; there are {sorted(inputs)}")
            element = inputs[block]
            view.state.setdefault(block, {})[element["action_id"]] = _typed(element, value)

    async def submit(self, **values: Json) -> Answer:
        """Submit the modal with what was typed; then do with it what our app answers."""
        self.fill(**values)
        view = self.view()
        answer = await self._slack.interact(self.submission(view))
        if answer.status == 200:
            self._react(view, answer.json())
        return answer

    def submission(self, view: View) -> dict[str, Json]:
        world = self._slack.world
        shown = {**view.content, "id": view.id, "hash": view.hash, "team_id": world.team, "app_id": world.app_id}
        return {
            "type": "view_submission",
            "team": {"id": world.team, "domain": world.name},
            "user": self._user(),
            "api_app_id": world.app_id,
            "token": "unused",
            "trigger_id": world.trigger(self.id),
            "enterprise": None,
            "is_enterprise_install": False,
            "view": {**shown, "state": {"values": _state(view)}},
            "response_urls": [],
        }

    def _react(self, view: View, answer: dict[str, Json]) -> None:
        match answer.get("response_action"):
            case None | "clear":
                view.is_open = False
            case "update":
                replace_view(self._slack.world, view, answer["view"])
            case "errors":
                inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
                unknown = answer["errors"].keys() - inputs
                if unknown or not answer["errors"]:
                    raise AssertionError(f"errors at blocks that are no inputs: {sorted(unknown)}")

    def _user(self) -> dict[str, Json]:
        return {"id": self.id, "username": self.name, "name": self.name, "team_id": self.team}


def _typed(element: dict[str, Json], value: Json) -> dict[str, Json]:
    """What Slack reports of an input with this value; a choice is given by its text."""
    kind = element["type"]
    if kind in ("static_select", "radio_buttons"):
        return {"type": kind, "selected_option": _option(element, value)}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [_option(element, one) for one in value]}
    if kind == "datepicker":
        return {"type": kind, "selected_date": value}
    return {"type": kind, "value": value}


def _option(element: dict[str, Json], text: str | None) -> dict[str, Json] | None:
    if text is None:
        return None
    found = next((one for one in element["options"] if one["text"]["text"] == text), None)
    if found is None:
        raise NotThere(f"no option {text!r}; there are {[one['text']['text'] for one in element['options']]}")
    return dict(found)


def _state(view: View) -> dict[str, dict[str, Json]]:
    """Every input with what was typed, else with what stood there."""
    values: dict[str, dict[str, Json]] = {}
    for block in view.content["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        typed = view.state.get(block["block_id"], {}).get(element["action_id"])
        values[block["block_id"]] = {element["action_id"]: typed or _initial(element)}
    return values


def _initial(element: dict[str, Json]) -> dict[str, Json]:
    kind = element["type"]
    match kind:
        case "static_select" | "radio_buttons":
            return {"type": kind, "selected_option": element.get("initial_option")}
        case "checkboxes":
            return {"type": kind, "selected_options": element.get("initial_options") or []}
        case "datepicker":
            return {"type": kind, "selected_date": element.get("initial_date")}
    return {"type": kind, "value": element.get("initial_value") or None}
