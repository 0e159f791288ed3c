"""Answers Slack within three seconds: acknowledge, say "working", decide, and let the relay show what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.slack_app import forms, values
from api.slack_app.clicks import Click, of_action, of_form
from api.slack_app.desk import Desk, Elsewhere, Unknown, Wish
from api.slack_app.values import NotTyped
from connectors.slack import blocks as b
from connectors.slack.client import SlackClient, SlackRefused, SlackUnknown
from workflows.gates.model import Action, GateError, View
from workflows.gates.refusals import already_decided, stale_revision, withdrawn
from workflows.gates.visible import visible
from workflows.relay.notices.channel import Told
from workflows.store.db import StoreUnavailable

log = logging.getLogger("visto.slack")

Json = Any
Ack = Callable[..., Awaitable[Any]]

IN_TIME_S = 2.0
TITLES = {Action.EDIT: "Edit", Action.REJECT: "Reject", Action.REQUEST_CHANGES: "Request changes"}
_REFUSALS = (GateError, Elsewhere, Unknown, StoreUnavailable)


@dataclass(frozen=True, slots=True)
class Handlers:
    """One method for each thing that can be done in Slack. ``tasks`` holds what goes on after the answer."""

    desk: Desk
    client: SlackClient
    tasks: set[asyncio.Task[Any]]

    async def approve(self, ack: Ack, body: Mapping[str, Json]) -> None:
        await ack()
        click = of_action(body)
        if click is None:
            return
        try:
            wish = await self.desk.recognise(click, Action.APPROVE)
            await self.desk.show_again(click, soon=True)
            await self._working(click, wish)
            await self.desk.decide(wish, Action.APPROVE)
        except _REFUSALS as error:
            await self._whisper(click, words_of(error))
        finally:
            await self._show_again(click)

    async def ask(self, ack: Ack, body: Mapping[str, Json], action: Action) -> None:
        """Open the form of an action: empty at once, filled as soon as the gate was read."""
        await ack()
        click = of_action(body)
        if click is None:
            return
        try:
            wish = await self.desk.recognise(click, action)
            opened = await self.client.call("views.open", trigger_id=click.trigger, view=forms.loading(TITLES[action]))
            view = await self._form(wish, action)
            shown = opened["view"]
            await self.client.call("views.update", view_id=shown["id"], hash=shown.get("hash"), view=view)
        except _REFUSALS as error:
            await self._whisper(click, words_of(error))
            await self._show_again(click)
        except (SlackRefused, SlackUnknown) as error:
            log.warning("a form could not be opened: %s", error)
            await self._whisper(click, "The form could not be opened. Press the button again, or use the console.")

    async def _form(self, wish: Wish, action: Action) -> b.Block:
        try:
            told = await self.desk.told(wish)
            _still_this(told, wish)
        except GateError as error:
            await self._show_again(wish.click)
            return forms.says(TITLES[action], words_of(error))
        if action is Action.EDIT:
            return forms.edit(told, wish.click)
        return forms.reject(told, wish.click) if action is Action.REJECT else forms.request_changes(told, wish.click)

    async def rejected(self, ack: Ack, body: Mapping[str, Json]) -> None:
        async def decide(wish: Wish, view: Mapping[str, Json]) -> Json:
            told = await self.desk.told(wish)
            reason = forms.reason_of(view, told.detail.reasons)
            comment = forms.comment_of(view)
            if reason is None and comment is None:
                return {"response_action": "errors", "errors": {forms.COMMENT: "Choose a reason, or say why."}}
            await self.desk.decide(wish, Action.REJECT, reason_code=reason, comment=comment)
            return None

        await self._submitted(ack, body, Action.REJECT, decide)

    async def sent_back(self, ack: Ack, body: Mapping[str, Json]) -> None:
        async def decide(wish: Wish, view: Mapping[str, Json]) -> Json:
            await self.desk.decide(wish, Action.REQUEST_CHANGES, comment=forms.comment_of(view))
            return None

        await self._submitted(ack, body, Action.REQUEST_CHANGES, decide)

    async def edited(self, ack: Ack, body: Mapping[str, Json]) -> None:
        await self._submitted(ack, body, Action.EDIT, self._edit)

    async def _edit(self, wish: Wish, view: Mapping[str, Json]) -> Json:
        """Preview first; the same values submitted again are the decision."""
        told = await self.desk.told(wish)
        _still_this(told, wish)
        changes, errors = _typed(told, view)
        if errors:
            return {"response_action": "errors", "errors": errors}
        override, comment = forms.override_of(view), forms.comment_of(view)
        preview = await self.desk.preview(wish, changes, override=override, comment=comment)
        confirmed = of_form({"view": view, **_who(wish)})
        if confirmed is not None and confirmed[1].get("new") == preview.action_digest:
            new = preview.action_digest
            await self.desk.decide(
                wish, Action.EDIT, fields=changes, new_action_digest=new, override=override, comment=comment
            )
            return None
        ahead = View.model_validate_json(preview.view)
        filled = forms.edit(told, wish.click, preview=ahead, digest=preview.action_digest)
        return {"response_action": "update", "view": filled}

    async def _submitted(
        self,
        ack: Ack,
        body: Mapping[str, Json],
        action: Action,
        work: Callable[[Wish, Mapping[str, Json]], Awaitable[Json]],
    ) -> None:
        """Work while the form waits. What takes too long goes on behind a closed form, and its refusal is whispered."""
        form = of_form(body)
        if form is None:
            await ack()
            return
        click, view = form[0], body["view"]

        async def run() -> Json:
            try:
                return await work(await self.desk.recognise(click, action), view)
            except GateError as error:
                return _answer(error, view, action)
            except (Elsewhere, Unknown, StoreUnavailable) as error:
                return {"response_action": "update", "view": forms.says(TITLES[action], words_of(error))}
            finally:
                await self._show_again(click)

        task = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        done, _ = await asyncio.wait({task}, timeout=IN_TIME_S)
        if done:
            answer = task.result()
            await (ack() if answer is None else ack(**answer))
            return
        await ack()
        task.add_done_callback(lambda late: self._late(click, late))

    def _late(self, click: Click, task: asyncio.Task[Json]) -> None:
        if task.cancelled() or task.exception() is not None or task.result() is None:
            return
        words = "That took too long to answer in the form, and it was not accepted. Open it again to see why."
        whisper = asyncio.create_task(self._whisper(click, words))
        self.tasks.add(whisper)
        whisper.add_done_callback(self.tasks.discard)

    async def _working(self, click: Click, wish: Wish) -> None:
        words = f"Working on the answer of {visible(wish.actor.name)} …"
        try:
            await self.client.call(
                "chat.update",
                channel=click.channel,
                ts=click.ts,
                text=b.escape(words),
                blocks=[b.section(b.cut(words, 300))],
                parse="none",
            )
        except (SlackRefused, SlackUnknown) as error:
            log.info("a card could not say that it is being worked on: %s", error)

    async def _whisper(self, click: Click, words: str) -> None:
        try:
            await self.client.call(
                "chat.postEphemeral",
                channel=click.channel,
                user=click.user,
                text=b.escape(b.cut(words, b.TOP_TEXT)),
                parse="none",
                link_names=False,
            )
        except (SlackRefused, SlackUnknown) as error:
            log.warning("somebody could not be told why nothing happened: %s", error)

    async def _show_again(self, click: Click) -> None:
        try:
            await self.desk.show_again(click)
        except StoreUnavailable as error:
            log.warning("a card could not be shown again: %s", error)


def words_of(error: Exception) -> str:
    """A refusal as a person reads it: what, and what to do."""
    remedy = getattr(error, "remedy", "")
    return visible(f"{error} {remedy}".strip())


def _answer(error: GateError, view: Mapping[str, Json], action: Action) -> dict[str, Json]:
    """At the fields where it is about fields; else as words in place of the form."""
    fields: Mapping[str, list[str]] | None = None
    if error.code == "invalid_edit":
        fields = error.detail.get("fields")
    elif error.code == "invalid_reason":
        fields = {forms.COMMENT: [str(error)]}
    errors = forms.errors_at(view, fields or {})
    if errors:
        return {"response_action": "errors", "errors": errors}
    return {"response_action": "update", "view": forms.says(TITLES[action], words_of(error))}


def _typed(told: Told, view: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, str]]:
    """The changed fields, and what is wrong with those that cannot be read."""
    changes: dict[str, Json] = {}
    errors: dict[str, str] = {}
    for field in forms.editable(told):
        said = forms.read(view, field.block_id)
        if not said:
            continue
        try:
            value = values.typed(field, said)
        except NotTyped as error:
            errors[field.block_id] = str(error)
            continue
        if value != field.value or type(value) is not type(field.value):
            changes[field.name] = value
    return changes, errors


def _still_this(told: Told, wish: Wish) -> None:
    """Raises the refusal if the gate is not open at the revision that was seen."""
    if told.detail.state == "withdrawn":
        raise withdrawn(told.detail.withdrawn_reason)
    decision = told.decision
    if decision is not None:
        raise already_decided(decision.outcome, decision.by, decision.decided_at, decision.revision)
    if told.detail.revision != wish.click.seen.revision:
        raise stale_revision(wish.click.seen.revision, told.detail.revision)


def _who(wish: Wish) -> dict[str, Json]:
    return {"user": {"id": wish.click.user, "team_id": wish.click.team}}
