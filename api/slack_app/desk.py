"""What a click or a form does: the person is recognised, what they saw is recorded, the use cases decide.

Every answer to a person is words from the refusal itself. After every attempt the card is shown anew, so nothing that a
click leaves behind ("working …") outlives it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api.slack_app.clicks import Click
from workflows.arbiter.deciding import decide as arbiter_decide
from workflows.arbiter.editing import preview_edit
from workflows.arbiter.handling import viewed
from workflows.arbiter.model import Decide, Decided, EditPreview, PreviewEdit, Viewed
from workflows.gates.model import Action, Actor, GateError
from workflows.gates.refusals import digest_mismatch, gate_not_found
from workflows.relay.notices import state
from workflows.relay.notices.channel import Told
from workflows.store.db import Tx
from workflows.store.operator import Shown, gate_shown_by
from workflows.store.repositories import gates, outbox, principals
from workflows.usecases import decide
from workflows.usecases.actors import actor_of
from workflows.usecases.services import Services

Json = Any

SLACK = "slack"
LOOK_AGAIN_S = (0.0, 0.1, 0.3, 0.6)
SAFETY = timedelta(seconds=5)
"""After this the card is shown again even if the process that handles the click dies."""


class Unknown(Exception):
    """Whoever clicked is nobody here; the message says what an admin does about it."""


class Elsewhere(Exception):
    """The message that was clicked on shows no gate of ours, or another one."""

    def __init__(self) -> None:
        super().__init__("This card is not up to date any more. Wait a moment for the new one, or open the console.")


@dataclass(frozen=True, slots=True)
class Wish:
    """A click that is about one of our gates, by somebody we know."""

    click: Click
    namespace: str
    actor: Actor
    digest: str

    @property
    def gate_id(self) -> str:
        return self.click.seen.gate_id


class Desk:
    """The app's work on gates. ``poke`` wakes the relay of this process."""

    def __init__(self, services: Services, poke: Callable[[], None]) -> None:
        self._services = services
        self._poke = poke

    async def recognise(self, click: Click, action: Action) -> Wish:
        """Who wishes what. Raises ``Elsewhere``, ``Unknown`` (which is journalled), ``GateError``."""
        shown = await self._shown(click)
        if shown is None or shown.gate_id != click.seen.gate_id:
            raise Elsewhere
        actor, digest = await self._services.db.read(lambda tx: _known(tx, shown, click))
        if actor is None:
            await self._deny(shown, click, action, digest)
            raise Unknown(
                f"You are not known to Visto yet, so nothing was done. An admin links your account with: "
                f"visto slack link YOUR-NAME {click.team} {click.user}"
            )
        if digest is None:
            raise gate_not_found(click.seen.gate_id)
        if not digest.startswith(click.seen.digest):
            raise digest_mismatch(click.seen.digest, digest[:12])
        wish = Wish(click, shown.namespace, actor, digest)
        await self._saw(wish)
        return wish

    async def told(self, wish: Wish) -> Told:
        """The gate as it is now. Raises ``gate_not_found``."""
        base = self._services.settings.api_url
        found = await self._services.db.read(
            lambda tx: state.read(tx, wish.namespace, wish.gate_id, SLACK, base_url=base)
        )
        if found is None:
            raise gate_not_found(wish.gate_id)
        return found

    async def preview(
        self, wish: Wish, fields: Mapping[str, Json], *, override: bool, comment: str | None
    ) -> EditPreview:
        """What an edit would become. Raises ``GateError``."""
        request = PreviewEdit(
            namespace=wish.namespace,
            gate_id=wish.gate_id,
            revision=wish.click.seen.revision,
            fields=dict(fields),
            override=override,
            comment=comment,
        )
        return await self._services.db.read(lambda tx: preview_edit(tx, request))

    async def decide(self, wish: Wish, action: Action, **more: Json) -> Decided:
        """Decide on what was seen. A repeated click is one decision. Raises ``GateError``."""
        seen = wish.click.seen
        # the number of decisions tells a yes after an undo from the yes before it
        key = f"slack:{wish.gate_id}:{seen.revision}:{seen.decisions}:{wish.actor.principal_id}:{action}"
        made = more.get("new_action_digest")
        request = Decide(
            namespace=wish.namespace,
            gate_id=wish.gate_id,
            actor=wish.actor,
            action=action,
            revision=seen.revision,
            action_digest=wish.digest,
            idempotency_key=f"{key}:{made}" if made else key,
            **more,
        )
        return await decide.decide(self._services, request)

    async def show_again(self, click: Click, *, soon: bool = False) -> None:
        """Have the card shown as the gate is now, even if nothing changed. ``soon`` means: should we die meanwhile."""

        def ask(tx: Tx) -> bool:
            shown = gate_shown_by(tx, SLACK, click.reference)
            if shown is None:
                return False
            outbox.add(
                tx,
                shown.namespace,
                kind="notification",
                target=SLACK,
                payload={"gate_id": shown.gate_id, "event": "slack.clicked", "force": True},
                available_at=tx.now + SAFETY if soon else None,
            )
            return True

        if await self._services.db.write(ask) and not soon:
            self._poke()

    async def _shown(self, click: Click) -> Shown | None:
        """Which gate the message shows. A card is in Slack a moment before it is written down: that is waited for."""
        for pause in LOOK_AGAIN_S:
            await asyncio.sleep(pause)
            shown = await self._services.db.read(lambda tx: gate_shown_by(tx, SLACK, click.reference))
            if shown is not None:
                return shown
        return None

    async def _saw(self, wish: Wish) -> None:
        request = Viewed(
            namespace=wish.namespace, gate_id=wish.gate_id, actor=wish.actor, revision=wish.click.seen.revision
        )
        journal = self._services.journal
        try:
            await self._services.db.write(lambda tx: viewed(tx, journal, request))
        except GateError as error:
            if error.code != "not_permitted":
                raise  # somebody disabled is refused, and journalled, by the decision itself

    async def _deny(self, shown: Shown, click: Click, action: Action, digest: str | None) -> None:
        """Have the arbiter refuse a stranger, so that it is on record as every other denial."""
        stranger = Actor(
            principal_id=f"slack:{click.subject}", name=click.name, kind="person", via=SLACK, sign_in=_sign_in(click)
        )
        request = Decide(
            namespace=shown.namespace,
            gate_id=shown.gate_id,
            actor=stranger,
            action=action,
            revision=click.seen.revision,
            action_digest=digest or click.seen.digest,
        )
        journal = self._services.journal
        await self._services.db.write(lambda tx: arbiter_decide(tx, journal, request))


def _known(tx: Tx, shown: Shown, click: Click) -> tuple[Actor | None, str | None]:
    """Whoever clicked, if they are linked, and the digest of the revision they saw."""
    revision = gates.revision(tx, shown.namespace, shown.gate_id, click.seen.revision)
    digest = None if revision is None else revision.action_digest
    person = principals.find_by_identity(tx, shown.namespace, SLACK, click.subject)
    profile = None if person is None else principals.profile(tx, shown.namespace, person.id)
    if profile is None:
        return None, digest
    return actor_of(profile, via=SLACK, sign_in=_sign_in(click)), digest


def _sign_in(click: Click) -> str:
    return f"slack:{click.subject}"
