"""The page behind a letter's link, without scripts: what it shows, what it offers to whom, and what it refuses."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.gates import Office, an_office  # noqa: F401  a fixture
from tests.support.hostile import sample
from tests.workflows.arbiter.conftest import make_plan
from workflows.arbiter import handling
from workflows.arbiter.model import Claim, Opened
from workflows.flow.planned import ExpirePlan, GatePlan, StagePlan, TaskPlan
from workflows.gates.model import Evidence
from workflows.store.repositories import decisions, principals
from workflows.store.repositories.decisions import Decision
from workflows.usecases import mail_links
from workflows.usecases.mail_links import Grant

TYPED = 'Look at the second address & the "phone" <again>.\nIt\'s not the first time.'


def link(office: Office, gate: Opened, who: str = "reviewer") -> str:
    """The link of a letter to somebody about this revision."""
    until = int((office.services.db.clock() + timedelta(days=1)).timestamp())
    sent_to = mail_links.mark(office.services, f"{who}@example.com")
    grant = Grant(NS, gate.gate_id, gate.revision, gate.action_digest, office.callers.ids[who], sent_to, until)
    return mail_links.make(office.services, grant)


def decided(office: Office, gate: Opened) -> list[Decision]:
    return office.services.db.read_sync(lambda tx: list(decisions.of_gate(tx, NS, gate.gate_id)))


def buttons(page: str) -> list[str]:
    """What may be pressed."""
    return re.findall(r'name="action" value="(\w+)"', page)


async def shown(desk: Desk, path: str) -> str:
    answer = await desk("anon", path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


# What is refused keeps what was typed ------------------------------------------


async def test_a_no_records_no_reason_that_nobody_chose(desk: Desk, office: Office) -> None:
    """The reasons begin with none chosen; *Reject* pressed as the page came is asked for a reason or words."""
    gate = office.open()
    page = await shown(desk, link(office, gate))
    options = re.findall(r'<option value="([^"]*)"( selected)?>', page)
    assert options == [("", ""), ("wrong_data", "")]
    answer = await desk.post("anon", link(office, gate), {"action": "reject", "reason_code": "", "comment": ""})
    assert answer.status_code == 422
    assert "A rejection needs a reason." in answer.text
    assert decided(office, gate) == []


async def test_a_reason_or_words_are_enough_for_a_no(desk: Desk, office: Office) -> None:
    by_code, by_words = office.open(item="a"), office.open(item="b")
    await desk.post("anon", link(office, by_code), {"action": "reject", "reason_code": "wrong_data", "comment": ""})
    await desk.post(
        "anon", link(office, by_words), {"action": "reject", "reason_code": "", "comment": "No such order."}
    )
    kept = [(one.reason_code, one.comment) for gate in (by_code, by_words) for one in decided(office, gate)]
    assert kept == [("wrong_data", None), (None, "No such order.")]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"action": "request_changes", "reason_code": "wrong_data"}, "A request for changes needs words."),
        ({"action": "reject", "reason_code": "made_up", "comment": TYPED}, "is not a reason here."),
        ({"action": "reject"}, "A rejection needs a reason."),
        ({"action": "explode", "comment": TYPED, "reason_code": "wrong_data"}, "No decision was chosen."),
        ({"comment": TYPED}, "No decision was chosen."),
        ({"action": "reject", "comment": "x" * 10_001}, "A comment has at most 10,000 characters."),
    ],
)
async def test_what_is_refused_is_said_on_the_letter_and_nothing_typed_is_lost(
    desk: Desk, office: Office, sent: dict[str, str], says: str
) -> None:
    """The page again, with the refusal first, the words in their field and the reason still chosen."""
    gate = office.open()
    answer = await desk.post("anon", link(office, gate), sent)
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert page.index(says) < page.index("What a yes will do")
    assert 'role="alert"' in page
    assert f">\n{sent.get('comment', '')}</textarea>" in page
    assert ('value="wrong_data" selected' in page) == (sent.get("reason_code") == "wrong_data")
    assert buttons(page) == ["approve", "reject", "request_changes"]
    assert decided(office, gate) == []


async def test_a_refused_form_can_be_completed_and_sent_again(desk: Desk, office: Office) -> None:
    gate = office.open()
    await desk.post("anon", link(office, gate), {"action": "request_changes"})
    answer = await desk.post("anon", link(office, gate), {"action": "request_changes", "comment": TYPED})
    assert "Your decision is recorded." in answer.text
    (decision,) = decided(office, gate)
    assert (decision.outcome, decision.comment) == ("changes_requested", TYPED)


async def test_words_about_what_has_changed_since_are_not_lost(desk: Desk, office: Office) -> None:
    """The new revision cannot be decided by this link, so there is no form; the words can be copied from the page."""
    gate = office.open()
    old = link(office, gate)
    office.open(fields={"risk": "high", "reason": "looked again"})
    answer = await desk.post("anon", old, {"action": "request_changes", "comment": TYPED})
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert "This changed since your letter was sent" in page
    assert TYPED in page
    assert buttons(page) == []


async def test_who_comes_second_reads_who_was_first(desk: Desk, office: Office) -> None:
    gate = office.open()
    office.decide(gate, "admin")
    answer = await desk.post("anon", link(office, gate), {"action": "reject", "comment": TYPED})
    page = html.unescape(answer.text)
    assert answer.status_code == 409
    assert "This was decided before you, so your decision was not taken." in page
    assert "Admin approved this" in page
    assert TYPED in page


# Only what is possible is offered -------------------------------------------------


async def test_who_agreed_already_is_told_so_and_can_still_say_no(desk: Desk, office: Office) -> None:
    """Opened again while others must join, the letter offers what would change something."""
    gate = office.open(make_plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    answer = await desk.post("anon", link(office, gate), {"action": "approve", "comment": ""})
    assert "Your vote counts; 1 more must agree." in answer.text
    again = await shown(desk, link(office, gate))
    assert "You approved this." in again
    assert buttons(again) == ["reject", "request_changes"]


async def test_whoever_asked_is_told_why_they_may_not_decide(desk: Desk, office: Office) -> None:
    """No button that would be refused: why not, and who may instead. Pressing all the same is refused in these words."""
    gate = office.open(requester="reviewer")
    page = await shown(desk, link(office, gate))
    assert "Reviewer is the requester here and may not decide on it." in page
    assert "These people may: Admin." in page
    assert buttons(page) == []
    answer = await desk.post("anon", link(office, gate), {"action": "approve", "comment": TYPED})
    again = html.unescape(answer.text)
    assert answer.status_code == 403
    assert again.count("Reviewer is the requester here and may not decide on it.") == 1
    assert TYPED in again
    assert decided(office, gate) == []


async def test_whoever_has_no_right_any_more_is_told_so(desk: Desk, office: Office) -> None:
    """The right of this moment counts, not that of the letter's."""
    gate = office.open()
    member = office.callers.ids["reviewer"]
    office.services.db.write_sync(lambda tx: principals.revoke_role(tx, NS, member, "reviewer"))
    page = await shown(desk, link(office, gate))
    assert "Reviewer has no right to review in this namespace." in page
    assert buttons(page) == []
    answer = await desk.post("anon", link(office, gate), {"action": "approve"})
    assert answer.status_code == 403
    assert "What a yes will do" in answer.text


async def test_a_link_ends_when_its_mailbox_is_no_longer_theirs(desk: Desk, office: Office) -> None:
    """Whoever reads that mailbox now is somebody else: nothing of the gate is shown, and nothing decided."""
    gate = office.open()
    letter, member = link(office, gate), office.callers.ids["reviewer"]
    office.services.db.write_sync(
        lambda tx: principals.remove_identity(tx, NS, member, "email", "reviewer@example.com")
    )
    page = await desk("anon", letter)
    assert page.status_code == 410
    assert "not reached here any more" in page.text
    assert (await desk.post("anon", letter, {"action": "approve"})).status_code == 410
    assert decided(office, gate) == []


async def test_what_another_has_claimed_is_theirs_for_now(desk: Desk, office: Office) -> None:
    gate = office.open()
    request = Claim(namespace=NS, gate_id=gate.gate_id, actor=office.actor("admin"))
    office.services.db.write_sync(lambda tx: handling.claim(tx, office.services.journal, request))
    page = await shown(desk, link(office, gate))
    assert "Admin is working on this gate until" in page
    assert buttons(page) == []


@pytest.mark.parametrize("suggest", [None, TaskPlan(id="suggest", type="http.request", kind="activity")])
async def test_changes_are_not_offered_where_nothing_can_suggest_again(
    desk: Desk, office: Office, suggest: TaskPlan | None
) -> None:
    plan = make_plan().model_copy(update={"suggest": suggest})
    page = await shown(desk, link(office, office.open(plan)))
    assert buttons(page) == ["approve", "reject"]
    assert "request changes" not in page


async def test_changes_are_not_offered_when_the_rounds_are_used_up(desk: Desk, office: Office) -> None:
    plan = make_plan(max_rounds=1)
    first = office.open(plan)
    assert "request_changes" in buttons(await shown(desk, link(office, first)))
    office.decide(first, "admin", "request_changes", comment="Ask for the invoice.")
    second = office.open(plan, fields={"risk": "high", "reason": "asked"}, asked_round=1)
    page = await shown(desk, link(office, second))
    assert buttons(page) == ["approve", "reject"]
    assert "Ask for the invoice." in page


# The whole of what is decided on ---------------------------------------------------


async def test_what_was_looked_up_and_what_could_not_be_is_on_the_page(desk: Desk, office: Office) -> None:
    """What is missing weighs as much as what was found."""
    evidence = (
        Evidence(id="history", type="http.request", state="found", value={"orders": 12}),
        Evidence(id="credit", type="http.request", state="missing", reason="The service did not answer in 10 s."),
    )
    cited = {"collection": "policy", "document": "limits.md", "chunk": "c1", "score": 0.5, "quote": "Never above 5000."}
    meta = {"confidence": 0.42, "confidence_method": "match_margin", "citations": [cited]}
    page = await shown(desk, link(office, office.open(evidence=evidence, meta=meta)))
    for text in ('"orders": 12', 'data-state="missing"', "The service did not answer in 10 s.", "Never above 5000."):
        assert text in page
    assert "/passages/" not in page, "a link of a letter opens nothing else"


async def test_how_sure_the_answer_is_stands_with_its_method(desk: Desk, office: Office) -> None:
    """A number without its method would be read as a probability."""
    page = await shown(desk, link(office, office.open()))
    assert re.search(r"Match margin <strong>0\.42</strong>", page)
    assert "not a probability" in page
    unmeasured = office.open(item="b", meta={"confidence": None, "confidence_method": "none", "citations": []})
    assert "Confidence not measured" in await shown(desk, link(office, unmeasured))


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("reject", "then it is rejected"),
        ("approve", "then it is approved without anybody"),
        ("fail", "then the execution fails"),
    ],
)
async def test_the_deadline_says_what_happens_then(desk: Desk, office: Office, then: str, says: str) -> None:
    gate = office.open(expiring(then))
    assert re.search(rf"expires <time[^>]*>[^<]+</time>; {says}", await shown(desk, link(office, gate)))
    office.decide(gate, "admin")
    after = await shown(desk, link(office, gate))
    assert says not in after
    assert "What the yes does" in after


def expiring(then: str) -> GatePlan:
    return make_plan(expire=ExpirePlan(after_ms=3_600_000, then=then))


async def test_looking_at_a_letter_changes_nothing(desk: Desk, office: Office) -> None:
    """Programs that follow links leave no trace, whoever the link is for and whatever the page says."""
    gate, own = office.open(item="a"), office.open(item="b", requester="reviewer")
    before = office.kinds()
    for path in (link(office, gate), link(office, own), f"{link(office, gate)}?action=approve"):
        await shown(desk, path)
    assert office.kinds() == before


async def test_what_is_hostile_is_text_in_every_part(desk: Desk, office: Office) -> None:
    """In evidence, citations and what was typed no string makes a tag or turns text around."""
    text = "\n".join(sample(60)).replace("\x00", "")
    cited = {"collection": text, "document": text, "chunk": text, "score": 0.5, "quote": text}
    gate = office.open(
        evidence=(Evidence(id=text, type=text, state="missing", reason=text),),
        meta={"confidence": 0.1, "confidence_method": text, "citations": [cited], "generator": text},
        fields={"risk": "high", "reason": text},
    )
    page = (await desk("anon", link(office, gate))).text
    page += (await desk.post("anon", link(office, gate), {"action": "x", "comment": text, "reason_code": text})).text
    assert "<script>alert" not in page
    assert "<img" not in page.replace('<img src="/static/', "")
    assert not set("\u202e\u2066\ufeff") & set(page)
