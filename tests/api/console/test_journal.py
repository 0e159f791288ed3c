"""The journal by form: found in words, verified where one looks, shown as it was seen, exported, and erased with care."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
import time
from pathlib import Path

import pytest

from tests.api.conftest import NS, OTHER
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.gates import Office, an_office  # noqa: F401  a fixture
from tests.support import tamper
from workflows.journal.export import verify_export
from workflows.journal.records import Record
from workflows.store.db import Tx
from workflows.usecases import verification
from workflows.usecases.services import Services

HOSTILE = '<script>alert(1)</script> \u202eevil\u202c "><img src=x onerror=alert(1)>'
_LINES = re.compile(r'<p class="what"><a href="/journal/records/([^"]+)">([^<]+)</a>')


async def _lines(desk: Desk, query: str = "", who: str = "auditor") -> list[str]:
    """The sentences on a page of results, newest first."""
    page = await desk(who, f"/journal{query}")
    assert page.status_code == 200, page.text
    return [html.unescape(words) for _, words in _LINES.findall(page.text)]


def _record(services: Services, kind: str = "config.changed", **more: object) -> str:
    record = Record(**{"namespace": NS, "kind": kind, **more})  # type: ignore[arg-type]
    return services.db.write_sync(lambda tx: services.journal.append(tx, record))


@pytest.mark.parametrize("who", ["viewer", "author", "reviewer"])
async def test_the_journal_is_for_auditors_and_admins(desk: Desk, office: Office, who: str) -> None:
    gate = office.open()
    for path in ("/journal", "/journal/verification", f"/journal/gates/{gate.gate_id}/as-seen", "/journal/erase"):
        assert (await desk(who, path)).status_code == 403
    for path in ("/journal/verify", "/journal/export", "/journal/erase"):
        assert (await desk.post(who, path)).status_code == 403
    assert (await desk("auditor", "/journal/erase")).status_code == 403


async def test_records_are_told_newest_first_with_who_what_and_which_revision(desk: Desk, office: Office) -> None:
    gate = office.open()
    office.decide(gate, "reviewer")
    lines = await _lines(desk, "?about=decisions")
    assert "The decision was made, by Reviewer" in lines
    page = (await desk("auditor", "/journal?execution=e1")).text
    asked = await _lines(desk, "?execution=e1")
    assert asked.index("The decision was made, by Reviewer") < asked.index("This is what people were asked")
    assert "gate, view 1" in page
    assert 'order-risk</a> <span class="dim">rev 1</span>' in page


@pytest.mark.parametrize("who", ["Reviewer", "reviewer", "reviewer@example.com", "REVIEWER@example.com"])
async def test_a_person_is_found_by_name_address_or_id(desk: Desk, office: Office, who: str) -> None:
    office.decide(office.open(), "reviewer")
    found = await _lines(desk, f"?who={who}&about=decisions")
    assert found
    assert all("Reviewer" in line for line in found)
    assert await _lines(desk, f"?who={desk.callers.ids['reviewer']}&about=decisions") == found
    assert await _lines(desk, "?who=nobody-here") == []


async def test_outcome_flow_model_and_day_narrow_it_down(desk: Desk, office: Office, services: Services) -> None:
    first, second = office.open(item="a"), office.open(item="b")
    office.decide(first, "reviewer")
    office.decide(second, "reviewer", "reject")
    assert len(await _lines(desk, "?about=decision.submitted&outcome=rejected")) == 1
    assert await _lines(desk, "?flow=no-such-flow") == []
    for model in ("gpt-x", 'm"%_\\'):
        _record(services, "llm.request", execution_id="e1", meta={"model": model})
    assert await _lines(desk, "?model=gpt-x") == ["A prompt is about to be sent"]
    assert await _lines(desk, "?model=m%22%25_%5C") == ["A prompt is about to be sent"]
    assert await _lines(desk, "?model=gpt-") == []
    today = f"{services.db.clock():%Y-%m-%d}"
    assert await _lines(desk, f"?since={today}&until={today}&model=gpt-x")
    assert await _lines(desk, "?since=2999-01-01") == []
    assert (await desk("auditor", "/journal?since=yesterday")).status_code == 422
    assert (await desk("auditor", "/journal?about=nonsense")).status_code == 422


async def test_pages_follow_each_other_and_lose_nothing(desk: Desk, services: Services) -> None:
    made = [_record(services, meta={"n": n}) for n in range(120)]
    seen: list[str] = []
    address = "/journal?about=config.changed"
    while address:
        page = (await desk("auditor", address)).text
        seen += [event for event, _ in _LINES.findall(page)]
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = html.unescape(following.group(1)) if following else ""
    assert sorted(seen) == sorted(made)
    assert (await desk("auditor", "/journal?cursor=broken")).status_code == 400


async def test_another_tenants_records_are_not_here(desk: Desk, services: Services) -> None:
    other = _record(services, namespace=OTHER, meta={"x": 1})
    assert other not in (await desk("auditor", "/journal")).text
    assert (await desk("auditor", f"/journal/records/{other}")).status_code == 404


async def test_one_record_shows_its_content_and_hangs_between_its_neighbours(desk: Desk, services: Services) -> None:
    first, middle, last = (
        _record(services, execution_id="e9", content={"said": HOSTILE}, meta={"n": n}) for n in range(3)
    )
    page = (await desk("auditor", f"/journal/records/{middle}")).text
    assert "record 2 of 3" in page
    assert f'rel="prev" href="/journal/records/{first}"' in page
    assert f'rel="next" href="/journal/records/{last}"' in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "⟨U+202E⟩evil" in page
    hashes = re.findall(r"<code>([0-9a-f]{64})</code>", page)
    before = (await desk("auditor", f"/journal/records/{first}")).text
    assert hashes[0] in (await desk("auditor", f"/journal/records/{last}")).text
    assert hashes[1] in re.findall(r"<code>([0-9a-f]{64})</code>", before)


async def test_content_that_was_altered_is_said_to_be_unreadable(desk: Desk, services: Services) -> None:
    event = _record(services, content={"said": "x"})
    tamper.run(services.db, "update audit_blob set ciphertext = nonce where event_id = :e", e=event)
    page = await desk("auditor", f"/journal/records/{event}")
    assert page.status_code == 200
    assert "It cannot be read:" in page.text


async def test_as_seen_is_the_text_and_its_digest_computed_again(desk: Desk, office: Office) -> None:
    gate = office.open(order="Order \u202e17")
    office.decide(gate, "reviewer")
    page = (await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen?revision=1")).text
    assert "This is what was shown." in page
    assert "and the one that was decided on" in page
    assert "⟨U+202E⟩17" in page
    raw = await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen.json?revision=1")
    assert hashlib.sha256(raw.content).hexdigest() == gate.action_digest
    assert gate.action_digest in page
    assert (await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen?revision=7")).status_code == 404
    assert (await desk("auditor", "/journal/gates/no-such/as-seen")).status_code == 404


async def test_one_execution_is_verified_at_once(desk: Desk, office: Office, services: Services) -> None:
    gate = office.open()
    office.decide(gate, "reviewer")
    good = await desk.post("auditor", "/journal/verify", {"execution": "e1"})
    assert ">Verified</span>" in good.text
    update = "update decisions set outcome = 'rejected' where gate_id = :g"
    assert tamper.run(services.db, update, g=gate.gate_id) == 1
    bad = await desk.post("auditor", "/journal/verify", {"execution": "e1"})
    assert "Tampered with" in bad.text
    assert "says rejected, its record approved" in html.unescape(bad.text)
    assert (await desk.post("auditor", "/journal/verify", {"execution": "no-such"})).status_code == 404


async def test_what_is_wrong_elsewhere_does_not_blame_this_execution(
    desk: Desk, office: Office, services: Services
) -> None:
    office.decide(office.open(), "reviewer")
    office.execution("e2")
    other = office.open(execution="e2")
    office.decide(other, "reviewer")
    tamper.run(services.db, "update decisions set outcome = 'rejected' where gate_id = :g", g=other.gate_id)
    assert ">Verified</span>" in (await desk.post("auditor", "/journal/verify", {"execution": "e1"})).text
    assert "Tampered with" in (await desk.post("auditor", "/journal/verify", {"execution": "e2"})).text


async def _verified(desk: Desk) -> str:
    """Verify everything and wait for the page that says the result."""
    done = await desk.post("auditor", "/journal/verify")
    assert done.headers["location"] == "/journal/verification"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        page = (await desk("auditor", "/journal/verification/now")).text
        if "data-running" not in page:
            return page
        await asyncio.sleep(0.02)
    raise AssertionError("the verification did not end")


async def test_everything_is_verified_in_the_background_and_the_result_is_recorded(desk: Desk, office: Office) -> None:
    assert "Never verified" in (await desk("auditor", "/journal")).text
    office.decide(office.open(), "reviewer")
    page = await _verified(desk)
    assert ">Verified</span>" in page
    assert "Auditor verified it" in page
    strip = (await desk("auditor", "/journal")).text
    assert ">Verified</span>" in strip
    assert "Never verified" not in strip
    assert await _lines(desk, "?about=verify.run") == ["The journal was verified, by Auditor"]


async def test_the_first_bad_record_is_named(desk: Desk, services: Services) -> None:
    events = [_record(services, meta={"n": n}) for n in range(5)]
    tamper.run(services.db, "update audit_event set outcome = 'forged' where event_id = :e", e=events[2])
    page = await _verified(desk)
    assert "Tampered with" in page
    assert events[2] in page
    assert "event_hash mismatch: the record was altered" in html.unescape(page)


async def test_only_one_verification_runs_at_a_time(desk: Desk, services: Services) -> None:
    from workflows.gates.model import Actor

    actor = Actor(principal_id="x", name="Somebody", kind="person", via="console", sign_in="test")
    running = await verification.begin(services, NS, actor)
    assert running is not None
    again = await desk.follow("auditor", await desk.post("auditor", "/journal/verify"))
    assert "It is being verified already." in again.text
    assert "Somebody began" in again.text
    await verification.run(services, NS, actor, running)
    assert "Being verified" not in (await desk("auditor", "/journal/verification")).text


async def test_an_export_can_be_verified_by_anybody_and_is_recorded(desk: Desk, office: Office, tmp_path: Path) -> None:
    office.decide(office.open(), "reviewer")
    for number, fields in enumerate(({}, {"execution": "e1", "contents": "on"})):
        answer = await desk.post("auditor", "/journal/export", fields)
        assert answer.headers["content-disposition"].startswith("attachment")
        target = tmp_path / f"{number}.tar.gz"
        target.write_bytes(answer.content)
        report = verify_export(target)
        assert report.verdict == "VERIFIED"
        assert bool(report.contents) == ("contents" in fields)
    assert await _lines(desk, "?about=export") == ["Records were exported, by Auditor"] * 2
    assert (await desk.post("auditor", "/journal/export", {"execution": "no-such"})).status_code == 404


async def test_erasing_asks_twice_and_says_what_goes(desk: Desk, office: Office, services: Services) -> None:
    gate = office.open()
    first = await desk.post("admin", "/journal/erase", {"subject": "execution:e1", "basis": "GDPR 17"})
    assert first.status_code == 200
    assert "will be gone for ever" in first.text
    words = re.search(r"Type (erase [^<\s]+)", first.text)
    assert words
    wrong = await desk.post(
        "admin", "/journal/erase", {"subject": "execution:e1", "basis": "GDPR 17", "confirm": "yes"}
    )
    assert wrong.status_code == 422
    assert "This is what was shown" in (await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen")).text
    sent = {"subject": "execution:e1", "basis": "GDPR 17", "confirm": words.group(1)}
    page = await desk.follow("admin", await desk.post("admin", "/journal/erase", sent))
    assert "A subject&#39;s content was erased, by Admin" in page.text
    assert "GDPR 17" in page.text
    seen = await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen")
    assert "<strong>Erased.</strong>" in seen.text
    assert (await desk("auditor", f"/journal/gates/{gate.gate_id}/as-seen.json")).status_code == 410
    assert ">Verified</span>" in await _verified(desk)
    again = await desk.post("admin", "/journal/erase", sent)
    assert again.status_code == 422
    assert "Nothing is kept about it here." in again.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": "everything", "basis": "x"}, "Write execution: or person:"),
        ({"subject": "namespace:default", "basis": "x"}, "Write execution: or person:"),
        ({"subject": "execution:e1", "basis": " "}, "why it must be erased"),
        ({"subject": "execution:unknown", "basis": "x"}, "Nothing is kept about it here."),
    ],
)
async def test_a_wrong_erasure_erases_nothing(desk: Desk, office: Office, fields: dict[str, str], words: str) -> None:
    office.open()
    page = await desk.post("admin", "/journal/erase", fields)
    assert page.status_code == 422
    assert words in page.text
    assert await _lines(desk, "?about=erasure") == []


async def test_a_forged_form_exports_and_erases_nothing(desk: Desk, office: Office) -> None:
    office.open()
    sent = {"subject": "execution:e1", "basis": "x", "confirm": "erase ion:e1"}
    for path in ("/journal/export", "/journal/verify", "/journal/erase"):
        assert (await desk.post("admin", path, sent, token="forged")).status_code == 403
    assert await _lines(desk, "?about=journal") == []


async def test_every_kind_of_record_can_be_told(desk: Desk, services: Services) -> None:
    """A kind that nobody thought of on the page is told by its sentence, not by an error."""
    from workflows.journal.kinds import KINDS

    def unit(tx: Tx) -> None:
        services.journal.append_many(tx, [Record(namespace=NS, kind=kind, content={"k": kind}) for kind in KINDS])

    services.db.write_sync(unit)
    told = await _lines(desk)
    assert told
    events = _LINES.findall((await desk("auditor", "/journal")).text)
    for event, _ in events:
        assert (await desk("auditor", f"/journal/records/{event}")).status_code == 200
