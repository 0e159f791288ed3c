"""Groups: whom gates ask. A group is its members; nothing else belongs to it."""

from __future__ import annotations

import re

from fastapi import Response

from api.auth import Authenticator
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.session import Sessions
from api.errors import ApiError, Problem, problem_of
from workflows.usecases import group_removal, people
from workflows.usecases.people import Group
from workflows.usecases.refusals import Refused

router = console_router(prefix="/people/groups")

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


@router.get("")
async def groups_page(page: PageDep) -> Response:
    """All groups with their members."""
    return await _groups(page)


@router.post("")
async def add_group(page: PageDep) -> Response:
    """Make a group; one that exists is no error."""
    name = page.form.get("name", "").strip()
    if not _NAME.fullmatch(name):
        wrong = "Use small letters, digits, '.', '-' and '_', beginning with a letter or digit: fraud-reviewers."
        return await _groups(page, name=name, wrong=wrong)
    await people.create_group(page.services, page.namespace, page.actor, name)
    return page.done(f"The group {name} is there.", to=f"/people/groups/{name}")


@router.get("/{name}")
async def group_page(name: str, page: PageDep) -> Response:
    """One group: who is in it, and who might be."""
    return await _one(page, name)


async def _one(page: Page, name: str, *, problem: Problem | None = None) -> Response:
    group = await _group(page, name)
    inside = {member.id for member in (*group.members, *group.locked_out)}
    everybody = await people.everybody(page.services, page.namespace)
    others = [
        one.principal
        for one in everybody
        if one.principal.id not in inside and one.principal.disabled_at is None and one.principal.kind == "person"
    ]
    reviewers = {one.principal.id for one in everybody if {"reviewer", "admin"} & set(one.roles)}
    return await page.render(
        "people/group.html",
        status=problem.status if problem else 200,
        group=group,
        others=others,
        reviewers=reviewers,
        problem=problem,
    )


@router.post("/{name}/members")
async def change_members(name: str, page: PageDep) -> Response:
    """Add somebody, or with ``leave`` take them out; doing it again changes nothing."""
    await _group(page, name)
    leave, who = page.form.get("leave") == "1", page.form.get("principal", "")
    if not who:
        raise ApiError(422, "nobody", "Nobody was chosen.", "Choose somebody from the list.")
    await people.set_member(page.services, page.namespace, page.actor, name, who, member=not leave)
    authenticator: Authenticator = page.request.app.state.authenticator
    sessions: Sessions = page.request.app.state.sessions
    authenticator.forget()
    sessions.forget()
    return page.done("Taken out of the group." if leave else "Added to the group.", to=f"/people/groups/{name}")


@router.post("/{name}/remove")
async def remove_this_group(name: str, page: PageDep) -> Response:
    """Delete the group, unless somebody or something still depends on it: then its page says what."""
    try:
        await group_removal.remove(page.services, page.namespace, page.actor, name)
    except Refused as refused:
        return await _one(page, name, problem=problem_of(refused))
    return page.done(f"The group {name} is gone.", to="/people/groups")


async def _groups(page: Page, *, name: str = "", wrong: str = "") -> Response:
    groups = await people.groups(page.services, page.namespace)
    return await page.render("people/groups.html", status=422 if wrong else 200, groups=groups, name=name, wrong=wrong)


async def _group(page: Page, name: str) -> Group:
    found = next((one for one in await people.groups(page.services, page.namespace) if one.name == name), None)
    if found is None:
        raise ApiError(404, "not_found", f"There is no group {name!r} here.", "Look at the list of groups.")
    return found
