"""Flows in a browser: an editor that marks what is wrong while one types, loses nothing, and works by keyboard alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import EXAMPLES, NS, House
from tests.support.hostile import hostile_strings
from workflows.store.repositories import executions
from workflows.store.repositories import flows as stored

SOURCE = (EXAMPLES / "order-risk.yaml").read_text()
ADDRESS = "/flows/order-risk"
HOSTILE = (
    "\u202eevil\u202c zero\u200bwidth \ufeff e\u0301 👨\u200d👩\u200d👧 שלום العربية \t tab "
    + "w" * 300
    + " <img src=x onerror=alert(1)> ]]> &amp; {{ 7*7 }} '\""
)
SMALL = """\
id: small
description: Small.
inputs:
  - {id: who, type: string}
  - {id: file, type: file, required: false}
tasks:
  - {id: hello, type: set, values: {text: "{{ inputs.who }}"}}
"""
HOOK = """\
triggers:
  - {id: hook, type: webhook, auth: {type: standard, secret: ORDERS_HOOK}, inputs: {who: "{{ trigger.body.who }}"}}
"""


def text(page: Page) -> str:
    return page.locator("#source").input_value()


def at_end(page: Page) -> None:
    page.locator("#source").focus()
    page.keyboard.press("Control+End")


def current(house: House, flow: str = "order-risk") -> stored.Revision:
    found = house.db.read_sync(lambda tx: stored.get_revision(tx, NS, flow))
    assert found is not None
    return found


def caret(page: Page) -> tuple[int, int]:
    """Where the selection begins: line and column, from 1."""
    before = page.evaluate("(area => area.value.slice(0, area.selectionStart))(document.querySelector('#source'))")
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def expect_line(page: Page, words: str) -> None:
    """The caret comes to stand in a line with these words, the page being loaded and wired up first."""
    page.wait_for_function(
        """words => {
            const area = document.querySelector('#source'); if (!area) return false;
            const {value, selectionStart: at} = area;
            return value.slice(value.lastIndexOf('\\n', at - 1) + 1).split('\\n')[0].includes(words);
        }""",
        arg=words,
    )


def expect_aligned(page: Page) -> None:
    """The coloured layer comes to have the text of the textarea, at its place and of its height."""
    page.wait_for_function(
        """() => {
            const area = document.querySelector("#source"), layer = document.querySelector(".ed-layer");
            if (!area || !layer) return false;
            const shown = [...layer.children].map((line) => line.textContent.replace(/\\n$/, "").replace(/\\u200b(?=$)/, "")).join("\\n");
            const own = area.value.split("\\n").map((line) => line.replace(/\\u200b$/, "")).join("\\n");
            return shown === own && Math.abs(area.scrollHeight - layer.offsetHeight) <= 2;
        }"""
    )


class TestByKeyboardAlone:
    def test_an_error_is_marked_reached_corrected_and_the_text_saved(
        self, visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
    ) -> None:
        page = visit("Cleo", ADDRESS)
        said = page.locator("#ed-said")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "source":
                break
        page.keyboard.press("Control+Home")
        page.keyboard.type("descripton: twice\n")
        expect(page.locator(".ln.is-error")).to_have_count(1)
        expect(page.locator(".ln").first.locator(".mk.is-error")).to_have_text("descripton")
        expect(said).to_have_text("1 problem; it cannot be saved yet.")
        expect(page.locator("#source")).to_have_attribute("aria-invalid", "true")
        shot(page, "flow-editor-problem")
        accessible(page)
        page.keyboard.press("Control+End")
        page.keyboard.press("F8")
        assert caret(page) == (1, 1)
        expect(said).to_contain_text("Line 1: `descripton` is not known here")
        page.keyboard.press("Control+End")
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(page.locator(".problem a")).to_be_focused()
        page.keyboard.press("Enter")
        assert caret(page) == (1, 1)
        page.keyboard.press("Shift+End")
        page.keyboard.press("Delete")
        page.keyboard.press("Delete")
        expect(page.locator(".ln.is-error")).to_have_count(0)
        expect(said).to_have_text("No problems. It can be saved.")
        at_end(page)
        page.keyboard.type("# done by keyboard")
        page.keyboard.press("Control+s")
        expect(page.locator(".toast")).to_contain_text("Saved as revision 2: comments and layout (1 line added")
        expect(page.locator("[data-revision]")).to_have_text("2")
        assert current(house).source_text == SOURCE + "# done by keyboard"
        expect_aligned(page)

    def test_tab_indents_and_escape_then_tab_leaves(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("a:\n")
        page.keyboard.type("b:\n- c: 1\n")
        page.keyboard.type("d: 2")
        assert text(page).endswith("a:\n  b:\n    - c: 1\n      d: 2")
        page.keyboard.press("Shift+Tab")
        assert text(page).endswith("\n    d: 2")
        page.keyboard.press("Home")
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("Tab")
        assert text(page).endswith("a:\n  b:\n      - c: 1\n        d: 2")
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") != "source"

    def test_undo_takes_back_what_the_editor_itself_did(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.press("Tab")
        page.keyboard.type("x:")
        page.keyboard.press("Enter")
        for _ in range(12):
            page.keyboard.press("Control+z")
        assert text(page) == SOURCE
        expect_aligned(page)

    def test_completion_proposes_what_fits_here_and_is_told_to_a_screen_reader(
        self, visit: Visitors, shot: Callable[..., Path], accessible: Callable[[Page], None]
    ) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("errors:\n- id: tell\ntype: fi")
        page.keyboard.press("Control+Space")
        options = page.get_by_role("listbox", name="What fits here").get_by_role("option")
        expect(options).to_contain_text(["file.list", "file.read", "file.write"])
        active = page.locator("#source").get_attribute("aria-activedescendant")
        expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
        shot(page, "flow-editor-completion")
        accessible(page)
        for key in ("ArrowDown", "ArrowDown", "Enter", "Enter"):
            page.keyboard.press(key)
        page.keyboard.type("pa")
        page.keyboard.press("Control+Space")
        expect(options).to_contain_text(["path"])
        page.keyboard.press("Enter")
        assert text(page).endswith("    type: file.write\n    path: ")
        page.keyboard.type("x\n")
        page.keyboard.press("Control+Space")
        expect(options.filter(has_text=re.compile("^path"))).to_have_count(0)
        page.keyboard.press("Escape")
        expect(options).to_have_count(0)

    @pytest.mark.parametrize(
        ("before", "fits_here", "never"),
        [
            ("", {"namespace", "triggers", "errors"}, {"title", "tasks"}),
            ("triggers:\n- id: a\ntype: ", {"webhook", "schedule"}, {"gate"}),
            ("triggers:\n- id: a\ntype: webhook\n", {"auth", "when"}, {"cron", "id"}),
            ("triggers:\n- id: a\ntype: webhook\nauth:\n", {"secret", "header"}, {"when"}),
            ("errors:\n- type: gate\nid: g\n", {"title", "approve", "suggest"}, {"items"}),
            ("errors:\n- type: gate\nid: g\napprove:\nexpire:\n", {"after", "then"}, {"reviewers"}),
            ("errors:\n- type: gate\nsuggest:\ntype: agent\n", {"prompt", "output"}, {"title"}),
            ("errors:\n- type: gate\non_reject: ", {"stop", "continue", "fail"}, {"title"}),
            ("errors:\n- type: foreach\ntasks:\n- ", {"id", "type"}, {"items"}),
        ],
    )
    def test_completion_knows_the_place(
        self, visit: Visitors, before: str, fits_here: set[str], never: set[str]
    ) -> None:
        """Where the caret stands decides, by indentation and by the ``type`` of the task around it."""
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type(before)
        page.keyboard.press("Control+Space")
        expect(page.locator(".ed-list")).to_be_visible()
        found = {one.strip() for one in page.locator(".ed-list .mono").all_inner_texts()}
        assert fits_here <= found
        assert not never & found

    def test_the_state_is_changed_with_the_words_what_it_means(self, visit: Visitors, house: House) -> None:
        page = visit("Cleo", ADDRESS)
        page.locator("details.moves summary").focus()
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name="Pause")
        expect(button).to_have_accessible_description(re.compile("Nothing starts it, neither people nor triggers"))
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("order-risk is paused: nothing starts it")).to_be_visible()
        assert house.db.read_sync(lambda tx: stored.get(tx, NS, "order-risk")).state == "paused"  # type: ignore[union-attr]


class TestNothingIsLost:
    def test_what_was_typed_is_offered_after_a_reload(self, visit: Visitors, shot: Callable[..., Path]) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("# not saved")
        page.reload()
        notice = page.locator("[data-restore]")
        expect(notice).to_contain_text("was not saved")
        assert text(page) == SOURCE
        shot(page, "flow-editor-restore")
        page.get_by_role("button", name="Restore it").click()
        assert text(page) == SOURCE + "# not saved"
        expect_aligned(page)
        page.reload()
        page.get_by_role("button", name="Discard it").click()
        page.reload()
        expect(notice).to_be_hidden()

    def test_typing_on_does_not_overwrite_what_is_still_offered(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("# first")
        page.reload()
        at_end(page)
        page.keyboard.type("# second")
        page.reload()
        page.get_by_role("button", name="Restore it").click()
        assert text(page) == SOURCE + "# first"

    def test_a_saved_text_is_not_offered_again(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("# saved")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".toast")).to_be_visible()
        page.reload()
        expect(page.locator("[data-restore]")).to_be_hidden()
        assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('visto.draft')).length") == 0

    def test_somebody_saved_meanwhile_so_both_changes_are_shown_and_go_together(
        self, visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path]
    ) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("# mine")
        house.save(SOURCE.replace("timeout: 6h", "timeout: 5h"), who="Root")
        page.keyboard.press("Control+s")
        expect(page.get_by_role("alert")).to_contain_text("Root saved revision 2 while you changed revision 1.")
        expect(page.get_by_role("heading", name="What Root changed")).to_be_visible()
        assert text(page) == SOURCE + "# mine"
        shot(page, "flow-conflict", full=True)
        accessible(page)
        page.get_by_role("button", name="Put both into the editor").click()
        assert text(page) == SOURCE.replace("timeout: 6h", "timeout: 5h") + "# mine"
        assert current(house).number == 2
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".toast")).to_contain_text("Saved as revision 3")
        assert current(house).source_text.endswith("# mine")

    def test_a_wrong_text_is_not_saved_and_the_first_problem_is_shown(self, visit: Visitors, house: House) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("tsks: []")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".toast.bad")).to_contain_text("1 problem, so no revision was made")
        assert text(page).endswith("tsks: []")
        expect(page.locator("#source")).to_be_focused()
        assert current(house).number == 1

    def test_without_the_server_it_says_so_and_keeps_the_text(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("# kept")
        page.context.set_offline(True)
        page.keyboard.press("Control+s")
        expect(page.locator(".toast.bad")).to_contain_text("The server cannot be reached.")
        page.context.set_offline(False)
        page.reload()
        page.get_by_role("button", name="Restore it").click()
        assert text(page).endswith("# kept")


class TestChecking:
    def test_the_answer_about_an_older_text_is_not_shown(self, visit: Visitors) -> None:
        """The first check is held back; what is shown belongs to the second."""
        page = visit("Cleo", ADDRESS)
        expect(page.locator("#ed-said")).to_have_text("No problems. It can be saved.")
        held: list[Route] = []

        def hold(route: Route) -> None:
            if "tsks" in (route.request.post_data or "") and not held:
                held.append(route)
            else:
                route.continue_()

        page.route("**/check", hold)
        at_end(page)
        page.keyboard.type("tsks: []")
        page.wait_for_function("() => document.querySelector('#editor').hasAttribute('aria-busy')")
        page.keyboard.press("Shift+Home")
        with page.expect_response("**/check"):
            page.keyboard.type("# fine")
        expect(page.locator("#ed-said")).to_have_text("No problems. It can be saved.")
        expect(page.locator(".ln.is-error")).to_have_count(0)

    def test_the_graph_follows_the_text_and_leads_into_it(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("finally:\n- id: tidy\ntype: set\nvalues: {a: 1}\n")
        node = page.locator(".editor-side").get_by_label("tidy, set")
        expect(node).to_be_visible()
        page.locator(".editor-side").get_by_label(re.compile("^review, gate")).click()
        expect_line(page, "id: review")

    def test_a_task_of_the_graph_tab_leads_to_its_line(self, visit: Visitors) -> None:
        page = visit("Vic", f"{ADDRESS}/graph")
        page.get_by_label(re.compile("^write, csv.write")).click()
        expect_line(page, "id: write")

    def test_what_is_not_to_be_had_yet_is_marked_as_that(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.type("triggers:\n- {id: t, type: schedule, cron: '0 6 * * *'}")
        later = page.locator(".problem.is-later")
        expect(page.locator(".ln.is-later, .ln.is-error").first).to_be_visible()
        if later.count():
            expect(later.first).to_contain_text("not yet")

    def test_places_count_characters_not_code_units(self, visit: Visitors) -> None:
        page = visit("Cleo", ADDRESS)
        at_end(page)
        page.keyboard.insert_text("labels2: {'👍👍': x, bad-é: y}")
        expect(page.locator(".mk.is-error").first).to_have_text("labels2")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_the_colours_lie_under_the_letters_whatever_the_text(visit: Visitors, phone: bool) -> None:
    page = visit("Cleo", ADDRESS, phone=phone)
    expect_aligned(page)
    for piece in (HOSTILE, "\n\n\n", "x" * 5000, "\ta\u0301\n  - |\n    " + HOSTILE):
        at_end(page)
        page.keyboard.insert_text(piece)
        expect_aligned(page)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect_aligned(page)


def test_the_largest_text_can_be_typed_into(visit: Visitors) -> None:
    """One letter more in 250 KB is drawn within a tenth of a second."""
    page = visit("Cleo", ADDRESS)
    line = '  - {id: a, type: set, values: {x: "{{ inputs.file }}"}}  # why\n'
    took = page.evaluate(
        """(text) => {
        const area = document.querySelector("#source");
        area.value = text;
        area.dispatchEvent(new InputEvent("input", { bubbles: true }));
        document.querySelector(".ed-layer").getBoundingClientRect();
        area.focus(); area.setSelectionRange(5000, 5000);
        const times = [];
        for (let n = 0; n < 9; n += 1) {
          const from = performance.now();
          document.execCommand("insertText", false, "x");
          document.querySelector(".ed-layer").getBoundingClientRect();
          times.push(performance.now() - from);
        }
        return times.sort((a, b) => a - b)[4];
        }""",
        "id: big\ntasks:\n" + line * (250_000 // len(line)),
    )
    assert took < 100, took


YAML = [
    ("a: 1", "key punct number"),
    ("a: yes it is # why", "key punct text comment"),
    ("- id: x", "punct key punct text"),
    ("a: 'it''s'", "key punct string"),
    ('a: "say \\"x\\""', "key punct string"),
    ('a: "x {{ y }} z"', "key punct string expr string"),
    ("a: {{ x }}", "key punct expr"),
    (
        "a: {b: true, c: [null, 2]}",
        "key punct punct key punct word punct key punct punct word punct number punct punct",
    ),
    ("http://x#y", "text"),
    ("a: http://x/#y", "key punct text"),
    ("# only", "comment"),
    ("a: &x 1", "key punct anchor number"),
    ("when: a == 'b'", "key punct text"),
    ("---", "punct"),
    ("a:b: c", "key punct text"),
]


class TestColours:
    """The colouring itself, in the browser in which it runs."""

    def run(self, page: Page, lines: list[str]) -> list[list[list[str]]]:
        address = page.evaluate("document.querySelector('script[src*=\"flows/editor.js\"]').src").replace(
            "editor", "yaml"
        )
        found: Any = page.evaluate(
            """async ([address, lines]) => {
            const { line, START } = await import(address);
            let state = START;
            return lines.map((text) => { const found = line(text, state); state = found.state; return found.pieces; });
            }""",
            [address, lines],
        )
        return found  # type: ignore[no-any-return]

    def test_each_kind_is_seen(self, visit: Visitors) -> None:
        page = visit("Vic", ADDRESS)
        for written, kinds in YAML:
            (pieces,) = self.run(page, [written])
            assert " ".join(kind for kind, _ in pieces if kind) == kinds, (written, pieces)

    def test_blocks_and_quotes_go_over_lines(self, visit: Visitors) -> None:
        page = visit("Vic", ADDRESS)
        lines = [
            "a:",
            "  b: |  # note",
            "    # text",
            "",
            "    k: v",
            "  c: 1",
            'd: "x',
            "  y: z",
            '  end" # c',
            "e: [1,",
            "  f: 2]",
            "g: 3",
        ]
        kinds = [[kind for kind, _ in pieces if kind] for pieces in self.run(page, lines)]
        assert kinds == [
            ["key", "punct"], ["key", "punct", "punct", "comment"], ["string"], [], ["string"], ["key", "punct", "number"],
            ["key", "punct", "string"], ["string"], ["string", "comment"], ["key", "punct", "punct", "number", "punct"],
            ["key", "punct", "number", "punct"], ["key", "punct", "number"],
        ]  # fmt: skip

    def test_no_character_is_lost_or_made_up(self, visit: Visitors) -> None:
        """For pieces of real flows cut anywhere, and for signs in any order."""
        page = visit("Vic", ADDRESS)
        signs = [
            "{{",
            "}}",
            "'",
            '"',
            "#",
            ":",
            ": ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "|",
            ">",
            "&a",
            "\\",
            ",",
            " ",
            "x",
            "1",
            "\t",
            HOSTILE,
        ]
        lines = SOURCE.split("\n") + [SOURCE[n : n + 37].replace("\n", " ") for n in range(0, len(SOURCE), 11)]
        lines += ["".join(signs[(n * k + k) % len(signs)] for k in range(1, 9)) for n in range(300)]
        for written, pieces in zip(lines, self.run(page, lines), strict=True):
            assert "".join(piece for _, piece in pieces) == written


class TestWithoutScripts:
    def test_reading_checking_and_saving(
        self, visit: Visitors, house: House, accessible: Callable[[Page], None]
    ) -> None:
        page = visit("Cleo", ADDRESS, js=False)
        area = page.locator("#source")
        assert area.input_value() == SOURCE
        area.fill(SOURCE + "tsks: []\n")
        page.get_by_role("button", name="Check").click()
        expect(page.locator(".problem")).to_have_count(1)
        assert area.input_value() == SOURCE + "tsks: []\n"
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("Not saved.")
        area.fill(SOURCE + "# plain\n")
        page.get_by_label("What changed").fill("a comment")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved as revision 2")).to_be_visible()
        assert (current(house).source_text, current(house).message) == (SOURCE + "# plain\n", "a comment")

    def test_a_conflict(self, visit: Visitors, house: House) -> None:
        page = visit("Cleo", ADDRESS, js=False)
        page.locator("#source").fill(SOURCE + "# mine\n")
        house.save(SOURCE.replace("timeout: 6h", "timeout: 5h"), who="Root")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Put both into the editor").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved as revision 3")).to_be_visible()
        assert current(house).source_text == SOURCE.replace("timeout: 6h", "timeout: 5h") + "# mine\n"

    def test_a_new_flow_and_a_run(self, visit: Visitors, house: House) -> None:
        page = visit("Cleo", "/flows", js=False)
        page.get_by_role("link", name="New flow").click()
        page.locator("#source").fill(SMALL)
        page.get_by_role("button", name="Check").click()
        page.get_by_role("button", name="Create flow").click()
        page.get_by_role("link", name="Run").first.click()
        page.get_by_role("button", name="Start").click()
        page.get_by_label("who").fill("Ann")
        page.get_by_role("button", name="Start").click()
        expect(page).to_have_url(re.compile("/executions/"))
        assert current(house, "small").source_text == SMALL


class TestRun:
    def test_a_double_click_starts_once(self, visit: Visitors, house: House) -> None:
        house.save(SMALL)
        page = visit("Cleo", "/flows/small/run")
        page.get_by_label("who").fill("Ann")
        page.get_by_role("button", name="Start").dblclick()
        expect(page).to_have_url(re.compile("/executions/"))
        found = house.db.read_sync(lambda tx: executions.list_executions(tx, NS, flow_id="small")).items
        assert len(found) == 1

    def test_a_file_of_this_device_is_handed_in(self, visit: Visitors, house: House, tmp_path: Path) -> None:
        house.save(SMALL)
        (tmp_path / "mine.csv").write_text("a,b\né,2\n")
        (tmp_path / "photo.csv").write_bytes(b"\xff\xfe\x00")
        page = visit("Cleo", "/flows/small/run")
        page.get_by_label("who").fill("Ann")
        page.get_by_text("Or hand in a file").click()
        page.get_by_label("File from this device").set_input_files(tmp_path / "photo.csv")
        expect(page.locator(".toast.bad")).to_contain_text("not UTF-8")
        page.get_by_label("File from this device").set_input_files(tmp_path / "mine.csv")
        expect(page.get_by_label("Its name")).to_have_value("mine.csv")
        page.get_by_role("button", name="Start").click()
        expect(page).to_have_url(re.compile("/executions/"))
        (run,) = house.db.read_sync(lambda tx: executions.list_executions(tx, NS, flow_id="small")).items
        assert (house.settings.files / NS / run.inputs["file"]).read_text() == "a,b\né,2\n"

    def test_the_first_wrong_field_has_the_focus(self, visit: Visitors, accessible: Callable[[Page], None]) -> None:
        page = visit("Cleo", f"{ADDRESS}/run")
        page.get_by_label("alert_percent").fill("20")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_label("file", exact=True)).to_be_focused()
        expect(page.get_by_label("file", exact=True)).to_have_accessible_description(re.compile("Is required."))
        accessible(page)


class TestEverywhere:
    PAGES = (ADDRESS, "/flows", "/flows/-/new", f"{ADDRESS}/run", f"{ADDRESS}/revisions", f"{ADDRESS}/revisions/1",
             f"{ADDRESS}/compare", f"{ADDRESS}/compare?sides=1", f"{ADDRESS}/graph", "/flows/small/triggers", f"{ADDRESS}/activity")  # fmt: skip

    @pytest.mark.parametrize("look", ["wide", "dark", "phone", "phone-dark"])
    def test_every_page_is_accessible_and_fits(
        self, visit: Visitors, house: House, accessible: Callable[[Page], None], shot: Callable[..., Path], look: str
    ) -> None:
        first = house.batch(3)
        house.decide(first[0])
        house.save(SOURCE.replace("expire: {after: 3d", "expire: {after: 2d"), message="Shorter")
        house.save(SMALL + HOOK)
        page = visit("Cleo", phone="phone" in look, dark="dark" in look)
        for path in self.PAGES:
            page.goto(path)
            expect(page.locator("h1")).to_have_count(1)
            accessible(page)
            assert fits(page), path
            name = re.sub(r"\W+", "-", path.removeprefix("/")).strip("-")
            shot(page, f"{name}-{look}", full=True)

    def test_hostile_texts_stay_texts(self, visit: Visitors, house: House) -> None:
        """In every place that shows something of a flow: no script runs, no element is made, nothing leaves."""
        words = json.dumps(HOSTILE.replace("{{", "{ {"), ensure_ascii=False)
        flow = f"id: hostile\ndescription: {words}\nlabels: {{a: {words}}}\ninputs:\n  - {{id: x, description: {words}, default: {words}}}\n"
        flow += f"triggers:\n  - {{id: hook, type: webhook, description: {words}, auth: {{type: none}}, inputs: {{x: {words}}}}}\n"
        flow += f"tasks:\n  - {{id: a, type: set, description: {words}, values: {{x: {words}}}}}\n# {HOSTILE}\n"
        house.save(flow, message=HOSTILE)
        house.save(flow.replace("values: {x", "values: {y"), message="</textarea><script>alert(1)</script>")
        page = visit("Cleo")
        for path in (
            "",
            "/run",
            "/revisions",
            "/revisions/2",
            "/compare?old=1&new=2",
            "/graph",
            "/triggers",
            "/activity",
        ):
            page.goto(f"/flows/hostile{path}")
            assert page.locator("main img, main script").count() == 0
            assert fits(page), path
        page.goto("/flows/hostile")
        assert text(page) == flow.replace("values: {x", "values: {y")
        page.goto("/flows?q=hostile")
        assert fits(page)

    def test_two_thousand_hostile_strings_are_words_in_the_editor_and_on_the_pages(
        self, visit: Visitors, house: House
    ) -> None:
        """As text that is typed, as names the checker complains about, and as values of a saved flow."""
        strings = [one.replace("{{", "{ {") for one in hostile_strings() if "\0" not in one]
        page = visit("Cleo", ADDRESS)
        page.evaluate(
            """(text) => {
            const area = document.querySelector("#source");
            area.value = text;
            area.dispatchEvent(new InputEvent("input", { bubbles: true }));
            }""",
            "\n".join(strings),
        )
        expect(page.locator(".problem").first).to_be_visible()
        expect_aligned(page)
        keys = [re.sub(r"\s+", " ", one)[:100] for one in strings[::12]]
        wrong = yaml.safe_dump({"id": "x", "tasks": [], **dict.fromkeys(keys, 1)}, allow_unicode=True, width=9999)
        page.evaluate(
            "(text) => { const area = document.querySelector('#source'); area.value = text; area.dispatchEvent(new InputEvent('input')); }",
            wrong,
        )
        expect(page.locator(".problem.is-error").filter(has_text="unknown-key").nth(100)).to_be_visible()
        assert page.locator("main img, main iframe, main script").count() == 0
        page.evaluate("localStorage.clear()")
        flow = {
            "id": "hostile",
            "vars": {f"v{n}": one for n, one in enumerate(strings[::7])},
            "inputs": [
                {"id": f"i{n}", "type": "text", "description": one, "default": one}
                for n, one in enumerate(strings[::40])
            ],
            "tasks": [{"id": "a", "type": "set", "values": {"x": 1}}],
        }
        house.save(yaml.safe_dump(flow, allow_unicode=False))
        flow["vars"] = {name: f"{one} changed" for name, one in flow["vars"].items()}  # type: ignore[attr-defined]
        house.save(yaml.safe_dump(flow, allow_unicode=False), message=strings[40])
        for path in ("", "/run", "/revisions", "/revisions/2", "/compare", "/compare?sides=1"):
            page.goto(f"/flows/hostile{path}")
            assert page.locator("main img, main iframe, main script").count() == 0
            assert fits(page), path
