"""Running a flow by a plain form: fields from its inputs, errors at their fields, started once."""

from __future__ import annotations

import asyncio
import html
import re

import pytest

from api.console.pages import flow_run_form
from tests.api.test_flows import FLOW
from workflows.flow.planned import InputPlan
from workflows.store.repositories import executions

NS = "default"
JSON = {"accept": "application/json"}
ALL = """
id: everything
inputs:
  - {id: who, type: string, max: 20, description: "For whom <b>"}
  - {id: note, type: text, required: false, default: "hello"}
  - {id: times, type: int, default: 1, min: 1, max: 3}
  - {id: share, type: number, required: false}
  - {id: sure, type: bool}
  - {id: day, type: date, required: false}
  - {id: at, type: datetime, required: false}
  - {id: pause, type: duration, required: false}
  - {id: mail, type: email, required: false}
  - {id: site, type: url, required: false}
  - {id: data, type: json, required: false}
  - {id: tags, type: array, required: false}
  - {id: size, type: int, enum: [1, 2, 3], default: 2}
  - {id: file, type: file, required: false}
tasks:
  - {id: hello, type: set, values: {text: "{{ inputs.who }}"}}
"""


def key_of(page: str) -> str:
    return re.search(r'name="key" value="([0-9a-f]+)"', page)[1]


def runs(database):
    return database.read_sync(lambda tx: executions.list_executions(tx, NS)).items


def value_of(page: str, name: str) -> str:
    found = re.search(rf'name="in\.{name}"[^>]*?value="([^"]*)"', page)
    return html.unescape(found[1])


@pytest.fixture
async def author(browser, api):
    await api.save(ALL)
    await api.save(FLOW)
    return await browser("author")


class TestForm:
    async def test_every_input_has_a_control_of_its_kind_with_its_default_and_limits(self, author):
        page = (await author.get("/flows/everything/run")).text
        for name, kind in (("times", "number"), ("day", "date"), ("mail", "email"), ("site", "url"), ("at", "text")):
            assert re.search(rf'name="in\.{name}" type="{kind}"', page), name
        assert re.search(r'name="in\.times"[^>]*value="1" inputmode="numeric" step="1" min="1" max="3"', page)
        assert re.search(r'<select id="in-size"[^>]*>.*?<option value="2" selected>', page, re.DOTALL)
        assert re.search(r'<textarea id="in-note"[^>]*>\nhello</textarea>', page)
        assert "For whom &lt;b&gt;" in page
        assert "at most 20 characters" in page

    async def test_a_required_choice_is_not_made_for_anybody(self, author):
        page = (await author.get("/flows/everything/run")).text
        select = re.search(r'<select id="in-sure".*?</select>', page, re.DOTALL)[0]
        assert '<option value="">choose</option>' in select
        assert "selected" not in select

    @pytest.mark.parametrize("state", ["paused", "archived"])
    async def test_a_flow_that_nothing_may_start_has_no_form_and_says_why(self, author, api, state):
        await api("author", "POST", "/flows/greet/state", json={"state": state})
        page = (await author.get("/flows/greet/run")).text
        assert 'name="key"' not in page
        assert f"greet is {state}" in page

    async def test_it_is_filled_in_from_an_earlier_execution(self, author, database):
        first = await author.post("/flows/greet/run", {"in.who": 'Ann "A"', "in.times": "2", "key": "a" * 32}, **JSON)
        page = (await author.get(f"/flows/greet/run?from={first.json()['execution']}")).text
        assert (value_of(page, "who"), value_of(page, "times")) == ('Ann "A"', "2")

    async def test_an_execution_of_another_flow_fills_in_nothing(self, author):
        first = await author.post("/flows/greet/run", {"in.who": "Ann", "key": "a" * 32}, **JSON)
        page = (await author.get(f"/flows/everything/run?from={first.json()['execution']}")).text
        assert "There is no execution" in page
        assert value_of(page, "who") == ""


class TestStart:
    async def test_what_is_typed_becomes_values_of_the_inputs_types(self, author, database):
        form = {
            "who": "Ann", "note": "", "times": " 3 ", "share": "0.5", "sure": "true", "day": "2026-01-31",
            "at": "2026-01-31T09:30:00Z", "pause": "5m", "mail": "a@example.com", "site": "https://example.com/",
            "data": '{"a": [1, null]}', "tags": '["x"]', "size": "3", "file": "inbox/a.csv",
        }  # fmt: skip
        answer = await author.post(
            "/flows/everything/run", {f"in.{k}": v for k, v in form.items()} | {"key": "b" * 32, "reference": "r-1"}
        )
        assert answer.status_code == 303, answer.text
        (run,) = runs(database)
        assert answer.headers["location"] == f"/executions/{run.id}"
        assert run.inputs == {
            "who": "Ann", "note": "", "times": 3, "share": 0.5, "sure": True, "day": "2026-01-31",
            "at": "2026-01-31T09:30:00Z", "pause": "5m", "mail": "a@example.com", "site": "https://example.com/",
            "data": {"a": [1, None]}, "tags": ["x"], "size": 3, "file": "inbox/a.csv",
        }  # fmt: skip
        assert (run.via, run.reference) == ("console", "r-1")

    async def test_what_is_left_empty_is_not_given(self, author, database):
        await author.post(
            "/flows/everything/run",
            {"in.who": "Ann", "in.sure": "false", "in.share": "", "in.times": "", "key": "b" * 32},
        )
        (run,) = runs(database)
        assert (run.inputs["sure"], run.inputs["share"], run.inputs["times"]) == (False, None, 1)

    async def test_every_error_stands_at_its_field_and_what_was_typed_is_kept(self, author, database):
        wrong = {
            "who": "", "times": "9", "share": "much", "sure": "", "day": "31.1.", "at": "2026-01-31T09:30",
            "pause": "soon", "mail": "a@", "site": "javascript:alert(1)", "data": "{a}", "tags": "x", "size": "7",
        }  # fmt: skip
        # what cannot be read at all is told first, by itself
        first = (await author.post("/flows/everything/run", {f"in.{k}": v for k, v in wrong.items()})).text
        assert set(re.findall(r'id="e-(\w+)"', first)) == {"data", "tags"}
        answer = await author.post(
            "/flows/everything/run", {f"in.{k}": v for k, v in wrong.items() if k not in ("data", "tags")}
        )
        assert answer.status_code == 422
        assert set(re.findall(r'id="e-(\w+)"', answer.text)) == wrong.keys() - {"data", "tags"}
        assert value_of(answer.text, "share") == "much"
        assert "Must be at most 3." in answer.text
        assert runs(database) == ()

    async def test_a_field_that_the_flow_does_not_have_is_ignored(self, author, database):
        await author.post("/flows/greet/run", {"in.who": "Ann", "in.nope": "x", "key": "c" * 32})
        assert runs(database)[0].inputs == {"who": "Ann", "times": 1}

    async def test_a_double_click_starts_once(self, author, database):
        form = {"in.who": "Ann", "key": key_of((await author.get("/flows/greet/run")).text)}
        answers = await asyncio.gather(*(author.post("/flows/greet/run", form) for _ in range(5)))
        assert len({answer.headers["location"] for answer in answers}) == len(runs(database)) == 1

    async def test_going_back_and_changing_an_input_asks_once_more(self, author, database):
        """The key was used, so starting another one has to be meant."""
        form = {"in.who": "Ann", "key": "d" * 32}
        await author.post("/flows/greet/run", form)
        answer = await author.post("/flows/greet/run", form | {"in.who": "Bob"})
        assert answer.status_code == 422
        assert "has started an execution already" in answer.text
        assert (value_of(answer.text, "who"), len(runs(database))) == ("Bob", 1)
        await author.post("/flows/greet/run", form | {"in.who": "Bob", "key": key_of(answer.text)})
        assert len(runs(database)) == 2

    async def test_after_an_error_the_same_form_still_starts_once(self, author, database):
        form = {"in.who": "Ann", "in.times": "9", "key": "e" * 32}
        again = key_of((await author.post("/flows/greet/run", form)).text)
        assert again == "e" * 32
        await author.post("/flows/greet/run", {"in.who": "Ann", "in.times": "2", "key": again})
        await author.post("/flows/greet/run", {"in.who": "Ann", "in.times": "2", "key": again})
        assert len(runs(database)) == 1

    async def test_the_key_of_another_person_is_not_theirs(self, author, browser, database):
        form = {"in.who": "Ann", "key": "f" * 32}
        await author.post("/flows/greet/run", form)
        await (await browser("reviewer")).post("/flows/greet/run", form)
        assert len(runs(database)) == 2

    async def test_a_flow_paused_meanwhile_starts_nothing_and_says_so(self, author, api, database):
        await api("author", "POST", "/flows/greet/state", json={"state": "paused"})
        answer = await author.post("/flows/greet/run", {"in.who": "Ann", "key": "a" * 32})
        assert answer.status_code == 409
        assert "greet is paused" in answer.text
        assert runs(database) == ()


class TestFiles:
    async def test_a_file_that_is_handed_in_is_kept_where_flows_read(self, author, database, services):
        form = {"in.who": "A", "in.sure": "true", "content.file": "a,b\n1,2\n", "name.file": "../../my orders.csv"}
        await author.post("/flows/everything/run", form | {"key": "a" * 32})
        path = runs(database)[0].inputs["file"]
        assert re.fullmatch(r"inbox/[0-9a-f]{12}-my orders\.csv", path)
        assert (services.settings.files / NS / path).read_text() == "a,b\n1,2\n"

    async def test_the_same_file_again_is_the_same_file(self, author, database):
        form = {"in.who": "A", "in.sure": "true", "content.file": "a\n", "name.file": "a.csv"}
        for key in ("a", "b"):
            await author.post("/flows/everything/run", form | {"key": key * 32})
        assert len({run.inputs["file"] for run in runs(database)}) == 1

    async def test_a_type_that_flows_may_not_read_is_refused_and_the_content_kept(self, author, database):
        form = {"in.who": "A", "in.sure": "true", "content.file": "<kept>", "name.file": "x.exe"}
        answer = await author.post("/flows/everything/run", form | {"key": "a" * 32})
        assert answer.status_code == 422
        assert "Use one of: csv" in answer.text
        assert "\n&lt;kept&gt;</textarea>" in answer.text
        assert runs(database) == ()

    async def test_files_that_are_there_are_proposed_without_hidden_ones_and_links(self, author, services):
        root = services.settings.files / NS
        (root / "inbox").mkdir(parents=True)
        for name in ("inbox/orders.csv", ".secret.csv", "top.csv"):
            (root / name).write_text("x")
        (root / "link.csv").symlink_to("/etc/passwd")
        page = (await author.get("/flows/everything/run")).text
        assert set(re.findall(r'<option value="([^"]+\.csv)">', page)) == {"inbox/orders.csv", "top.csv"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", "a\u202eb & <c>"), ("text", " two\nlines "), ("int", 0), ("number", 1.5), ("bool", False),
        ("json", {"a": [1, None, "x"]}), ("json", "text"), ("json", False), ("array", ["a", 1]), ("date", "2026-01-31"),
        ("file", {"uri": "artifact://default/00", "sha256": "00"}), ("file", "inbox/a.csv"),
    ],
)  # fmt: skip
def test_what_a_control_holds_is_read_back_as_the_same_value(kind, value):
    """So that an execution can be repeated with exactly its inputs. ``start`` brings texts to their types."""
    from workflows.flow.inputs import coerce

    one = InputPlan(id="x", type=kind)
    given, errors = flow_run_form.read([one], {"x": flow_run_form.written(one, value)})
    assert errors == {}
    assert coerce(one, given["x"]) == value
