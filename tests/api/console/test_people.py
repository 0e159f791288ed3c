"""People, programs and groups by form: rights in words, guard rails, and nothing that a name could break."""

from __future__ import annotations

import asyncio
import html
import re
from functools import partial

import pytest

from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from workflows.gates.model import Actor
from workflows.store.repositories import flows, passwords, principals
from workflows.usecases import group_removal, people, rights
from workflows.usecases.people import Person
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

GATE = {"title": "Pay?", "output_schema": {"type": "object"}}
HOSTILE = '<script>alert(1)</script>\u202e\u200b"'


async def _person(desk: Desk, who: str) -> Person:
    return await people.person(desk.services, NS, desk.callers.ids[who])


def _actions(services: Services) -> list[str]:
    """What was recorded of changes, oldest first."""
    text = "select meta from audit_event where kind = 'config.changed' order by seq"
    rows = services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(text).all())
    return [found.group(1) for row in rows if (found := re.search(r'"what":"([^"]+)"', row[0]))]


@pytest.mark.parametrize("who", ["viewer", "author", "reviewer", "auditor"])
@pytest.mark.parametrize("path", ["/people", "/people/new", "/people/groups", "/people/me"])
async def test_only_an_admin_opens_these_pages(desk: Desk, who: str, path: str) -> None:
    assert (await desk(who, path)).status_code == 403


async def test_everybody_is_listed_and_found_by_a_part_of_name_or_address(desk: Desk) -> None:
    page = (await desk("admin", "/people")).text
    for name in ("Viewer", "Author", "robot"):
        assert f"<strong>{name}</strong>" in page
    found = (await desk("admin", "/people?q=AUDIT")).text
    assert "<strong>Auditor</strong>" in found
    assert "<strong>Viewer</strong>" not in found
    assert "Nobody like this" in (await desk("admin", "/people?q=zzz")).text
    programs = (await desk("admin", "/people?kind=service")).text
    assert "<strong>robot</strong>" in programs
    assert "<strong>Viewer</strong>" not in programs


async def test_a_long_list_comes_in_pages_and_loses_nobody(desk: Desk, services: Services) -> None:
    names = {f"Person {n:03d}" for n in range(120)}
    services.db.write_sync(lambda tx: [principals.create_person(tx, NS, name) for name in sorted(names)] and None)
    seen: set[str] = set()
    address = "/people?q=Person"
    for _ in range(3):
        page = (await desk("admin", address)).text
        seen |= set(re.findall(r"<strong>(Person \d+)</strong>", page))
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following.group(1).replace("&amp;", "&") if following else ""
    assert address == ""
    assert seen == names


async def test_a_person_is_added_with_roles_and_a_hostile_name_stays_text(desk: Desk) -> None:
    sent = {"kind": "person", "name": HOSTILE, "email": "New@Example.com", "role": ["viewer", "reviewer"]}
    page = (await desk.follow("admin", await desk.post("admin", "/people/new", sent))).text
    assert "<script>alert" not in page
    assert "⟨U+202E⟩" in page
    assert "new@example.com" in page
    assert "Decide what asks them by name, or anybody who may decide" in page


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": " ", "email": ""}, "Write a name"),
        ({"name": "x" * 201}, "Write a name"),
        ({"name": "Eve", "email": "no address"}, "Write an e-mail address"),
        ({"name": "Eve", "email": "viewer@example.com"}, "has this address already"),
        ({"name": "Eve", "role": ["root"]}, "Choose roles from the list"),
    ],
)
async def test_a_wrong_field_adds_nobody_and_keeps_the_rest(
    desk: Desk, services: Services, sent: dict[str, str | list[str]], words: str
) -> None:
    before = len(services.db.read_sync(lambda tx: principals.list_principals(tx, NS)))
    page = await desk.post("admin", "/people/new", sent)
    assert page.status_code == 422
    assert words in page.text
    if sent["name"] == "Eve":
        assert 'value="Eve"' in page.text
    assert len(services.db.read_sync(lambda tx: principals.list_principals(tx, NS))) == before


async def test_roles_are_saved_as_ticked_and_each_change_is_recorded_once(desk: Desk, services: Services) -> None:
    who = desk.callers.ids["viewer"]
    await desk.post("admin", f"/people/{who}/roles", {"role": ["author", "auditor"]})
    assert (await _person(desk, "viewer")).roles == ("auditor", "author")
    recorded = _actions(services)
    assert recorded == ["role.granted", "role.granted", "role.revoked"]
    await desk.post("admin", f"/people/{who}/roles", {"role": ["author", "auditor"]})
    assert _actions(services) == recorded


async def test_new_rights_count_with_the_next_click(desk: Desk) -> None:
    assert (await desk("viewer", "/journal")).status_code == 403
    await desk.post("admin", f"/people/{desk.callers.ids['viewer']}/roles", {"role": ["auditor"]})
    assert (await desk("viewer", "/journal")).status_code == 200


async def test_the_last_admin_keeps_the_role_and_is_told_why(desk: Desk) -> None:
    who = desk.callers.ids["admin"]
    page = await desk.post("admin", f"/people/{who}/roles", {"role": ["viewer"]})
    assert page.status_code == 409
    assert "This is the last admin of the namespace. Make somebody else admin first." in page.text
    assert (await _person(desk, "admin")).roles == ("admin",)


async def test_of_two_admins_who_remove_each_other_at_once_one_stays(desk: Desk, services: Services) -> None:
    both = (desk.callers.ids["admin"], desk.callers.ids["author"])
    await desk.post("admin", f"/people/{both[1]}/roles", {"role": ["admin"]})
    actors = [Actor(principal_id=who, name=who, kind="person", via="console", sign_in="test") for who in both]
    for _ in range(5):
        done = await asyncio.gather(
            rights.set_roles(services, NS, actors[0], both[1], ()),
            rights.set_roles(services, NS, actors[1], both[0], ()),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Refused) for one in done) == 1, done
        left = services.db.read_sync(lambda tx: principals.people_with_role(tx, NS, "admin"))
        assert len(left) == 1
        for who in both:
            await rights.set_roles(services, NS, actors[0], who, ("admin",))


async def test_nobody_locks_themselves_out(desk: Desk) -> None:
    who = desk.callers.ids["admin"]
    page = await desk.post("admin", f"/people/{who}/access", {"access": "off"})
    assert page.status_code == 409
    assert "You cannot disable your own account" in page.text


async def test_the_last_admin_is_not_locked_out_by_a_program_either(desk: Desk, services: Services) -> None:
    robot = Actor(
        principal_id=desk.callers.ids["service"],
        name="robot",
        kind="service",
        scopes=("admin",),
        via="api",
        sign_in="key",
    )
    with pytest.raises(Refused, match="last admin"):
        await people.disable(services, NS, robot, desk.callers.ids["admin"])


async def test_locked_out_is_out_at_once_and_can_come_back(desk: Desk) -> None:
    who = desk.callers.ids["viewer"]
    assert (await desk("viewer", "/brakes")).status_code == 200
    page = await desk.follow("admin", await desk.post("admin", f"/people/{who}/access", {"access": "off"}))
    assert "Locked out" in page.text
    assert (await desk("viewer", "/brakes")).status_code == 303
    back = await desk.follow("admin", await desk.post("admin", f"/people/{who}/access", {"access": "on"}))
    assert "is let in again" in back.text
    assert (await _person(desk, "viewer")).principal.disabled_at is None


async def test_groups_are_words_for_what_one_decides(desk: Desk) -> None:
    await desk.post("admin", "/people/groups", {"name": "fraud-reviewers"})
    reviewer, viewer = desk.callers.ids["reviewer"], desk.callers.ids["viewer"]
    await desk.post("admin", f"/people/{reviewer}/groups", {"group": ["fraud-reviewers"]})
    page = (await desk("admin", f"/people/{reviewer}")).text
    assert "Decide what asks the group fraud-reviewers, them by name, or anybody who may decide" in page
    await desk.post("admin", "/people/groups/fraud-reviewers/members", {"principal": viewer})
    gap = (await desk("admin", f"/people/{viewer}")).text
    assert "decides nothing there: the role reviewer is missing" in gap
    group = (await desk("admin", "/people/groups/fraud-reviewers")).text
    assert group.count("the role reviewer is missing") == 1
    await desk.post("admin", "/people/groups/fraud-reviewers/members", {"principal": viewer, "leave": "1"})
    assert (await _person(desk, "viewer")).groups == ()


@pytest.mark.parametrize("name", ["", "Fraud", "a b", "../x", "-x", "x" * 64])
async def test_a_group_has_a_name_that_flows_can_write(desk: Desk, name: str) -> None:
    page = await desk.post("admin", "/people/groups", {"name": name})
    assert page.status_code == 422
    assert "Use small letters" in page.text
    assert (await desk("admin", "/people/groups/no-such")).status_code == 404


async def test_a_name_and_an_address_are_corrected_and_the_person_stays_who_they_are(
    desk: Desk, services: Services
) -> None:
    """Roles and id stay; they sign in with the new address, and what was made for the old one opens nothing."""
    before = await _person(desk, "viewer")
    address = f"/people/{before.principal.id}"
    await desk.post("admin", f"{address}/password-link")
    services.db.write_sync(lambda tx: passwords.put(tx, NS, before.principal.id, "of whoever had the link"))
    assert (await desk("viewer", "/inbox")).status_code == 200
    sent = {"was_name": "Viewer", "was_email": "viewer@example.com", "name": " Vera ", "email": "Vera@Example.com"}
    page = await desk.follow("admin", await desk.post("admin", address, sent))
    assert "Saved." in page.text
    now = await _person(desk, "viewer")
    assert (now.principal.name, now.principal.email, now.roles) == ("Vera", "vera@example.com", before.roles)
    assert [(one.kind, one.subject) for one in now.identities] == [("email", "vera@example.com")]
    assert (await desk("viewer", "/inbox")).status_code == 303
    assert services.db.read_sync(lambda tx: passwords.hash_of(tx, NS, before.principal.id)) is None
    left = "select count(*) from sign_in_links where purpose = 'password'"
    assert services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(left).scalar_one()) == 0
    await desk.post("admin", address, sent | {"was_name": "Vera", "was_email": "vera@example.com"})
    assert _actions(services).count("principal.corrected") == 1
    text = "select meta from audit_event where kind = 'config.changed'"
    assert "vera" not in str(services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(text).all())).lower()


async def test_what_was_not_touched_is_left_as_another_admin_made_it(desk: Desk) -> None:
    """A page that was open before the address was corrected does not bring the old one back."""
    who = desk.callers.ids["viewer"]
    old = {"was_name": "Viewer", "was_email": "viewer@example.com"}
    await desk.post("admin", f"/people/{who}", old | {"name": "Viewer", "email": "vera@example.com"})
    await desk.post("admin", f"/people/{who}", old | {"name": "Vera", "email": "viewer@example.com"})
    made = (await _person(desk, "viewer")).principal
    assert (made.name, made.email) == ("Vera", "vera@example.com")


async def test_a_refused_form_still_knows_what_was_not_touched(desk: Desk) -> None:
    """The address that another admin corrected meanwhile stays, also when the form is sent a second time."""
    who = desk.callers.ids["viewer"]
    old = {"was_name": "Viewer", "was_email": "viewer@example.com"}
    await desk.post("admin", f"/people/{who}", old | {"name": "Viewer", "email": "vera@example.com"})
    refused = await desk.post("admin", f"/people/{who}", old | {"name": " ", "email": "viewer@example.com"})
    again = {
        name: html.unescape(value) for name, value in re.findall(r'name="(was_\w+)" value="([^"]*)"', refused.text)
    }
    assert again == old
    await desk.post("admin", f"/people/{who}", again | {"name": "Vera", "email": "viewer@example.com"})
    made = (await _person(desk, "viewer")).principal
    assert (made.name, made.email) == ("Vera", "vera@example.com")


async def test_an_address_that_is_removed_takes_along_what_was_made_with_it(desk: Desk, services: Services) -> None:
    """Never refused, since a mailbox may be in wrong hands; the answer names the flows that ask nobody by it now."""
    who = desk.callers.ids["viewer"]
    services.db.write_sync(lambda tx: passwords.put(tx, NS, who, "of whoever had the link"))
    assert (await desk("viewer", "/inbox")).status_code == 200
    plan = {"tasks": [{"kind": "gate", "gate": GATE | {"approve": {"stages": [{"people": ["Viewer@example.com"]}]}}}]}
    save = partial(flows.save_revision, namespace=NS, flow_id="payout", sha256="0" * 64, source_text="", bundle={})
    services.db.write_sync(lambda tx: save(tx, plan=plan, author_id=None, source="cli") and None)
    page = (await desk("admin", f"/people/{who}")).text
    (reference,) = re.findall(r'name="identity" value="([0-9a-f]+)"', page)
    done = await desk.follow(
        "admin", await desk.post("admin", f"/people/{who}/identities/remove", {"identity": reference})
    )
    assert "Not recognised by that any more. It is named by payout (revision 1)." in done.text
    assert (await desk("viewer", "/inbox")).status_code == 303
    assert services.db.read_sync(lambda tx: passwords.hash_of(tx, NS, who)) is None


async def test_whoever_corrects_their_own_address_stays_signed_in(desk: Desk, services: Services) -> None:
    who = desk.callers.ids["admin"]
    services.db.write_sync(lambda tx: passwords.put(tx, NS, who, "their own"))
    sent = {"was_name": "Admin", "was_email": "admin@example.com", "name": "Admin", "email": "ada@example.com"}
    page = await desk.follow("admin", await desk.post("admin", f"/people/{who}", sent))
    assert "Saved." in page.text
    assert (await _person(desk, "admin")).principal.email == "ada@example.com"
    assert services.db.read_sync(lambda tx: passwords.hash_of(tx, NS, who)) == "their own"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "", "email": ""}, "Write a name"),
        ({"name": "Vera", "email": "nowhere"}, "Write an e-mail address"),
        ({"name": "Vera", "email": "AUTHOR@example.com"}, "Somebody here has this address already."),
    ],
)
async def test_a_wrong_correction_changes_nothing_and_keeps_what_was_typed(
    desk: Desk, sent: dict[str, str], words: str
) -> None:
    before = await _person(desk, "viewer")
    was = {"was_name": before.principal.name, "was_email": before.principal.email or ""}
    page = await desk.post("admin", f"/people/{before.principal.id}", sent | was)
    assert page.status_code == 422
    assert words in page.text
    assert f'value="{sent["email"]}"' in page.text
    assert await _person(desk, "viewer") == before


async def test_a_program_has_a_name_and_no_address(desk: Desk) -> None:
    who = desk.callers.ids["service"]
    assert 'name="email"' not in (await desk("admin", f"/people/{who}")).text
    sent = {"was_name": "robot", "was_email": "", "name": "order import"}
    refused = await desk.post("admin", f"/people/{who}", sent | {"email": "robot@example.com"})
    assert refused.status_code == 422
    assert "robot is a program. Only a person has an address." in refused.text
    await desk.post("admin", f"/people/{who}", sent | {"email": ""})
    made = await _person(desk, "service")
    assert (made.principal.name, made.principal.email, made.identities) == ("order import", None, ())


async def test_a_group_goes_when_nothing_needs_it(desk: Desk, services: Services) -> None:
    """Not while it has members, even one who is locked out; each refusal says what to do first."""
    await desk.post("admin", "/people/groups", {"name": "old"})
    viewer = desk.callers.ids["viewer"]
    await desk.post("admin", "/people/groups/old/members", {"principal": viewer})
    await desk.post("admin", f"/people/{viewer}/access", {"access": "off"})
    refused = await desk.post("admin", "/people/groups/old/remove")
    assert refused.status_code == 409
    assert "The group old is still needed. It has members. Take them out first." in refused.text
    assert "Locked out" in refused.text
    assert "Delete the group" not in refused.text
    await desk.post("admin", "/people/groups/old/members", {"principal": viewer, "leave": "1"})
    page = await desk.follow("admin", await desk.post("admin", "/people/groups/old/remove"))
    assert "The group old is gone." in page.text
    assert (await desk("admin", "/people/groups/old")).status_code == 404
    assert (await desk.post("admin", "/people/groups/old/remove")).status_code == 404
    assert _actions(services)[-1] == "group.removed"


async def test_nobody_joins_a_group_while_it_goes(desk: Desk, services: Services) -> None:
    """Either they are a member and the group stays, or there is no group to join: never a member of nothing."""
    admin = Actor(principal_id=desk.callers.ids["admin"], name="Admin", kind="person", via="api", sign_in="key:1")
    who = desk.callers.ids["viewer"]
    for turn in range(12):
        name = f"g{turn}"
        await people.create_group(services, NS, admin, name)
        both = (
            group_removal.remove(services, NS, admin, name),
            people.set_member(services, NS, admin, name, who, member=True),
        )
        answers = await asyncio.gather(*(both if turn % 2 else reversed(both)), return_exceptions=True)
        assert sum(isinstance(answer, Exception) for answer in answers) == 1, answers
        there = name in {one.name for one in await people.groups(services, NS)}
        assert (name in (await _person(desk, "viewer")).groups) is there


async def test_identities_are_added_shown_and_removed_whatever_is_in_them(desk: Desk) -> None:
    who = desk.callers.ids["viewer"]
    await desk.post("admin", f"/people/{who}/identities", {"kind": "slack", "subject": f"T1:U1{HOSTILE}"})
    page = (await desk("admin", f"/people/{who}")).text
    assert "<script>alert" not in page
    known = {one.kind: one.subject for one in (await _person(desk, "viewer")).identities}
    assert known["slack"] == f"T1:U1{HOSTILE}"
    for reference in re.findall(r'name="identity" value="([0-9a-f]+)"', page):
        await desk.post("admin", f"/people/{who}/identities/remove", {"identity": reference})
    assert (await _person(desk, "viewer")).identities == ()
    again = await desk.post("admin", f"/people/{who}/identities/remove", {"identity": "0" * 32})
    assert again.status_code == 303


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        ("email", "not an address", "It looks like ana@example.com"),
        ("slack", "U1", "It looks like T0123ABCD"),
        ("oidc", "sub", "It looks like https"),
        ("email", "author@example.com", "Somebody else is recognised by this already"),
        ("passport", "1", "Choose what it is"),
    ],
)
async def test_a_wrong_identity_is_refused_with_an_example(desk: Desk, kind: str, subject: str, words: str) -> None:
    page = await desk.post(
        "admin", f"/people/{desk.callers.ids['viewer']}/identities", {"kind": kind, "subject": subject}
    )
    assert page.status_code == 422
    assert words in page.text


async def test_a_link_to_set_a_password_is_shown_once_and_recorded_with_who_made_it(
    desk: Desk, services: Services
) -> None:
    who = desk.callers.ids["viewer"]
    made = await desk.post("admin", f"/people/{who}/password-link")
    shown = await desk.follow("admin", made)
    link = re.search(r"http://[^<\"]+/sign-in/password/vl_default_\w+", shown.text)
    assert link
    assert "shown before" in (await desk("admin", f"/people/{who}/link")).text
    path = link.group().partition("//")[2].partition("/")[2]
    assert (await desk("anon", f"/{path}")).status_code == 200
    text = "select actor_id, meta from audit_event where kind = 'config.changed'"
    rows = services.db.read_sync(lambda tx: tx.conn.exec_driver_sql(text).all())
    assert [row.actor_id for row in rows if "link.created" in row.meta] == [desk.callers.ids["admin"]]


async def test_a_program_gets_no_link_and_no_roles(desk: Desk) -> None:
    robot = desk.callers.ids["service"]
    page = (await desk("admin", f"/people/{robot}")).text
    assert "never counts as a person" in page
    assert "/roles" not in page
    refused = await desk.post("admin", f"/people/{robot}/password-link")
    assert refused.status_code == 409
    assert "Give a program a key." in refused.text


async def test_somebody_who_is_not_there_is_a_page(desk: Desk) -> None:
    assert (await desk("admin", "/people/no-such")).status_code == 404
    assert (await desk.post("admin", "/people/no-such/roles", {"role": "viewer"})).status_code == 404
    elsewhere = desk.callers.ids["other"]
    assert (await desk("admin", f"/people/{elsewhere}")).status_code == 404


async def test_a_forged_form_changes_nobody(desk: Desk) -> None:
    who = desk.callers.ids["viewer"]
    for path in (f"/people/{who}/roles", f"/people/{who}/access", f"/people/{who}/password-link", "/people/new"):
        assert (await desk.post("admin", path, {"role": "admin", "name": "x"}, token="forged")).status_code == 403
    assert (await _person(desk, "viewer")).roles == ("viewer",)
