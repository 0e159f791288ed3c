"""The brakes: stop new effects, and let them go on. Made for the worst minute of a day: one field, one key."""

from __future__ import annotations

from typing import cast, get_args

from fastapi import Response

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.errors import ApiError, problem_of
from api.remembered import Remembered
from workflows.store.repositories import pauses
from workflows.usecases import brakes
from workflows.usecases.brakes import Extent
from workflows.usecases.refusals import Refused

router = console_router(prefix="/brakes")


@router.get("")
async def brakes_page(page: PageDep, flow: str = "") -> Response:
    """What is stopped, by whom and why, and what that holds back. ``flow`` chooses one to stop."""
    return await _page(page, extent="flow" if flow else "namespace", flow=flow)


@router.get("/now")
async def brakes_now(page: PageDep, part: str = "") -> Response:
    """The state alone, for a page that is open; ``part=banner`` gives what every page says on top while a brake is on."""
    if part == "banner":
        held = await page.services.db.read(lambda tx: pauses.list_pauses(tx, page.namespace))
        return page.fragment("pauses.html", pauses=held)
    state = await brakes.look(page.services, page.namespace)
    return page.fragment("brakes/now.html", state=state, may_stop=page.may("stop_effects"))


@router.post("/stop")
async def stop_effects(page: PageDep) -> Response:
    """Pull a brake; without a reason the form comes back as it was sent."""
    sent = page.form
    extent, flow = _extent(sent.get("extent", "")), sent.get("flow", "")
    try:
        await brakes.stop(
            page.services, page.namespace, page.actor, extent=extent, flow_id=flow, reason=sent.get("reason", "")
        )
    except Refused as refused:
        return await _page(page, extent=extent, flow=flow, reason=sent.get("reason", ""), refused=refused)
    _forget(page)
    return page.done(f"{_what(page, extent, flow)} are stopped: nothing new begins.", to="/brakes", tone="warn")


@router.post("/release")
async def release_brake(page: PageDep) -> Response:
    """Lift one brake; doing it again changes nothing."""
    extent, flow = _extent(page.form.get("extent", "")), page.form.get("flow", "")
    lifted = await brakes.release(page.services, page.namespace, page.actor, extent=extent, flow_id=flow)
    _forget(page)
    if not lifted:
        return page.done("That brake was off already.", to="/brakes", tone="info")
    return page.done(f"{_what(page, extent, flow)} may begin again.", to="/brakes")


async def _page(
    page: Page, *, extent: Extent, flow: str = "", reason: str = "", refused: Refused | None = None
) -> Response:
    state = await brakes.look(page.services, page.namespace)
    return await page.render(
        "brakes/index.html",
        status=refused.status if refused else 200,
        state=state,
        extent=extent,
        flow=flow,
        reason=reason,
        problem=problem_of(refused) if refused else None,
        may_stop=page.may("stop_effects"),
        may_stop_everything=brakes.may_stop_everything(page.services, page.namespace),
        most=brakes.MAX_REASON,
    )


def _extent(sent: str) -> Extent:
    if sent not in get_args(Extent):
        raise ApiError(422, "invalid_extent", "There is no such brake.", "Choose one on the page of the brakes.")
    return cast(Extent, sent)


def _what(page: Page, extent: Extent, flow: str) -> str:
    if extent == "flow":
        return f"Effects of {flow}"
    return "All effects" if extent == "all" else f"Effects in {page.namespace}"


def _forget(page: Page) -> None:
    facts: Remembered[object] = page.request.app.state.console_facts
    facts.forget()
