"""Executions by plain pages and forms: the list, one of them, acting on one and on many."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.api.conftest import NS
from tests.api.console.conftest import records
from tests.api.test_flows import FLOW
from tests.support import tamper
from workflows.arbiter.outgoing import WAITING_CODE
from workflows.journal.records import Record
from workflows.store.ids import new_id
from workflows.store.repositories import executions, outbox

JSON = {"accept": "application/json"}
HOSTILE = "</script><img src=x onerror=alert(1)> \u202e\u200b <!channel>"
LOOP = """
id: many
inputs:
  - {id: list, type: array}
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.list }}"
    tasks:
      - id: ask
        type: gate
        title: "Item {{ index }}"
        suggestion: {ok: true}
        approve: {reviewers: {quorum: 1}}
"""


@pytest.fixture
async def author(browser, api):
    await api.save(FLOW)
    return await browser("author")


@pytest.fixture
def run(database, callers):
    """``run("failed", reason=...)`` is the id of an execution in that state."""

    def make(state="running", *, flow="greet", reason=None, failed=None, outputs=None, created=True, **more):
        def unit(tx):
            number = new_id(tx.now)
            given = {"inputs": {"who": "Ann", "times": 1}, "via": "api", "requester_id": callers.ids["author"], **more}
            executions.create(tx, NS, execution_id=number, flow_id=flow, revision=1, workflow_id=number, **given)
            extra = {"failed": failed, "outputs": outputs} if state not in ("running", "waiting", "queued") else {}
            if state != "created":
                executions.set_state(tx, NS, number, state, reason, **extra)
            return number

        return database.write_sync(unit)

    return make


def journalled(database, journal, number, kind, content=None, **more):
    record = Record(namespace=NS, kind=kind, execution_id=number, content=content, flow_id="greet", **more)
    return database.write_sync(lambda tx: journal.append(tx, record))


FULL = {"code": "task_failed", "message": "The disk is full.", "task": "hello", "remedy": "Free some space."}


class TestList:
    async def test_a_line_says_what_why_who_and_since_when(self, author, run):
        number = run("failed", reason=FULL, reference="PO-4711", labels={"team": "fraud"})
        page = (await author.get("/executions")).text
        for words in ("Failed", "PO-4711", "team: fraud", "The disk is full.", "Free some space.", "api · Author"):
            assert words in page
        assert f'href="/executions/{number}"' in page

    async def test_an_empty_console_says_what_to_do(self, author):
        page = (await author.get("/executions")).text
        assert "Nothing has run yet" in page
        assert 'href="/flows"' in page

    async def test_filters_stand_in_the_address_and_in_the_form(self, author, run):
        run("failed", reference="one")
        run("cancelled", reference="two")
        page = (await author.get("/executions?state=failed&q=one&via=api&within=24h")).text
        assert ">one<" in page
        assert ">two<" not in page
        assert 'value="one"' in page
        assert '<option value="24h" selected>' in page
        assert '<input type="hidden" name="state" value="failed">' in page

    async def test_what_matches_nothing_offers_to_clear_the_filters(self, author, run):
        run()
        page = (await author.get("/executions?q=nowhere")).text
        assert "Nothing matches" in page
        assert "Clear the filters" in page

    @pytest.mark.parametrize("query", ["state=lost", "within=7y", "since=yesterday", "until=31.1.2026"])
    async def test_a_filter_that_is_none_is_named_and_filters_nothing(self, author, run, query):
        number = run()
        answer = await author.get(f"/executions?{query}")
        assert answer.status_code == 200
        assert "Not understood and left out" in answer.text
        assert number in answer.text

    async def test_a_day_is_whole_and_dates_at_the_end_of_time_are_refused_kindly(self, author, run):
        number = run()
        day = re.search(r'datetime="(\d{4}-\d\d-\d\d)', (await author.get("/executions")).text)[1]
        assert number in (await author.get(f"/executions?since={day}&until={day}")).text
        assert (await author.get("/executions?until=9999-12-31")).status_code == 200

    async def test_a_broken_cursor_is_a_page_with_a_remedy(self, author):
        answer = await author.get("/executions?cursor=bm9uZQ")
        assert answer.status_code in (400, 422)
        assert "<h1>" in answer.text

    async def test_more_than_a_page_goes_on_with_the_same_filters(self, author, run):
        for _ in range(51):
            run("failed")
        first = (await author.get("/executions?state=failed")).text
        following = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
        assert "state=failed" in following
        second = (await author.get(following)).text
        assert second.count("<tr data-id=") == 1
        assert set(re.findall(r'data-id="([^"]+)"', first)).isdisjoint(re.findall(r'data-id="([^"]+)"', second))

    async def test_lines_can_be_fetched_again_as_they_are_now(self, author, run):
        number, other = run("waiting"), run()
        part = (await author.get(f"/executions/rows?id={number}&id={number}&id=nobody")).text
        assert part.count("<tr data-id=") == 1
        assert other not in part
        assert "<html" not in part

    async def test_who_may_only_look_is_offered_no_action(self, browser, api, run):
        await api.save(FLOW)
        run("failed")
        page = (await (await browser("viewer")).get("/executions")).text
        assert "Restart…" not in page
        assert "checkbox" not in page


class TestAct:
    async def test_first_one_is_told_what_would_happen_to_each(self, author, run, database):
        live, ended = run("waiting"), run("succeeded")
        page = (await author.post("/executions/act", {"do": "cancel", "execution": [live, ended]})).text
        assert "Cancel 1 execution?" in page
        assert "It has ended already (succeeded)." in page
        assert page.count('name="execution"') == 1
        assert records(database, "execution.cancel_requested") == []

    async def test_then_it_is_done_with_the_reason_on_record(self, author, run, database, callers):
        one, two = run("waiting"), run()
        form = {"do": "cancel", "confirmed": "yes", "execution": [one, two], "reason": "wrong file"}
        answer = await author.post("/executions/act", form | {"back": "/executions?state=waiting"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/executions?state=waiting")
        assert [row.actor_id for row in records(database, "execution.cancel_requested")] == [callers.ids["author"]] * 2
        for number in (one, two):
            got = database.read_sync(lambda tx, n=number: executions.get(tx, NS, n))
            assert got.cancel_requested_at is not None

    async def test_what_was_refused_is_reported_and_spoils_nothing(self, author, run, database):
        failed, live = run("failed", failed=["hello"]), run()
        form = {"do": "restart", "confirmed": "yes", "execution": [failed, live]}
        page = (await author.post("/executions/act", form)).text
        assert "1 restarted, 1 not." in page
        assert "only one that has ended can be restarted" in page
        assert database.read_sync(lambda tx: executions.get(tx, NS, failed)).generation == 1
        told = (await author.post("/executions/act", form | {"execution": live}, **JSON)).json()
        assert (told["tone"], told["refused"][0]["execution"]) == ("warn", live)

    async def test_doing_it_again_does_it_once(self, author, run, database):
        number = run()
        form = {"do": "cancel", "confirmed": "yes", "execution": number}
        assert (await author.post("/executions/act", form)).status_code == 303
        again = await author.post("/executions/act", form)
        assert "Somebody asked it to stop already." in again.text
        assert len(records(database, "execution.cancel_requested")) == 1

    @pytest.mark.parametrize(
        "form", [{"do": "cancel"}, {"do": "erase", "execution": "x"}, {"do": "cancel", "execution": [""] * 0}]
    )
    async def test_nothing_chosen_or_no_such_action_is_refused_with_a_remedy(self, author, form):
        answer = await author.post("/executions/act", form)
        assert answer.status_code == 422

    async def test_more_than_can_be_looked_after_are_refused(self, author):
        form = {"do": "cancel", "confirmed": "yes", "execution": [f"e{n}" for n in range(201)]}
        answer = await author.post("/executions/act", form)
        assert (answer.status_code, "at most 200" in answer.text) == (422, True)

    async def test_a_way_back_off_the_site_is_not_taken(self, author, run):
        form = {"do": "cancel", "confirmed": "yes", "execution": run(), "back": "https://evil.example/"}
        assert (await author.post("/executions/act", form)).headers["location"] == "/executions"

    async def test_executions_of_others_are_left_alone(self, browser, run, database):
        number = run()
        stranger = await browser("other")
        await stranger.post("/executions/act", {"do": "cancel", "confirmed": "yes", "execution": number})
        assert database.read_sync(lambda tx: executions.get(tx, NS, number)).cancel_requested_at is None

    async def test_a_viewer_may_not(self, browser, run):
        viewer = await browser("viewer")
        number = run()
        for path, form in (
            ("/executions/act", {"do": "cancel", "execution": number}),
            (f"/executions/{number}/cancel", {}),
            (f"/executions/{number}/restart", {}),
        ):
            assert (await viewer.post(path, form)).status_code == 403, path


class TestOne:
    async def test_the_head_says_how_it_stands_why_and_what_to_do(self, author, run):
        number = run("failed", reason=FULL, failed=["hello"], reference="PO-1")
        page = (await author.get(f"/executions/{number}")).text
        for words in ("Failed", "The disk is full.", "Free some space.", "by Author through api", "PO-1"):
            assert words in page
        assert 'href="/flows/greet/revisions/1"' in page
        assert f'href="/flows/greet/run?from={number}"' in page

    async def test_a_restart_says_what_runs_again_and_what_does_not(self, author, run, database):
        names = [f"each/write[{n}]" for n in (10, 2, 1, 4, 3, 5, 6)]
        number = run("failed", reason=FULL, failed=names)
        page = (await author.get(f"/executions/{number}")).text
        assert re.findall(r"<code>(each/write\[\d+\])</code>", page) == [f"each/write[{n}]" for n in (1, 2, 3, 4, 5)]
        assert "2 other parts" in page
        assert "Nobody is asked twice" in page
        answer = await author.post(f"/executions/{number}/restart", {"reason": "space freed"})
        assert answer.status_code == 303
        assert database.read_sync(lambda tx: executions.get(tx, NS, number)).state == "created"

    async def test_who_waits_for_a_decision_is_sent_to_its_page_and_not_to_a_command(self, author, run):
        told = {"message": "2 decisions are waiting.", "remedy": "See `visto inbox`."}
        page = (await author.get(f"/executions/{run('waiting', reason=told | {'code': WAITING_CODE})}")).text
        assert (told["message"] in page, "visto inbox" in page) == (True, False)
        page = (await author.get(f"/executions/{run('running', reason=told | {'code': 'x'})}")).text
        assert "See <code>visto inbox</code>." in page

    async def test_it_can_be_cancelled_once_and_then_is_stopping(self, author, run):
        number = run("waiting")
        assert (await author.post(f"/executions/{number}/cancel")).status_code == 303
        page = (await author.get(f"/executions/{number}")).text
        assert "Stopping" in page
        assert "Cancel this execution" not in page

    async def test_what_has_ended_cannot_be_cancelled_and_the_page_says_so(self, author, run):
        number = run("succeeded", outputs={"text": "Hello Ann"})
        page = (await author.get(f"/executions/{number}")).text
        assert "Hello Ann" in page
        assert "Cancel…" not in page
        assert "Restart…" not in page
        answer = await author.post(f"/executions/{number}/cancel")
        assert (answer.status_code, "has ended already" in answer.text) == (409, True)

    async def test_one_that_is_not_there_or_elsewhere_is_404_with_a_remedy(self, author, browser, run):
        number = run()
        stranger = await browser("other")
        for somebody, path in ((author, "nobody"), (stranger, number), (stranger, f"{number}/journal")):
            answer = await somebody.get(f"/executions/{path}")
            assert (answer.status_code, "Check the id" in answer.text) == (404, True)

    async def test_a_task_of_the_graph_leads_to_what_is_known_of_it(self, author, run):
        number = run("failed", reason=FULL)
        page = (await author.get(f"/executions/{number}?part=hello")).text
        assert f'href="/executions/{number}?part=hello#part"' in page
        assert f'href="/executions/{number}/journal?part=hello"' in page
        assert 'aria-label="hello, set, Failed"' in page

    async def test_a_task_that_is_none_shows_the_rest(self, author, run):
        answer = await author.get(f"/executions/{run()}?part=nope")
        assert answer.status_code == 200

    async def test_a_callback_is_told_of_without_what_may_be_secret_in_its_address(self, author, run, database):
        number = run("succeeded", outputs={}, callback_url="https://u:p@hooks.example/x?token=hush")
        item = f"callback:{number}:0"
        database.write_sync(lambda tx: outbox.add(tx, NS, kind="callback", target=number, payload={}, item_id=item))
        database.write_sync(lambda tx: outbox.failed(tx, NS, item, "the receiver answered 503"))
        page = (await author.get(f"/executions/{number}")).text
        assert "https://hooks.example/x: tried" in page
        assert "the receiver answered 503" in page
        assert "hush" not in page

    async def test_values_of_any_size_are_bounded(self, author, run):
        number = run(
            "succeeded", inputs={"big": "x" * 300_000, "list": list(range(20_000))}, outputs={"deep": [[1]] * 9}
        )
        answer = await author.get(f"/executions/{number}")
        assert "300\u202f000 characters in all" in answer.text
        assert len(answer.content) < 200_000

    @pytest.mark.parametrize("tab", ["", "/elements", "/timeline", "/journal", "/journal?part=%3Cb%3E&element=%3Cb%3E"])
    async def test_hostile_text_stays_text(self, author, run, tab):
        reason = {"code": "x", "message": HOSTILE, "remedy": HOSTILE, "task": HOSTILE}
        given = {"inputs": {HOSTILE: HOSTILE}, "reference": HOSTILE, "labels": {HOSTILE: HOSTILE}}
        number = run("failed", reason=reason, failed=[HOSTILE], outputs={HOSTILE: HOSTILE}, **given)
        answer = await author.get(f"/executions/{number}{tab}")
        assert answer.status_code == 200
        for raw in ("<img src=x", "\u202e", "\u200b", "<b>"):
            assert raw not in answer.text, raw
        listed = (await author.get("/executions")).text
        assert "<img src=x" not in listed


class TestJournal:
    async def test_records_are_told_in_order_and_verified(self, author, api, browser):
        started = await api("author", "POST", "/flows/greet/executions", json={"inputs": {"who": "Ann"}})
        number = started.json()["execution"]
        page = (await author.get(f"/executions/{number}/journal")).text
        assert "The start was accepted" in page
        assert "Verified just now" in page

    async def test_a_record_that_was_altered_is_named(self, author, api, database):
        number = (await api("author", "POST", "/flows/greet/executions", json={"inputs": {"who": "Ann"}})).json()[
            "execution"
        ]
        tamper.run(database, "update audit_event set actor_id = 'nobody' where execution_id = :number", number=number)
        page = (await author.get(f"/executions/{number}/journal")).text
        assert "Tampered" in page
        assert "Verified just now" not in page

    async def test_prompts_are_for_those_who_decide_write_flows_or_audit(self, author, browser, run, database, journal):
        number = run()
        asked = {"request": {"messages": [{"role": "user", "content": "PROMPT " + HOSTILE}], "model": "m"}}
        event = journalled(database, journal, number, "llm.request", asked, actor_kind="worker", path="hello")
        auditor, viewer = await browser("auditor"), await browser("viewer")
        part = await auditor.get(f"/executions/{number}/records/{event}")
        assert (part.status_code, "PROMPT" in part.text, "<img" in part.text) == (200, True, False)
        opened = (await auditor.get(f"/executions/{number}/journal?open={event}")).text
        assert "PROMPT" in opened
        assert (await viewer.get(f"/executions/{number}/records/{event}")).status_code == 403
        seen = (await viewer.get(f"/executions/{number}/journal?open={event}")).text
        assert "PROMPT" not in seen
        assert "are for those who decide, write flows or audit" in seen

    async def test_a_record_of_another_execution_is_not_shown_under_this_one(
        self, author, browser, run, database, journal
    ):
        one, other = run(), run()
        event = journalled(database, journal, other, "llm.response", {"answer": "x"})
        auditor = await browser("auditor")
        assert (await auditor.get(f"/executions/{one}/records/{event}")).status_code == 404

    async def test_kinds_can_be_chosen(self, author, run, database, journal):
        number = run()
        journalled(database, journal, number, "llm.response", {"answer": "x"}, path="hello")
        journalled(database, journal, number, "action.applied", {"answer": "x"}, path="hello")
        page = (await author.get(f"/executions/{number}/journal?show=models")).text
        assert "llm.response" in page
        assert "action.applied" not in page
        assert (await author.get(f"/executions/{number}/journal?show=nonsense")).status_code == 200

    async def test_long_journals_go_on_and_are_verified_when_asked(self, author, run, database, journal):
        number = run()
        many = [Record(namespace=NS, kind="llm.response", execution_id=number) for _ in range(801)]
        database.write_sync(lambda tx: journal.append_many(tx, many))
        page = (await author.get(f"/executions/{number}/journal")).text
        assert "Verify 801 records now" in page
        following = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
        assert following.endswith("after=60")
        assert "data-event" in (await author.get(following)).text
        verified = (await author.get(f"/executions/{number}/journal?verify=true")).text
        assert "Verified just now" in verified


class TestElements:
    async def test_they_are_counted_filtered_and_found(self, browser, api, run, database, journal):
        await api.save(LOOP)
        number = run("failed", flow="many", inputs={"list": []}, reason=FULL, failed=["each/ask[7]"])
        kinds = {7: "llm.failed", 8: "llm.response", 70: "llm.response"}
        for key, kind in kinds.items():
            journalled(database, journal, number, kind, path=f"each/ask/suggest[{key}]", actor_kind="worker")
        author = await browser("author")
        page = (await author.get(f"/executions/{number}/elements")).text
        assert "3 elements of each" in page
        assert re.findall(r'id="element-(\d+)"', page) == ["7", "8", "70"]
        failed = (await author.get(f"/executions/{number}/elements?loop=each&state=failed")).text
        assert re.findall(r'id="element-(\d+)"', failed) == ["7"]
        one = (await author.get(f"/executions/{number}/elements?loop=each&key=70")).text
        assert re.findall(r'id="element-(\d+)"', one) == ["70"]
        none = (await author.get(f"/executions/{number}/elements?loop=each&key=9")).text
        assert "Nothing matches" in none

    async def test_a_flow_without_loops_says_so(self, author, run):
        assert "No such loop" in (await author.get(f"/executions/{run()}/elements")).text


class TestTimeline:
    async def test_bars_and_the_same_in_words(self, author, run, database, journal, clock):
        number = run()
        facts = {"path": "hello", "actor_kind": "worker", "meta": {"key": "k"}}
        journalled(database, journal, number, "llm.request", **facts)
        clock.advance(timedelta(seconds=4))
        journalled(database, journal, number, "llm.response", **facts)
        page = (await author.get(f"/executions/{number}/timeline")).text
        assert "<title>Model call: Done, 4.0 s, from 2026-03-02 09:00 UTC</title>" in page
        assert "The same as a table, 1 row" in page

    async def test_one_element_can_be_looked_at_alone(self, author, run, database, journal):
        number = run()
        for key in ("1", "2"):
            journalled(
                database, journal, number, "retrieval", path=f"hello[{key}]", actor_kind="worker", meta={"key": key}
            )
        page = (await author.get(f"/executions/{number}/timeline?element=2")).text
        assert "Element 2 over time" in page
        assert page.count("<title>Look-up") == 1

    async def test_before_anything_happened_it_says_so(self, author, run):
        assert "Nothing to show yet" in (await author.get(f"/executions/{run()}/timeline")).text

    async def test_many_records_are_drawn_as_levels(self, author, run, database, journal):
        number = run()
        many = [
            Record(namespace=NS, kind="llm.response", execution_id=number, path=f"hello[{n}]", actor_kind="worker")
            for n in range(700)
        ]
        database.write_sync(lambda tx: journal.append_many(tx, many))
        answer = await author.get(f"/executions/{number}/timeline")
        assert "the stronger a bar" in answer.text
        assert answer.text.count("<rect") < 400
