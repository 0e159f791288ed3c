"""The brake: stop new effects, and let them go on. Decisions stay possible meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.auth import Caller
from api.deps import CallerDep, ServicesDep
from api.errors import ApiError
from api.guard import guarded_router
from api.models import Body, Listing, Out
from workflows.arbiter import pause as brake
from workflows.settings import Settings
from workflows.store.repositories import pauses

router = guarded_router(prefix="/pause", tags=["pause"])

Extent = Literal["all", "namespace", "flow"]


class PauseOut(Out):
    """Who stopped what, since when, and why."""

    scope: Extent
    flow_id: str | None
    by: str | None
    reason: str
    since: datetime


class PauseBody(Body):
    """``flow`` pauses one flow, ``everything`` all namespaces; neither of them the caller's namespace."""

    reason: str = Field(min_length=1, max_length=500)
    flow: str | None = None
    everything: bool = False


class Resumed(BaseModel):
    """``resumed`` is false when nothing was paused."""

    resumed: bool


@router.get("")
async def list_pauses(services: ServicesDep, caller: CallerDep) -> Listing[PauseOut]:
    """What is paused here."""
    found = await services.db.read(lambda tx: pauses.list_pauses(tx, caller.namespace))
    return Listing(items=[PauseOut.model_validate(one) for one in found])


@router.post("", status_code=201)
async def pause(body: PauseBody, services: ServicesDep, caller: CallerDep) -> Listing[PauseOut]:
    """Stop new effects within a second."""
    _check_extent(services.settings, caller, everything=body.everything)
    await services.db.write(
        lambda tx: brake.pause(
            tx,
            services.journal,
            caller.namespace,
            caller.actor,
            reason=body.reason,
            flow_id=body.flow,
            all_=body.everything,
            home=services.settings.namespace,
        )
    )
    return await list_pauses(services, caller)


@router.delete("")
async def resume(
    services: ServicesDep, caller: CallerDep, flow: str | None = None, *, everything: bool = False
) -> Resumed:
    """Lift the pause of the same extent."""
    _check_extent(services.settings, caller, everything=everything)
    lifted = await services.db.write(
        lambda tx: brake.resume(
            tx,
            services.journal,
            caller.namespace,
            caller.actor,
            flow_id=flow,
            all_=everything,
            home=services.settings.namespace,
        )
    )
    return Resumed(resumed=lifted)


def _check_extent(settings: Settings, caller: Caller, *, everything: bool) -> None:
    """One tenant's admin must not stop the others: everything belongs to the admins of the home namespace."""
    if everything and caller.namespace != settings.namespace:
        raise ApiError(
            403,
            "not_operator",
            "Only an admin of the installation's own namespace may pause everything.",
            f"Pause your namespace, or use a key of {settings.namespace}.",
        )
