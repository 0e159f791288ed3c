"""Flows in the console by plain forms: list, new, check, save, conflicts, states. Nothing that was typed is lost."""

from __future__ import annotations

import asyncio
import html
import re

import pytest

from tests.api.console.conftest import records
from tests.api.test_flows import BROKEN, FLOW
from workflows.gates.model import Actor
from workflows.store.repositories import collections, principals
from workflows.store.repositories import flows as stored
from workflows.usecases import flows
from workflows.usecases.refusals import Refused

NS = "default"
JSON = {"accept": "application/json"}
HOSTILE = "\u202etxt.exe <script>alert(1)</script> {{ 7*7 }} ]]> ' \" `"


def typed(page: str) -> str:
    """What stands in the editor, as a browser would send it back."""
    found = re.search(r'<textarea id="source"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    assert found, page
    return html.unescape(found[1])


def base_of(page: str) -> str:
    found = re.search(r'name="base" value="(\d+)"', page)
    assert found
    return found[1]


def current(database):
    return database.read_sync(lambda tx: stored.get_revision(tx, NS, "greet"))


@pytest.fixture
async def author(browser):
    return await browser("author")


class TestList:
    async def test_an_empty_namespace_says_what_a_flow_is_and_how_to_begin(self, author):
        page = (await author.get("/flows")).text
        assert "No flows yet" in page
        assert 'href="/flows/-/new"' in page

    async def test_a_reader_is_offered_nothing_that_they_may_not_do(self, browser, api):
        await api.save(FLOW)
        page = (await (await browser("viewer")).get("/flows/greet")).text
        for hidden in ("Change state", "data-save", 'href="/flows/greet/run"'):
            assert hidden not in page
        assert "readonly" in page

    async def test_a_flow_shows_its_state_last_run_and_what_waits(self, author, api):
        await api.save(FLOW)
        await api("author", "POST", "/flows/greet/executions", json={"inputs": {"who": "Ann"}})
        page = (await author.get("/flows")).text
        assert "1 run" in page
        assert 'data-state="active"' in page
        assert 'data-state="created"' in page

    async def test_a_search_finds_names_and_texts_and_takes_signs_as_they_are(self, author, api):
        await api.save(FLOW)
        await api.save(FLOW.replace("greet", "part").replace("Hello", "100% off_er"))
        for query, found in (("gre", ["greet"]), ("OFF_ER", ["part"]), ("off-er", []), ("%", ["part"]), ("offXer", [])):
            page = (await author.get("/flows", params={"q": query})).text
            assert re.findall(r'flow-name" href="/flows/([\w-]+)"', page) == found, query

    async def test_a_state_narrows_the_list_and_an_unknown_one_is_refused(self, author, api):
        await api.save(FLOW)
        assert "Nothing fits" in (await author.get("/flows?state=paused")).text
        assert (await author.get("/flows?state=asleep")).status_code == 422

    async def test_a_long_list_goes_on_by_cursor(self, author, api):
        for number in range(52):
            await api.save(FLOW.replace("greet", f"greet-{number:02}"))
        page = (await author.get("/flows")).text
        following = html.unescape(re.search(r'rel="next" href="([^"]+)"', page)[1])
        assert "greet-51" not in page
        assert re.findall(r'flow-name" href="/flows/([\w-]+)"', (await author.get(following)).text) == [
            "greet-50",
            "greet-51",
        ]


class TestNew:
    async def test_every_blueprint_passes_the_check_as_it_stands(self, author, services, database, callers):
        database.write_sync(lambda tx: _what_they_name(tx, callers.ids["reviewer"]))
        for name in ("blank", "order-risk", "support-triage"):
            page = (await author.get(f"/flows/-/new?blueprint={name}")).text
            checked = await flows.check(services, NS, typed(page))
            assert checked.diagnostics == [], name

    async def test_a_blueprint_gets_an_id_that_is_free(self, author, api):
        await api.save(FLOW.replace("id: greet", "id: my-flow"))
        assert "id: my-flow-2 " in typed((await author.get("/flows/-/new")).text)

    async def test_it_begins_as_a_draft_and_leads_to_the_flow(self, author, database):
        answer = await author.post("/flows/-/new", {"source": FLOW, "base": "0"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/flows/greet")
        flow = database.read_sync(lambda tx: stored.get(tx, NS, "greet"))
        assert (flow.state, flow.revision) == ("draft", 1)
        assert current(database).source_text == FLOW

    async def test_an_id_that_is_taken_replaces_nothing(self, author, api, database):
        await api.save(FLOW)
        answer = await author.post("/flows/-/new", {"source": FLOW.replace("Hello", "Hi"), "base": "0"})
        assert answer.status_code == 409
        assert "There is a flow" in answer.text
        assert typed(answer.text) == FLOW.replace("Hello", "Hi")
        assert current(database).number == 1

    async def test_an_unknown_blueprint_is_not_found(self, author):
        assert (await author.get("/flows/-/new?blueprint=../../etc/passwd")).status_code == 404


def _what_they_name(tx, reviewer):
    for name in ("fraud-policy", "support-policy"):
        collections.put(tx, NS, name, {"embedding": "hashing"})
    for name in ("fraud", "support"):
        principals.create_group(tx, NS, name)
        principals.add_member(tx, NS, name, reviewer)


class TestSource:
    async def test_the_text_comes_back_exactly_as_it_was_saved(self, author, api):
        text = f"\n\n{FLOW}# {HOSTILE}\n"
        await api.save(text)
        page = (await author.get("/flows/greet")).text
        assert typed(page) == text
        assert "<script>alert" not in page

    async def test_what_nobody_sees_is_named_with_its_place(self, author, api):
        await api.save(FLOW + "# \u202ehidden\n")
        page = (await author.get("/flows/greet")).text
        assert "invisible-character" in page
        assert "U+202E" in page

    async def test_checking_without_scripts_shows_every_problem_and_saves_nothing(self, author, api, database):
        await api.save(FLOW)
        answer = await author.post("/flows/greet/check", {"source": BROKEN, "base": "1"})
        assert answer.status_code == 200
        assert answer.text.count('class="problem is-error"') >= 3
        assert typed(answer.text) == BROKEN
        assert current(database).number == 1

    async def test_a_script_gets_the_list_the_places_and_the_graph(self, author, api):
        await api.save(FLOW)
        answer = (await author.post("/flows/greet/check", {"source": BROKEN}, **JSON)).json()
        assert answer["ok"] is False
        assert {"line": 1, "column": 5, "severity": "error"} in answer["marks"]
        good = (await author.post("/flows/greet/check", {"source": FLOW}, **JSON)).json()
        assert (good["ok"], good["marks"]) == (True, [])
        assert "<svg" in good["html"]

    async def test_what_is_not_to_be_had_yet_is_called_so(self, author, api):
        await api.save(FLOW)
        later = FLOW.replace("outputs:", "  - {id: ask, type: sql.query, connection: c, query: 'select 1'}\noutputs:")
        answer = (await author.post("/flows/greet/check", {"source": later}, **JSON)).json()
        assert "later" in {one["severity"] for one in answer["marks"]}
        assert "not yet" in answer["html"]

    async def test_a_save_makes_a_revision_and_tells_what_changed(self, author, api, database, callers):
        await api.save(FLOW)
        text = FLOW.replace("max: 3", "max: 5") + "# why\n"
        answer = await author.post(
            "/flows/greet/source", {"source": text, "base": "1", "message": " More, please "}, **JSON
        )
        assert "Saved as revision 2: inputs.times.max: 3 → 5 (2 lines added, 1 removed)." in answer.json()["text"]
        made = current(database)
        assert (made.source_text, made.message, made.source, made.author_id) == (
            text, "More, please", "console", callers.ids["author"],
        )  # fmt: skip
        assert [one.actor_id for one in records(database, "flow.changed")] == [callers.ids["author"]]

    async def test_comments_alone_make_a_revision_too_so_that_they_are_not_lost(self, author, api, database):
        await api.save(FLOW)
        await author.post("/flows/greet/source", {"source": FLOW + "# why\n", "base": "1"})
        assert current(database).source_text.endswith("# why\n")
        again = await author.post("/flows/greet/source", {"source": FLOW + "# why\n", "base": "2"}, **JSON)
        assert "Nothing changed" in again.json()["text"]
        assert current(database).number == 2

    async def test_lines_of_windows_are_lines(self, author, api, database):
        await api.save(FLOW)
        await author.post("/flows/greet/source", {"source": FLOW.replace("\n", "\r\n") + "# x", "base": "1"})
        assert "\r" not in current(database).source_text

    @pytest.mark.parametrize("source", [BROKEN, "", "   \n", "id: [", HOSTILE, "a: 1\n" * 10_000])
    async def test_a_wrong_text_is_refused_with_the_list_and_kept(self, author, api, database, source):
        await api.save(FLOW)
        answer = await author.post("/flows/greet/source", {"source": source, "base": "1", "message": "kept"})
        assert answer.status_code == 422
        assert typed(answer.text) == source
        assert 'value="kept"' in answer.text
        assert current(database).number == 1

    async def test_the_limit_of_256_kb_is_said_and_the_text_is_kept(self, author, api):
        await api.save(FLOW)
        source = FLOW + "# " + "x" * (256 * 1024)
        answer = await author.post("/flows/greet/source", {"source": source, "base": "1"})
        assert answer.status_code == 422
        assert "at most 262144 are allowed" in answer.text
        assert typed(answer.text) == source

    async def test_the_text_of_another_flow_is_refused_and_kept(self, author, api):
        await api.save(FLOW)
        other = FLOW.replace("id: greet", "id: other")
        answer = await author.post("/flows/greet/source", {"source": other, "base": "1"})
        assert answer.status_code == 409
        assert typed(answer.text) == other

    async def test_only_an_admin_saves_mode_auto(self, author, api):
        await api.save(FLOW)
        answer = await author.post("/flows/greet/source", {"source": "mode: auto\n" + FLOW.lstrip(), "base": "1"})
        assert answer.status_code == 403
        assert "mode: auto" in typed(answer.text)

    async def test_a_flow_of_a_repository_is_taken_over_only_knowingly(self, author, api, database):
        body = {"source": FLOW, "managed_by": "git:shop", "origin": "git"}
        await api("author", "PUT", "/flows/greet", json=body)
        form = {"source": FLOW.replace("Hello", "Hi"), "base": "1"}
        assert "Take it over" in (await author.get("/flows/greet")).text
        assert (await author.post("/flows/greet/source", form)).status_code == 409
        assert (await author.post("/flows/greet/source", form | {"adopt": "on"})).status_code == 303
        assert current(database).managed_by is None

    async def test_completion_knows_the_keys_of_each_place_and_only_what_is_to_be_had(self, author):
        words = (await author.get("/flows/-/words")).json()
        nodes = words["nodes"]
        root = nodes[words["root"]]["k"]
        task = nodes[nodes[root["tasks"]["n"]]["i"]]
        assert {"gate", "agent", "csv.read"} <= task["t"].keys()
        assert "sql.query" not in task["t"]
        gate = nodes[task["t"]["gate"]]["k"]
        assert {"title", "approve", "on_approve"} <= gate.keys()
        assert gate["on_reject"]["v"] == ["stop", "continue", "fail"]
        assert "expire" in nodes[gate["approve"]["n"]]["k"]
        assert nodes[nodes[root["tasks"]["n"]]["i"]] == nodes[nodes[gate["on_approve"]["n"]]["i"]]


class TestTwoChanges:
    """Somebody saved meanwhile: both changes are shown, and nothing of either is lost."""

    @pytest.fixture
    async def mine(self, author, api):
        await api.save(FLOW)
        await api.save(FLOW.replace("Hello", "Welcome"))
        return author

    async def test_both_are_shown_and_ones_own_text_stands_in_the_editor(self, mine, database):
        own = FLOW.replace("max: 3", "max: 9")
        answer = await mine.post("/flows/greet/source", {"source": own, "base": "1", "message": "more"})
        assert answer.status_code == 409
        assert typed(answer.text) == own
        assert base_of(answer.text.partition('id="editor"')[2]) == "2"
        assert "<ins>Welcome</ins>" in answer.text
        assert re.search(r"max: </?\w*>?|<ins>9</ins>", answer.text)
        assert current(database).number == 2

    async def test_changes_of_different_places_fit_into_one_text(self, mine, database):
        own = FLOW.replace("max: 3", "max: 9")
        answer = await mine.post("/flows/greet/merge", {"source": own, "base": "1"})
        assert typed(answer.text) == own.replace("Hello", "Welcome")
        assert base_of(answer.text) == "2"
        assert current(database).number == 2

    async def test_changes_of_the_same_place_are_left_to_people(self, mine):
        own = FLOW.replace("Hello", "Hi")
        answer = await mine.post("/flows/greet/merge", {"source": own, "base": "1"})
        assert answer.status_code == 409
        assert "You both changed the same place" in answer.text
        assert typed(answer.text) == own

    async def test_saving_again_from_there_replaces_what_was_seen(self, mine, database):
        own = FLOW.replace("Hello", "Hi")
        assert (await mine.post("/flows/greet/source", {"source": own, "base": "2"})).status_code == 303
        assert (current(database).number, current(database).source_text) == (3, own)

    async def test_the_same_text_saved_twice_is_no_conflict(self, mine, database):
        own = FLOW.replace("Hello", "Welcome")
        answer = await mine.post("/flows/greet/source", {"source": own, "base": "1"}, **JSON)
        assert "Nothing changed" in answer.json()["text"]
        assert current(database).number == 2

    async def test_a_script_gets_409_and_can_show_the_page(self, mine):
        answer = await mine.post("/flows/greet/source", {"source": FLOW.replace("Hello", "Hi"), "base": "1"}, **JSON)
        assert (answer.status_code, answer.json()["code"]) == (409, "flow_changed")

    async def test_of_many_who_save_at_once_from_one_revision_one_does(self, services, callers, mine, database):
        """The store decides, so two processes cannot both be first."""
        who = Actor(
            principal_id=callers.ids["author"],
            name="A",
            kind="person",
            roles=("author",),
            via="console",
            sign_in="link",
        )
        texts = [FLOW.replace("Hello", f"Hi {n}") for n in range(8)]
        requests = [flows.Save(namespace=NS, text=text, actor=who, base=2) for text in texts]
        made = await asyncio.gather(*(flows.save(services, one) for one in requests), return_exceptions=True)
        refused = [one for one in made if isinstance(one, Refused)]
        assert (len(refused), {one.code for one in refused}) == (7, {"flow_changed"})
        assert current(database).number == 3


class TestState:
    async def test_each_state_says_what_it_means_before_it_is_chosen(self, author, api):
        await api.save(FLOW)
        page = (await author.get("/flows/greet")).text
        assert "Nothing starts it, neither people nor triggers." in page
        assert "Put away: nothing starts it." in page

    @pytest.mark.parametrize("state", ["draft", "active", "paused", "archived"])
    async def test_it_is_set_and_journalled_with_who(self, author, api, database, callers, state):
        await api.save(FLOW)
        answer = await author.post("/flows/greet/state", {"state": state})
        assert (answer.status_code, answer.headers["location"]) == (303, "/flows/greet")
        assert database.read_sync(lambda tx: stored.get(tx, NS, "greet")).state == state
        found = [one.actor_id for one in records(database, "flow.state")]
        assert found == ([] if state == "active" else [callers.ids["author"]])

    async def test_what_is_no_state_is_refused(self, author, api):
        await api.save(FLOW)
        assert (await author.post("/flows/greet/state", {"state": "gone"})).status_code == 422

    @pytest.mark.parametrize("path", ["", "/graph", "/run", "/revisions", "/triggers", "/activity", "/compare"])
    async def test_a_flow_that_is_not_there_is_a_page_with_the_remedy(self, author, path):
        answer = await author.get(f"/flows/none{path}")
        assert answer.status_code == 404
        assert "There is no flow" in answer.text
