"""People and programs: who there is, what they may do, how they are recognised, and how they get in."""

from __future__ import annotations

import hashlib
import re
from typing import cast, get_args

from fastapi import Response

from api.auth import Authenticator
from api.console import once
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.rights import ROLE_WORDS, abilities, gaps
from api.console.session import Sessions
from api.errors import Problem, problem_of
from workflows.store.refusals import AlreadyExists
from workflows.store.repositories.principals import Identity
from workflows.usecases import asked, people, rights
from workflows.usecases.refusals import Refused
from workflows.usecases.rights import Kind

router = console_router(prefix="/people")

MAX_NAME, MAX_SUBJECT = 200, 320
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
IDENTITIES = {
    "email": ("E-mail address", "ana@example.com"),
    "slack": ("Slack user", "T0123ABCD:U0456EFGH, the team and the user"),
    "oidc": ("Single sign-on", "https://id.example.com|1234, the issuer and the subject"),
}


@router.get("")
async def people_page(
    page: PageDep, q: str = "", kind: str = "", group: str = "", cursor: str | None = None
) -> Response:
    """Everybody, by name; ``q`` searches names and addresses."""
    wanted = cast("Kind | None", kind if kind in get_args(Kind) else None)
    found = await rights.find(
        page.services, page.namespace, text=q[:MAX_NAME], kind=wanted, group=group or None, cursor=cursor
    )
    groups = await people.groups(page.services, page.namespace)
    return await page.render(
        "people/index.html", found=found, groups=groups, q=q, kind=wanted or "", group=group, cursor=cursor, gaps=gaps
    )


@router.get("/new")
async def new_person_page(page: PageDep, kind: str = "person") -> Response:
    """The form for somebody new."""
    return await _new(page, {"kind": "service" if kind == "service" else "person", "name": "", "email": ""}, ())


@router.post("/new")
async def add_person(page: PageDep) -> Response:
    """Add a person with roles, or a program; a form that is wrong comes back as it was sent."""
    sent = page.form
    kind = "service" if sent.get("kind") == "service" else "person"
    fields = {"kind": kind, "name": sent.get("name", "").strip(), "email": sent.get("email", "").strip()}
    roles = tuple(sent.all("role")) if kind == "person" else ()
    errors = _wrong(fields, roles)
    if errors:
        return await _new(page, fields, roles, errors)
    try:
        made = await people.create(
            page.services,
            page.namespace,
            page.actor,
            kind=kind,
            name=fields["name"],
            email=(fields["email"] or None) if kind == "person" else None,
        )
    except AlreadyExists:
        return await _new(page, fields, roles, {"email": "Somebody here has this address already."})
    if roles:
        await rights.set_roles(page.services, page.namespace, page.actor, made.principal.id, roles)
    return page.done(f"{made.principal.name} is added.", to=f"/people/{made.principal.id}")


@router.get("/{principal_id}")
async def person_page(principal_id: str, page: PageDep) -> Response:
    """One of them, and everything that can be changed about them."""
    return await _person(page, principal_id)


@router.post("/{principal_id}")
async def correct_person(principal_id: str, page: PageDep) -> Response:
    """Correct the name and the address; they stay who they are. What was not touched is left as it is by now."""
    fields = {part: page.form.get(part, "").strip() for part in ("name", "email")}
    was = {part: page.form.get(f"was_{part}", "").strip() for part in fields}
    touched = {part: text for part, text in fields.items() if text != was[part]}
    errors = _wrong(fields, ())
    problem = None
    if not errors:
        try:
            await rights.correct(
                page.services,
                page.namespace,
                page.actor,
                principal_id,
                **touched,
                keep_session=_session(page),
            )
        except AlreadyExists:
            errors = {"email": "Somebody here has this address already."}
        except Refused as refused:
            problem = problem_of(refused)
    if errors or problem:
        return await _person(page, principal_id, problem=problem, part="correct", fields=fields, was=was, errors=errors)
    return _changed(page, "Saved.", principal_id)


@router.post("/{principal_id}/roles")
async def save_roles(principal_id: str, page: PageDep) -> Response:
    """Give exactly the ticked roles; the last admin stays one."""
    try:
        made = await rights.set_roles(page.services, page.namespace, page.actor, principal_id, page.form.all("role"))
    except Refused as refused:
        return await _person(page, principal_id, problem=problem_of(refused), part="roles")
    return _changed(page, f"The roles of {made.principal.name} are saved.", principal_id)


@router.post("/{principal_id}/groups")
async def save_groups(principal_id: str, page: PageDep) -> Response:
    """Make them a member of exactly the ticked groups."""
    made = await rights.set_groups(page.services, page.namespace, page.actor, principal_id, page.form.all("group"))
    return _changed(page, f"The groups of {made.principal.name} are saved.", principal_id)


@router.post("/{principal_id}/identities")
async def add_an_identity(principal_id: str, page: PageDep) -> Response:
    """Recognise them by one more thing."""
    kind, subject = page.form.get("kind", ""), page.form.get("subject", "").strip()
    wrong = _wrong_identity(kind, subject)
    if wrong is None:
        try:
            await people.add_identity(
                page.services, page.namespace, page.actor, principal_id, kind=kind, subject=subject
            )
        except AlreadyExists:
            wrong = "Somebody else is recognised by this already."
    if wrong is not None:
        return await _person(page, principal_id, part="identities", identity=(kind, subject, wrong))
    return _changed(page, "Recognised from now on.", principal_id)


@router.post("/{principal_id}/identities/remove")
async def remove_an_identity(principal_id: str, page: PageDep) -> Response:
    """Recognise them by this no more."""
    known = (await people.person(page.services, page.namespace, principal_id)).identities
    for one in known:
        if reference(one) == page.form.get("identity", ""):
            await people.remove_identity(
                page.services,
                page.namespace,
                page.actor,
                principal_id,
                kind=one.kind,
                subject=one.subject,
                keep_session=_session(page),
            )
            naming = await asked.flows_naming(page.services, page.namespace, one.subject)
            if naming:
                return _changed(page, f"Not recognised by that any more. It is named by {naming}.", principal_id)
    return _changed(page, "Not recognised by that any more.", principal_id)


@router.post("/{principal_id}/password-link")
async def make_password_link(principal_id: str, page: PageDep) -> Response:
    """A link with which they set a password, shown once on the next page."""
    made = await rights.password_link(page.services, page.namespace, page.actor, principal_id)
    response = page.done("", to=f"/people/{principal_id}/link")
    once.keep(page, response, f"link:{principal_id}", f"{page.services.settings.api_url}{made.path}")
    return response


@router.get("/{principal_id}/link")
async def password_link_page(principal_id: str, page: PageDep) -> Response:
    """Show the link that was just made in this browser."""
    found = await people.person(page.services, page.namespace, principal_id)
    link = once.kept(page, f"link:{principal_id}")
    response = await page.render("people/link.html", person=found, link=link)
    once.forget(response)
    return response


@router.post("/{principal_id}/access")
async def set_access(principal_id: str, page: PageDep) -> Response:
    """Lock somebody out, or let them in again; nobody locks themselves or the last admin out."""
    on = page.form.get("access") == "on"
    try:
        change = people.enable if on else people.disable
        made = await change(page.services, page.namespace, page.actor, principal_id)
    except Refused as refused:
        return await _person(page, principal_id, problem=problem_of(refused), part="access")
    name = made.principal.name
    return _changed(page, f"{name} is let in again." if on else f"{name} may do nothing from now on.", principal_id)


def _session(page: Page) -> str:
    """The session of this browser, which goes on."""
    return page.session.id if page.session else ""


async def _new(
    page: Page, fields: dict[str, str], roles: tuple[str, ...], errors: dict[str, str] | None = None
) -> Response:
    return await page.render(
        "people/new.html",
        status=422 if errors else 200,
        fields=fields,
        chosen=roles,
        words=ROLE_WORDS,
        errors=errors or {},
    )


async def _person(
    page: Page,
    principal_id: str,
    *,
    problem: Problem | None = None,
    part: str = "",
    identity: tuple[str, str, str] = ("email", "", ""),
    fields: dict[str, str] | None = None,
    was: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    found = await people.person(page.services, page.namespace, principal_id)
    now = {"name": found.principal.name, "email": found.principal.email or ""}
    groups = await people.groups(page.services, page.namespace)
    keys = [key for key in await people.all_keys(page.services, page.namespace) if key.principal_id == principal_id]
    return await page.render(
        "people/person.html",
        status=problem.status if problem else 422 if part else 200,
        person=found,
        groups=groups,
        keys=[key for key in keys if key.revoked_at is None],
        words=ROLE_WORDS,
        abilities=abilities(found),
        gaps=gaps(found),
        kinds=IDENTITIES,
        ref=reference,
        problem=problem,
        part=part,
        identity=identity,
        fields=fields or now,
        was=was or now,
        errors=errors or {},
        itself=principal_id == page.actor.principal_id,
    )


def reference(identity: Identity) -> str:
    """A name for an identity that survives a form: what is shown of its subject need not be the subject."""
    return hashlib.sha256(f"{identity.kind}\0{identity.subject}".encode()).hexdigest()[:32]


def _changed(page: Page, text: str, principal_id: str) -> Response:
    """What is remembered of rights is looked up again."""
    authenticator: Authenticator = page.request.app.state.authenticator
    sessions: Sessions = page.request.app.state.sessions
    authenticator.forget()
    sessions.forget()
    return page.done(text, to=f"/people/{principal_id}")


def _wrong(fields: dict[str, str], roles: tuple[str, ...]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not fields["name"] or len(fields["name"]) > MAX_NAME:
        errors["name"] = f"Write a name of up to {MAX_NAME} characters."
    if fields["email"] and _wrong_identity("email", fields["email"]):
        errors["email"] = "Write an e-mail address, for example ana@example.com."
    if not set(roles) <= set(ROLE_WORDS):
        errors["role"] = "Choose roles from the list."
    return errors


def _wrong_identity(kind: str, subject: str) -> str | None:
    if kind not in IDENTITIES:
        return "Choose what it is."
    if not subject or len(subject) > MAX_SUBJECT:
        return f"Write up to {MAX_SUBJECT} characters."
    right = {"email": bool(_EMAIL.fullmatch(subject)), "slack": ":" in subject, "oidc": "|" in subject}[kind]
    return None if right else f"It looks like {IDENTITIES[kind][1]}."
