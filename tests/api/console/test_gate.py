"""One gate by form, without scripts: what its page says, what it changes, and what it refuses."""

from __future__ import annotations

import hashlib
import html

import pytest

from tests.api.conftest import NS
from tests.api.console.conftest import NewBrowser
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.gates import Office, an_office, hidden, seen  # noqa: F401  a fixture
from tests.support.clock import FakeClock
from tests.workflows.arbiter.conftest import make_plan
from workflows.flow.planned import GatePlan, ShowField, StagePlan, TaskPlan
from workflows.gates.model import Evidence
from workflows.store.repositories import gates, principals, reviewers
from workflows.usecases.services import Services

HOSTILE = '<script>alert(1)</script> \u202eevil\u202c "><img src=x onerror=alert(1)> <!channel> ![](http://evil.test/x)'


async def test_what_a_yes_will_do_stands_first(desk: Desk, office: Office) -> None:
    """Effects, then the case, then the suggestion: nobody has to scroll past an opinion to see the consequence."""
    page = (await desk("reviewer", f"/gates/{office.open().gate_id}")).text
    order = [page.index(text) for text in ("What a yes will do", "The case", "The suggestion", "Similar decisions")]
    assert order == sorted(order)
    for text in ("sheets.append", "sheet", "small order", "€\u00a0120.00", "Match margin", "not a probability"):
        assert text in page


async def test_nothing_of_an_effect_is_cut(desk: Desk, office: Office) -> None:
    """A long argument is folded, and complete."""
    long = "word " * 4000 + "the very end"
    gate = office.open(fields={"risk": "high", "reason": long}, plan=effect_of("{{ final.reason }}"))
    assert long in html.unescape((await desk("reviewer", f"/gates/{gate.gate_id}")).text)


async def test_hostile_text_is_visible_and_harmless_everywhere(desk: Desk, office: Office) -> None:
    """Whatever a model, a document or an input wrote, it is text on every page of the gate."""
    plan = make_plan().model_copy(
        update={"title": "{{ item.order }}", "show": (ShowField(label=HOSTILE, value="{{ item.order }}"),)}
    )
    meta = {"confidence": 0.1, "confidence_method": HOSTILE, "citations": [
        {"collection": HOSTILE, "document": HOSTILE, "chunk": HOSTILE, "score": 0.5, "quote": HOSTILE}
    ]}  # fmt: skip
    evidence = (Evidence(id=HOSTILE, type=HOSTILE, state="missing", reason=HOSTILE),)
    gate = office.open(plan, order=HOSTILE, fields={"risk": "high", "reason": HOSTILE}, meta=meta, evidence=evidence)
    address = f"/gates/{gate.gate_id}"
    await desk.post("reviewer", f"{address}/comment", {"text": HOSTILE})
    preview = {"field-reason": HOSTILE + "!", "field-risk": "high"}
    pages = [
        (await desk("reviewer", path)).text
        for path in (address, f"{address}?part=panel", f"{address}/as-shown", f"{address}/passages/0", "/inbox")
    ]
    pages.append((await desk.post("reviewer", f"{address}/preview", seen(gate, **preview))).text)
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page.replace('<img src="/static/', "")
        assert "\u202e" not in page
        assert "⟨U+202E⟩evil" in page


async def test_looking_changes_nothing(desk: Desk, office: Office) -> None:
    """A crawler that opens every link leaves no trace; only a person's browser says that it was seen."""
    gate = office.open()
    before = office.kinds()
    parts = ("", "?part=panel", "?part=state", "?act=edit", "?act=reject", "?act=changes", "?act=x", "/calls")
    for rest in (*parts, "/as-shown", "/as-shown?raw=1"):
        assert (await desk("admin", f"/gates/{gate.gate_id}{rest}")).status_code == 200
    assert office.kinds() == before
    for _ in range(2):
        await desk.post("admin", f"/gates/{gate.gate_id}/seen", seen(gate))
    assert office.kinds() == [*before, "approval.viewed"]


async def test_without_scripts_it_was_seen_when_it_is_decided(desk: Desk, office: Office) -> None:
    """The record has the look before the decision, also where no script could tell."""
    gate = office.open()
    done = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", seen(gate, action="approve"))
    assert done.status_code == 303
    assert office.kinds()[-2:] == ["approval.viewed", "decision.submitted"]


async def test_approve_and_take_it_back(desk: Desk, office: Office, clock: FakeClock) -> None:
    """The answer offers to undo; undoing opens the gate again, and after five seconds it is too late."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    done = await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    page = (await desk.follow("reviewer", done)).text
    assert "Approved." in page
    assert f'action="{address}/undo"' in page
    assert "Reviewer approved this via console" in page
    undone = await desk.post("reviewer", f"{address}/undo")
    page = (await desk.follow("reviewer", undone)).text
    assert "Undone; it is open again." in page
    assert f'action="{address}/decide"' in page
    await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    clock.advance(6)
    late = await desk.post("reviewer", f"{address}/undo")
    assert late.status_code == 409
    assert "in effect already" in late.text
    assert f'action="{address}/undo"' not in (await desk("reviewer", address)).text


async def test_reject_by_a_reason(desk: Desk, office: Office) -> None:
    """A code of the flow is enough; it is shown with the decision."""
    gate = office.open()
    page = (await desk("reviewer", f"/gates/{gate.gate_id}")).text
    assert 'name="reason_code" value="wrong_data"' in page
    given = seen(gate, action="reject", reason_code="wrong_data")
    done = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", given)
    after = (await desk.follow("reviewer", done)).text
    assert "Reviewer rejected this via console" in after
    assert "Wrong data" in after
    assert "What a yes would have done" in after


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"action": "reject"}, "A rejection needs a reason."),
        ({"action": "reject", "reason_code": "made_up"}, "is not a reason here."),
        ({"action": "request_changes"}, "A request for changes needs words."),
    ],
)
async def test_a_reason_that_is_missing_is_asked_for_on_the_open_gate(
    desk: Desk, office: Office, sent: dict[str, str], says: str
) -> None:
    """The gate stays open, the form too, and what to do is said."""
    gate = office.open()
    page = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", seen(gate, **sent))
    assert page.status_code == 422
    assert says in html.unescape(page.text)
    assert f'data-drop="{"reject" if sent["action"] == "reject" else "changes"}" open' in page.text


async def test_changes_are_requested_with_words(desk: Desk, office: Office) -> None:
    """The words go to the model; the gate says that it waits for another suggestion."""
    gate = office.open()
    given = seen(gate, action="request_changes", comment="Name the policy.")
    done = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", given)
    page = (await desk.follow("reviewer", done)).text
    assert "Reviewer asked for changes via console" in page
    assert "Name the policy" in page


async def test_changes_are_not_offered_where_no_model_suggests(desk: Desk, office: Office) -> None:
    """A suggestion that is a plain value cannot be made anew."""
    gate = office.open(make_plan().model_copy(update={"suggest": None}))
    assert 'value="request_changes"' not in (await desk("reviewer", f"/gates/{gate.gate_id}")).text


# Editing -----------------------------------------------------------------------


async def test_edit_look_confirm(desk: Desk, office: Office, services: Services) -> None:
    """The look shows what will run and what changes; only the confirmation decides, and exactly on that."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    edit = {"field-risk": "high", "field-reason": "small order", "comment": "known customer"}
    look = await desk.post("reviewer", f"{address}/preview", seen(gate, **edit))
    assert look.status_code == 200
    assert "<del>low</del><ins>high</ins>" in look.text
    assert "sheets.append" in look.text
    assert "decision.submitted" not in office.kinds()
    done = await desk.post("reviewer", f"{address}/decide", {**hidden(look.text), **edit, "action": "edit"})
    page = (await desk.follow("reviewer", done)).text
    assert "Approved with your changes." in page
    assert "revision 1 → 2, by Reviewer" in page
    decided = services.db.read_sync(lambda tx: gates.revision(tx, NS, gate.gate_id, 2))
    assert decided is not None
    assert decided.fields == {"risk": "high", "reason": "small order"}
    assert decided.action_digest == hidden(look.text)["new_action_digest"]


async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(desk: Desk, office: Office) -> None:
    """Typed values, the schema and the rules are checked before anybody confirms."""
    gate = office.open(amount=9000, fields={"risk": "high", "reason": "big"})
    address = f"/gates/{gate.gate_id}/preview"
    wrong = await desk.post(
        "reviewer", address, seen(gate, **{"field-risk": "enormous", "field-reason": "typed words"})
    )
    assert wrong.status_code == 422
    assert "must be one of low, medium, high" in wrong.text
    assert "typed words" in wrong.text
    same = await desk.post("reviewer", address, seen(gate, **{"field-risk": "high", "field-reason": "big"}))
    assert "nothing was changed; approve instead" in same.text
    rule = await desk.post("reviewer", address, seen(gate, **{"field-risk": "low", "field-reason": "big"}))
    assert "Over 5000 is never low." in rule.text
    assert 'name="override"' in rule.text
    against = {"field-risk": "low", "field-reason": "big", "override": "on"}
    assert (
        "say why the rules should not hold here" in (await desk.post("reviewer", address, seen(gate, **against))).text
    )
    look = await desk.post("reviewer", address, seen(gate, **against, comment="The customer is our own bank."))
    assert look.status_code == 200
    assert "You go against this rule" in look.text
    again = await desk.post("reviewer", address, seen(gate, **against, comment="Our own bank.", again="1"))
    assert again.status_code == 200
    assert "Our own bank." in again.text


async def test_an_edit_of_what_may_not_be_edited_changes_nothing(desk: Desk, office: Office) -> None:
    """A field that is not editable has no input, and sending it anyway is as if it had not been sent."""
    gate = office.open(make_plan(editable=("reason",)))
    page = (await desk("reviewer", f"/gates/{gate.gate_id}?act=edit")).text
    assert 'name="field-reason"' in page
    assert 'name="field-risk"' not in page
    sent = await desk.post("reviewer", f"/gates/{gate.gate_id}/preview", seen(gate, **{"field-risk": "high"}))
    assert "nothing was changed" in sent.text


async def test_an_edit_on_a_gate_that_moved_on_keeps_what_was_typed(desk: Desk, office: Office) -> None:
    """The refusal says what happened, the text stays, and the form is about the present revision."""
    gate = office.open()
    office.open(fields={"risk": "medium", "reason": "second thoughts"})
    sent = seen(gate, **{"field-risk": "low", "field-reason": "my own words"})
    page = await desk.post("reviewer", f"/gates/{gate.gate_id}/preview", sent)
    assert page.status_code == 409
    assert "this gate is at revision 2 now" in page.text
    assert "my own words" in page.text
    assert hidden(page.text)["revision"] == "2"


# Refusals -----------------------------------------------------------------------


async def test_a_decision_on_an_older_revision_shows_what_changed(desk: Desk, office: Office) -> None:
    """Nothing is decided; the difference between what was seen and what is there stands on the page."""
    gate = office.open()
    office.open(fields={"risk": "medium", "reason": "second thoughts"})
    page = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", seen(gate, action="approve"))
    assert page.status_code == 409
    assert "You looked at revision 1; this gate is at revision 2 now." in page.text
    assert "revision 1 → 2" in page.text
    assert "decision.submitted" not in office.kinds()


async def test_another_was_faster(desk: Desk, office: Office) -> None:
    """Who, what and from where, and the words of the slower one are not lost."""
    gate = office.open()
    office.decide(gate, "admin", "reject")
    sent = seen(gate, action="reject", comment="my words")
    page = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", sent)
    assert page.status_code == 409
    assert "This was decided before you, so your decision was not taken." in page.text
    assert "Admin rejected this via Slack" in page.text
    assert "\nmy words</textarea>" in page.text


async def test_who_may_not_decide_is_told_why_and_who_may(desk: Desk, office: Office) -> None:
    """Self-approval, a missing group and a missing role each have their reason, and the names of those who may."""
    gate = office.open(requester="reviewer")
    page = (await desk("reviewer", f"/gates/{gate.gate_id}")).text
    assert "Reviewer is the requester here and may not decide on it." in page
    assert "These people may: Admin." in page
    assert f'action="/gates/{gate.gate_id}/decide"' not in page
    viewer = (await desk("viewer", f"/gates/{gate.gate_id}")).text
    assert "Viewer has no right to review in this namespace." in viewer
    refused = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", seen(gate, action="approve"))
    assert refused.status_code == 403
    assert "decision.denied" in office.kinds()


async def test_nobody_may_decide(desk: Desk, office: Office) -> None:
    """A gate for a group without members says so instead of waiting silently."""
    gate = office.open(make_plan(stages=(StagePlan(groups=("nobody",)),)))
    page = html.unescape((await desk("reviewer", f"/gates/{gate.gate_id}")).text)
    assert "Nobody may at present; an admin can change that." in page


async def test_too_late(desk: Desk, office: Office, clock: FakeClock) -> None:
    """Before the deadline its consequence is said; after it the expiry is recorded and shown."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    assert "then it is rejected" in (await desk("reviewer", address)).text
    clock.advance(7200)
    desk.forget("reviewer")
    assert "The time to decide ended" in (await desk("reviewer", address)).text
    late = await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    assert late.status_code == 409
    assert "Nobody decided in time" in late.text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"action": "explode"},
        {"action": "approve", "revision": "0"},
        {"action": "approve", "revision": "²"},
        {"action": "approve", "revision": "1", "action_digest": "x" * 64},
    ],
)
async def test_an_incomplete_form_changes_nothing(desk: Desk, office: Office, sent: dict[str, str]) -> None:
    """What does not say what was seen is refused with what to do."""
    gate = office.open()
    sent = {**seen(gate), **sent} if "revision" not in sent and sent else sent
    page = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", sent)
    assert page.status_code == 422
    assert "Reload the gate and try again." in page.text
    assert not {"decision.submitted", "decision.vote"} & set(office.kinds())


@pytest.mark.parametrize("path", ["", "?part=panel", "/as-shown", "/passages/0", "/calls"])
async def test_a_gate_of_another_namespace_is_not_there(
    desk: Desk, office: Office, browser: NewBrowser, path: str
) -> None:
    """Nor is one that never was: both answers are the same."""
    gate = office.open()
    assert (await (await browser("other")).get(f"/gates/{gate.gate_id}{path}")).status_code == 404
    assert (await desk("admin", f"/gates/no-such-gate{path}")).status_code == 404


# People --------------------------------------------------------------------------


async def test_two_people_must_agree(desk: Desk, office: Office) -> None:
    """Progress is said in numbers, and a vote that decides nothing yet offers no undo."""
    gate = office.open(make_plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    address = f"/gates/{gate.gate_id}"
    assert "0 of 2 approvals at stage fraud" in (await desk("reviewer", address)).text
    done = await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    page = (await desk.follow("reviewer", done)).text
    assert "Your approval counts; 1 more person must agree." in page
    assert "1 of 2 approvals at stage fraud" in page
    assert f'action="{address}/undo"' not in page
    assert "1 more person must agree. Until then you can still reject it" in page
    assert 'data-act="approve"' not in page
    assert 'data-act="reject"' in page
    assert 'data-act="approve"' in (await desk("admin", address)).text


async def test_who_agreed_can_agree_again_when_nobody_else_is_asked_any_more(desk: Desk, office: Office) -> None:
    """Everybody of a group must agree, and one of two leaves it: the yes of the other is what ends it."""
    gate = office.open(make_plan(stages=(StagePlan(groups=("fraud",), quorum="all"),)))
    address = f"/gates/{gate.gate_id}"
    everybody = [
        one.id for one in office.services.db.read_sync(lambda tx: reviewers.reviewers(tx, NS)) if "fraud" in one.groups
    ]
    others = [one for one in everybody if one != office.callers.ids["reviewer"]]
    assert others
    await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    assert 'data-act="approve"' not in (await desk("reviewer", address)).text
    office.services.db.write_sync(lambda tx: [principals.remove_member(tx, NS, "fraud", one) for one in others])
    page = (await desk("reviewer", address)).text
    assert "0 more" not in page
    assert 'data-act="approve"' in page
    done = await desk.post("reviewer", f"{address}/decide", seen(gate, action="approve"))
    assert "Approved." in (await desk.follow("reviewer", done)).text


async def test_claim_keeps_others_away_until_it_is_released(desk: Desk, office: Office) -> None:
    """The lease is shown; others read who works on it; an admin among the reviewers can take it."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    mine = (await desk.follow("admin", await desk.post("admin", f"{address}/claim"))).text
    assert "by you, lapses" in mine
    theirs = (await desk("reviewer", address)).text
    assert "Admin is working on this gate" in theirs
    assert 'value="approve"' not in theirs
    assert (await desk.post("reviewer", f"{address}/claim")).status_code == 409
    released = (await desk.follow("admin", await desk.post("admin", f"{address}/release"))).text
    assert "Released." in released
    assert 'value="approve"' in (await desk("reviewer", address)).text


async def test_assign_extend_and_comment(desk: Desk, office: Office) -> None:
    """Each is on the page and in the history afterwards, with who did it."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    await desk.post("reviewer", f"{address}/assign", {"to": office.callers.ids["admin"]})
    await desk.post("reviewer", f"{address}/extend", {"seconds": "3600"})
    await desk.post("author", f"{address}/comment", {"text": "Called the customer.\nThey confirm."})
    page = (await desk("reviewer", address)).text
    for text in ("assigned this to Admin", "moved the deadline to", "Called the customer.\nThey confirm.", "commented"):
        assert text in page
    assert (await desk.post("reviewer", f"{address}/extend", {"seconds": "-5"})).status_code == 422
    assert (await desk.post("author", f"{address}/comment", {"text": "  "})).status_code == 422
    nobody = await desk.post("reviewer", f"{address}/assign", {"to": office.callers.ids["viewer"]})
    assert nobody.status_code == 403


# What led to it ----------------------------------------------------------------------


async def test_similar_decisions_are_shown_with_outcome_and_person(desk: Desk, office: Office) -> None:
    """Only what people decided at the same place counts; an open gate and an undone decision do not."""
    past = office.open(item="1", amount=125)
    office.decide(past, "admin", "reject", comment="Looked forged.")
    office.open(item="2", amount=119)
    far = office.open(item="3", amount=1, order="x", fields={"risk": "high", "reason": "nothing of this kind"})
    office.decide(far, "admin")
    page = html.unescape((await desk("reviewer", f"/gates/{office.open(item='9').gate_id}")).text)
    assert f'href="/gates/{past.gate_id}"' in page
    assert "Looked forged." in page
    assert "Admin, " in page
    assert f'href="/gates/{far.gate_id}"' not in page


async def test_the_text_as_seen_is_the_text_that_was_hashed(desk: Desk, office: Office) -> None:
    """The page makes the hash anew, and the bytes can be taken home."""
    gate = office.open(order=HOSTILE)
    page = await desk("viewer", f"/gates/{gate.gate_id}/as-shown")
    assert page.text.count(gate.action_digest) >= 2
    assert 'data-state="verified"' in page.text
    raw = await desk("viewer", f"/gates/{gate.gate_id}/as-shown?raw=1")
    assert hashlib.sha256(raw.content).hexdigest() == gate.action_digest
    assert "attachment" in raw.headers["content-disposition"]
    assert (await desk("viewer", f"/gates/{gate.gate_id}/as-shown?revision=7")).status_code == 404


async def test_prompts_are_for_those_who_decide_write_flows_or_audit(desk: Desk, office: Office) -> None:
    """Everybody learns that they exist."""
    gate = office.open()
    page = f"/gates/{gate.gate_id}"
    assert "who decides, writes flows or audits may read them" in (await desk("viewer", page)).text
    for rest in ("/calls?part=panel", "/calls"):
        assert (await desk("viewer", f"{page}{rest}")).status_code == 403
        for who in ("reviewer", "author", "auditor", "admin"):
            assert "No model, look-up or tool" in (await desk(who, f"{page}{rest}")).text
            assert f'href="{page}/calls"' in (await desk(who, page)).text


async def test_a_revision_is_compared_with_the_suggestion_or_with_any_other(desk: Desk, office: Office) -> None:
    """An edit is shown beside what the model had said; one may choose another revision."""
    gate = office.open(make_plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    office.decide(gate, "admin", "edit", fields={"risk": "high", "reason": "small order, new customer"})
    page = (await desk("reviewer", f"/gates/{gate.gate_id}")).text
    assert "revision 1 → 2, by Admin" in page
    assert "<ins>, new customer</ins>" in page
    assert "?against=1" in page
    assert (await desk("reviewer", f"/gates/{gate.gate_id}?against=99")).status_code == 200


# Going on --------------------------------------------------------------------------------


async def test_who_comes_from_a_list_goes_on_in_it(desk: Desk, office: Office) -> None:
    """The list's own filters come along; an address of another site cannot."""
    gate = office.open()
    sent = seen(gate, action="approve", queue="flow=order-risk&all=1")
    done = await desk.post("reviewer", f"/gates/{gate.gate_id}/decide", sent)
    assert done.headers["location"] == f"/inbox/next?after={gate.gate_id}&all=1&flow=order-risk"
    other = office.open(item="2")
    sent = seen(other, action="approve", queue="//evil.test/x")
    away = await desk.post("reviewer", f"/gates/{other.gate_id}/decide", sent)
    assert away.headers["location"].startswith(f"/inbox/next?after={other.gate_id}")


async def test_a_script_hears_what_a_form_would_show(desk: Desk, office: Office) -> None:
    """The same route answers JSON, refusals too, and the state of a gate can be asked for."""
    gate = office.open()
    address = f"/gates/{gate.gate_id}"
    before = (await desk("reviewer", f"{address}?part=state")).json()
    assert (before["state"], before["may_decide"], before["decided"]) == ("open", True, "")
    office.decide(gate, "admin")
    after = (await desk("reviewer", f"{address}?part=state")).json()
    assert (after["state"], after["may_decide"]) == ("decided", False)
    assert after["decided"] == "Admin approved this via Slack"


def effect_of(text: str) -> GatePlan:
    """The usual gate with another text in its effect."""
    effect = TaskPlan(id="say", type="slack.post", kind="activity", effect="write", properties={"text": text})
    return make_plan().model_copy(update={"on_approve": (effect,)})
