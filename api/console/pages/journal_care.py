"""Verifying the journal, with its progress for whoever looks on, and erasing what is known about somebody."""

from __future__ import annotations

import asyncio
import logging
import re

from fastapi import Response

from api.console.guard import console_router
from api.console.page import Page, PageDep
from workflows.usecases import audit, verification

router = console_router(prefix="/journal")

_SUBJECT = re.compile(r"(execution|person):([^\s:]{1,200})")
_UNDER_WAY: set[asyncio.Task[None]] = set()
MAX_BASIS = 500

log = logging.getLogger("visto.console")


@router.post("/verify")
async def verify_now(page: PageDep) -> Response:
    """Verify everything in the background, or one ``execution`` at once."""
    execution = page.form.text("execution")
    if execution is not None:
        report = await verification.verify_execution(page.services, page.namespace, page.actor, execution)
        return await page.render("journal/verdict.html", report=report, execution=execution)
    running = await verification.begin(page.services, page.namespace, page.actor)
    if running is None:
        return page.done("It is being verified already.", to="/journal/verification", tone="info")
    work = verification.run(page.services, page.namespace, page.actor, running)
    _keep(asyncio.create_task(work, name="verification"))
    return page.done("", to="/journal/verification")


@router.get("/verification")
async def verification_page(page: PageDep) -> Response:
    """The verification under way, and what the last one found."""
    state = await verification.state(page.services, page.namespace)
    return await page.render("journal/verification.html", state=state)


@router.get("/verification/now")
async def verification_now(page: PageDep) -> Response:
    """How far it is, alone; for a page that is open."""
    return page.fragment("journal/now.html", state=await verification.state(page.services, page.namespace))


@router.get("/erase")
async def erase_page(page: PageDep, subject: str = "") -> Response:
    """What erasing means, and the form for it."""
    return await _erase(page, subject=subject)


@router.post("/erase")
async def erase_contents(page: PageDep) -> Response:
    """Ask once more, naming what would go; with the confirmation typed, erase it for ever."""
    sent = page.form
    subject, basis, typed = (sent.get(name, "").strip() for name in ("subject", "basis", "confirm"))
    errors: dict[str, str] = {}
    if not _SUBJECT.fullmatch(subject):
        errors["subject"] = "Write execution: or person: and the id, without spaces."
    if not basis or len(basis) > MAX_BASIS:
        errors["basis"] = f"Say in up to {MAX_BASIS} characters why it must be erased; it stays in the record."
    if errors:
        return await _erase(page, subject=subject, basis=basis, errors=errors)
    kept = await audit.kept(page.services, page.namespace, subject)
    if not kept:
        return await _erase(page, subject=subject, basis=basis, errors={"subject": "Nothing is kept about it here."})
    if typed != expected(subject):
        errors = {"confirm": f"Type {expected(subject)} exactly."} if "confirm" in sent else {}
        return await _erase(page, subject=subject, basis=basis, errors=errors, kept=kept)
    done = await audit.erase(page.services, page.namespace, page.actor, subject, basis)
    text = f"Erased: the content of {done.contents} record{'s' * (done.contents != 1)} about {subject}."
    return page.done(text, to=f"/journal/records/{done.event_id}")


def expected(subject: str) -> str:
    """What has to be typed: ``erase`` and the end of the id, so that nobody does it by habit."""
    return f"erase {subject[-6:]}"


async def _erase(
    page: Page, *, subject: str, basis: str = "", errors: dict[str, str] | None = None, kept: int | None = None
) -> Response:
    return await page.render(
        "journal/erase.html",
        status=422 if errors else 200,
        subject=subject,
        basis=basis,
        errors=errors or {},
        kept=kept,
        expected=expected(subject),
    )


def _keep(task: asyncio.Task[None]) -> None:
    """A task that nobody holds may vanish."""
    _UNDER_WAY.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[None]) -> None:
    _UNDER_WAY.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("verifying the journal failed", exc_info=error)
