"""API keys: made, shown once, revoked. The new secret travels in a sealed cookie to the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from fastapi import Response

from api.auth import Authenticator
from api.console import once
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.errors import ApiError
from api.policies import SCOPES
from workflows.store.repositories.keys import Key
from workflows.usecases import people
from workflows.usecases.people import Person

router = console_router(prefix="/keys")

MAX_NAME = 200
LIVES: tuple[tuple[str, str], ...] = (
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "a year"),
    ("", "never: until it is revoked"),
)
WORDS = {
    "flows:read": "See flows, their revisions and what is paused",
    "flows:write": "Save flows, switch them on and off",
    "executions:start": "Start, cancel and restart executions",
    "executions:read": "See executions and their results",
    "gates:read": "See what waits for a decision",
    "gates:decide": "Decide, claim and comment; a service never counts as a person",
    "journal:read": "Read, verify and export the journal",
    "knowledge:read": "Search knowledge",
    "knowledge:write": "Add documents to knowledge",
    "admin": "Everything: people, keys, brakes and all of the above",
}
DEFAULT_SCOPES = ("flows:read", "executions:start", "executions:read")


@dataclass(frozen=True, slots=True)
class Line:
    """A key in the list. ``state`` is active, expired, revoked, or disabled with its holder."""

    key: Key
    holder: str
    service: bool
    state: str


@router.get("")
async def keys_page(page: PageDep, who: str = "") -> Response:
    """Every key without its secret; ``who`` is chosen for a new one."""
    return await _page(page, {"principal": who, "days": "90", "name": ""}, scopes=DEFAULT_SCOPES)


@router.post("")
async def make_key(page: PageDep) -> Response:
    """Make a key and go where it is shown once; a form that is wrong comes back as it was sent."""
    sent, scopes = page.form, tuple(page.form.all("scope"))
    fields = {
        "name": sent.get("name", "").strip(),
        "principal": sent.get("principal", ""),
        "days": sent.get("days", ""),
    }
    holders = await people.everybody(page.services, page.namespace)
    errors = _wrong(fields, scopes, holders)
    if errors:
        return await _page(page, fields, scopes=scopes, errors=errors)
    now = await page.services.db.read(lambda tx: tx.now)
    made = await people.create_key(
        page.services,
        page.namespace,
        page.actor,
        principal_id=fields["principal"],
        name=fields["name"],
        scopes=scopes,
        expires_at=now + timedelta(days=int(fields["days"])) if fields["days"] else None,
    )
    response = page.done("", to=f"/keys/{made.key.id}/new")
    once.keep(page, response, f"key:{made.key.id}", made.secret)
    return response


@router.get("/{key_id}/new")
async def new_key_page(key_id: str, page: PageDep) -> Response:
    """Show the secret of a key that was just made in this browser; whoever looks again finds nothing."""
    key = next((one for one in await people.all_keys(page.services, page.namespace) if one.id == key_id), None)
    if key is None:
        raise ApiError(404, "not_found", "There is no such key.", "Look at the list of keys.")
    response = await page.render(
        "keys/new.html", key=key, secret=once.kept(page, f"key:{key_id}"), api=page.services.settings.api_url
    )
    once.forget(response)
    return response


@router.post("/{key_id}/revoke")
async def revoke_this_key(key_id: str, page: PageDep) -> Response:
    """Revoke a key at once; doing it again changes nothing."""
    revoked = await people.revoke_key(page.services, page.namespace, page.actor, key_id)
    authenticator: Authenticator = page.request.app.state.authenticator
    authenticator.forget()
    if not revoked:
        return page.done("That key was revoked before.", to="/keys", tone="info")
    return page.done("The key is revoked: it opens nothing any more.", to="/keys")


async def _page(
    page: Page, fields: dict[str, str], *, scopes: tuple[str, ...], errors: dict[str, str] | None = None
) -> Response:
    everybody = await people.everybody(page.services, page.namespace)
    by_id = {person.principal.id: person for person in everybody}
    now = await page.services.db.read(lambda tx: tx.now)
    found = await people.all_keys(page.services, page.namespace)
    lines = [_line(key, by_id.get(key.principal_id), now) for key in reversed(found)]
    return await page.render(
        "keys/index.html",
        status=422 if errors else 200,
        lines=sorted(lines, key=lambda line: line.state != "active"),
        holders=_holders(everybody),
        scopes=[(scope, WORDS[scope]) for scope in SCOPES],
        lives=LIVES,
        fields=fields,
        chosen=scopes,
        errors=errors or {},
    )


def _line(key: Key, holder: Person | None, now: datetime) -> Line:
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    elif holder is None or holder.principal.disabled_at is not None:
        state = "disabled"
    else:
        state = "active"
    if holder is None:
        return Line(key, key.principal_id, False, state)
    return Line(key, holder.principal.name, holder.principal.kind == "service", state)


def _holders(everybody: list[Person]) -> list[tuple[str, str]]:
    """Who may get a key: programs first, they are what keys are for."""
    able = [one.principal for one in everybody if one.principal.disabled_at is None]
    ordered = sorted(able, key=lambda one: one.kind != "service")
    return [(one.id, f"{one.name} ({'program' if one.kind == 'service' else 'person'})") for one in ordered]


def _wrong(fields: dict[str, str], scopes: tuple[str, ...], everybody: list[Person]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not fields["name"] or len(fields["name"]) > MAX_NAME:
        errors["name"] = f"Say in up to {MAX_NAME} characters what the key is for."
    if fields["principal"] not in {value for value, _ in _holders(everybody)}:
        errors["principal"] = "Choose who holds the key."
    if fields["days"] not in {days for days, _ in LIVES}:
        errors["days"] = "Choose when the key expires."
    if not scopes or not set(scopes) <= set(cast("tuple[str, ...]", SCOPES)):
        errors["scope"] = "Choose what the key may do: at least one line."
    return errors
