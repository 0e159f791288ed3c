"""Starts flows from messages that arrive: authenticated, recorded once, mapped to inputs, started once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import ConnectorError
from workflows.flow import expr
from workflows.flow.planned import TriggerPlan
from workflows.store.db import Tx
from workflows.store.ids import new_id
from workflows.store.repositories import flows, inbound, once
from workflows.triggers.webhook import Message, NotAuthentic, authenticate, event
from workflows.usecases import results
from workflows.usecases.plans import plan_of
from workflows.usecases.recording import record
from workflows.usecases.refusals import Refused, flow_not_active
from workflows.usecases.results import ExecutionResult
from workflows.usecases.services import Services
from workflows.usecases.start import Start, start

log = logging.getLogger("visto.hooks")

PREVIOUS = "_PREVIOUS"
"""``NAME_PREVIOUS`` stays valid beside ``NAME`` while a secret is being changed."""

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message at the address of a trigger. ``body`` is what the raw bytes say; it is read after authentication."""

    namespace: str
    flow_id: str
    trigger_id: str
    message: Message

    @property
    def source(self) -> str:
        return f"webhook:{self.flow_id}:{self.trigger_id}"


def not_authentic(why: str) -> Refused:
    return Refused(
        "not_authentic",
        f"The message was refused: {why}.",
        status=401,
        remedy="Sign it with the secret that this webhook shares with its sender.",
    )


def no_such_webhook() -> Refused:
    return Refused(
        "webhook_not_found", "There is no such webhook.", status=404, remedy="Check namespace, flow and trigger."
    )


async def verify(services: Services, arrival: Arrival) -> tuple[TriggerPlan, str | None]:
    """The trigger and the message's id, if it is authentic. Raises ``Refused``."""
    state, trigger = await services.db.read(lambda tx: _trigger(tx, arrival))
    auth: Mapping[str, Json] = trigger.properties.get("auth") or {}
    try:
        message_id = authenticate(auth, _secrets(services, arrival, auth), arrival.message, services.db.clock())
    except NotAuthentic as error:
        await _note_rejection(services, arrival, str(error))
        raise not_authentic(str(error)) from error
    if state != "active":
        raise flow_not_active(arrival.flow_id, state)
    return trigger, message_id


def _trigger(tx: Tx, arrival: Arrival) -> tuple[str, TriggerPlan]:
    flow = flows.get(tx, arrival.namespace, arrival.flow_id)
    revision = flows.get_revision(tx, arrival.namespace, arrival.flow_id) if flow else None
    if flow is None or revision is None:
        raise no_such_webhook()
    for trigger in plan_of(arrival.namespace, revision).triggers:
        if trigger.id == arrival.trigger_id and trigger.type == "webhook":
            return flow.state, trigger
    raise no_such_webhook()


def _secrets(services: Services, arrival: Arrival, auth: Mapping[str, Json]) -> list[str]:
    name = auth.get("secret")
    if not name:
        return []
    try:
        found = [services.secrets.get(arrival.namespace, name).get_secret_value()]
    except ConnectorError as error:
        log.error("the webhook %s of flow %s cannot be used: %s", arrival.trigger_id, arrival.flow_id, error)  # noqa: TRY400  its message says all
        raise Refused(
            "webhook_not_ready",
            "This webhook is not ready: its secret is not set.",
            status=503,
            remedy="The operator sets the secret that the flow names.",
        ) from error
    try:
        found.append(services.secrets.get(arrival.namespace, name + PREVIOUS).get_secret_value())
    except ConnectorError:
        return found
    return found


async def receive(
    services: Services, arrival: Arrival, trigger: TriggerPlan, message_id: str | None, body: Json
) -> ExecutionResult:
    """Start the flow, or find what this message started before. The result shows no outputs: the caller sent a message.

    Raises ``Refused`` (``invalid_mapping``, ``not_wanted``, and those of ``start``).
    """
    known = message_id or new_id(services.db.clock())
    digest = hashlib.sha256(arrival.message.body).hexdigest()
    receipt = await services.db.write(lambda tx: inbound.receive(tx, arrival.namespace, arrival.source, known, digest))
    first = receipt.message.execution_id
    if first is not None:
        await services.db.write(lambda tx: _record(tx, services, arrival, "webhook.duplicate", known, first))
        return _bare(await results.result(services, arrival.namespace, first))
    seen = event(arrival.message, body, trigger_id=trigger.id, message_id=message_id)
    started = await start(
        services,
        Start(
            namespace=arrival.namespace,
            flow_id=arrival.flow_id,
            actor=None,
            via="webhook",
            inputs=_inputs(trigger, seen),
            trigger=seen,
            idempotency_key=f"{arrival.source}:{known}",
            fingerprint=receipt.message.body_sha256,
        ),
    )
    execution = started.result.execution
    await services.db.write(lambda tx: _accept(tx, services, arrival, known, execution))
    return _bare(started.result)


def _inputs(trigger: TriggerPlan, seen: dict[str, Json]) -> dict[str, Json]:
    scope = {"trigger": seen}
    condition = trigger.properties.get("when")
    try:
        wanted = condition is None or expr.condition(condition, scope)
        inputs = expr.render(trigger.inputs, scope)
    except expr.ExpressionError as error:
        raise Refused(
            "invalid_mapping",
            f"The message does not fit the flow's inputs: {error}",
            status=422,
            remedy="Send what the trigger's `inputs` name, or correct the trigger.",
        ) from error
    if not wanted:
        raise Refused(
            "not_wanted", "The trigger's `when` does not hold for this message.", status=422, remedy="Nothing to do."
        )
    return dict(inputs)


def _accept(tx: Tx, services: Services, arrival: Arrival, message_id: str, execution_id: str) -> None:
    inbound.link(tx, arrival.namespace, arrival.source, message_id, execution_id)
    _record(tx, services, arrival, "webhook.accepted", message_id, execution_id)


def _record(tx: Tx, services: Services, arrival: Arrival, kind: str, message_id: str, execution_id: str | None) -> None:
    record(
        tx,
        services.journal,
        arrival.namespace,
        kind,
        None,
        flow_id=arrival.flow_id,
        meta={"trigger": arrival.trigger_id, "message_id": message_id, "started": execution_id},
    )


async def _note_rejection(services: Services, arrival: Arrival, why: str) -> None:
    """Journal a refused message, once a minute for each trigger: strangers must not fill the journal."""

    def note(tx: Tx) -> None:
        minute = tx.now.strftime("%Y-%m-%dT%H:%M")
        if once.first_time(tx, arrival.namespace, "webhook.rejected", f"{arrival.source}:{minute}"):
            record(
                tx,
                services.journal,
                arrival.namespace,
                "webhook.rejected",
                None,
                flow_id=arrival.flow_id,
                meta={"trigger": arrival.trigger_id, "why": why},
            )

    await services.db.write(note)


def _bare(result: ExecutionResult) -> ExecutionResult:
    return result.model_copy(update={"outputs": None, "decision": None, "decided_by": None, "reason": None})
