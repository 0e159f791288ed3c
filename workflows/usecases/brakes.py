"""The brakes as people use them: what is stopped, by whom and why, what that holds back, and what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workflows.arbiter import pause as arbiter
from workflows.gates.model import Actor
from workflows.journal import read
from workflows.store.db import Tx
from workflows.store.repositories import flows, held_back, pauses
from workflows.store.repositories.pauses import Pause
from workflows.usecases.refusals import Refused, flow_not_found
from workflows.usecases.services import Services
from workflows.usecases.told import Told, tell

Extent = Literal["namespace", "flow", "all"]

KINDS = ("config.paused", "config.resumed")
HISTORY = 20
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Held:
    """A brake that is on. ``approved`` decisions have effects that wait for it, ``live`` executions may meet it."""

    pause: Pause
    approved: int
    live: int


@dataclass(frozen=True, slots=True)
class Brakes:
    """``flows`` are the namespace's flows, by id; ``history`` is newest first."""

    held: tuple[Held, ...]
    live: int
    flows: tuple[str, ...]
    history: tuple[Told, ...]

    @property
    def stops_all(self) -> bool:
        """Whether no effect of this namespace begins."""
        return any(held.pause.scope != "flow" for held in self.held)


async def look(services: Services, namespace: str) -> Brakes:
    """Everything about the brakes of a namespace."""
    return await services.db.read(lambda tx: _look(tx, services, namespace))


async def stop(
    services: Services, namespace: str, actor: Actor, *, extent: Extent, flow_id: str | None, reason: str
) -> None:
    """Stop new effects within a second. Raises ``GateError`` 403, and ``Refused`` 404 and 422."""
    why = reason.strip()
    if not why or len(why) > MAX_REASON:
        raise Refused(
            "no_reason",
            "A brake needs a reason that everybody can read.",
            status=422,
            remedy=f"Say in up to {MAX_REASON} characters why effects must stop.",
            fields={"reason": ["Say why, in a few words."]},
        )

    def unit(tx: Tx) -> None:
        flow = _flow(tx, namespace, extent, flow_id)
        arbiter.pause(
            tx, services.journal, namespace, actor, reason=why, flow_id=flow, all_=extent == "all", home=_home(services)
        )

    await services.db.write(unit)


async def release(
    services: Services, namespace: str, actor: Actor, *, extent: Extent, flow_id: str | None = None
) -> bool:
    """Let effects begin again. Returns whether they were stopped. Raises ``GateError`` 403."""
    flow = flow_id if extent == "flow" else None
    return await services.db.write(
        lambda tx: arbiter.resume(
            tx, services.journal, namespace, actor, flow_id=flow, all_=extent == "all", home=_home(services)
        )
    )


def may_stop_everything(services: Services, namespace: str) -> bool:
    """Whether admins of this namespace hold the brake of the whole installation."""
    return namespace == _home(services)


def _home(services: Services) -> str:
    return services.settings.namespace


def _flow(tx: Tx, namespace: str, extent: Extent, flow_id: str | None) -> str | None:
    if extent != "flow":
        return None
    if not flow_id or flows.get(tx, namespace, flow_id) is None:
        raise flow_not_found(flow_id or "")
    return flow_id


def _look(tx: Tx, services: Services, namespace: str) -> Brakes:
    live = held_back.live_by_flow(tx, namespace)
    found = pauses.list_pauses(tx, namespace)
    approved = held_back.approved_by_flow(tx, namespace) if found else {}
    page = read.search(tx, namespace, kinds=KINDS, limit=HISTORY)
    return Brakes(
        held=tuple(Held(one, _within(one, approved), _within(one, live)) for one in found),
        live=sum(live.values()),
        flows=tuple(flow.flow_id for flow in flows.list_flows(tx, namespace, limit=500).items),
        history=tuple(tell(tx, services.journal.keyring, namespace, page.items, contents=True)),
    )


def _within(pause: Pause, by_flow: dict[str, int]) -> int:
    return by_flow.get(pause.flow_id or "", 0) if pause.scope == "flow" else sum(by_flow.values())
