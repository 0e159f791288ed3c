"""The main job from the first sign-in to the verified journal, in a browser, on the real stack that ``visto dev`` starts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Json = Any
MODELS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "VISTO_MODELS", "VISTO_MODEL")
PASSWORD = "correct horse battery"
REQUESTS = [
    {"id": "R-1", "amount": 40, "text": "The parcel never arrived"},
    {"id": "R-2", "amount": 950, "text": "It broke after two years"},
    {"id": "R-3", "amount": 15, "text": "Wrong colour"},
    {"id": "R-4", "amount": 60, "text": "One of two cups was cracked"},
    {"id": "R-5", "amount": 25, "text": "Sent back within a week"},
]
FLOW = f"""visto: 1
id: refunds
description: Suggest an answer to each refund request and let a person decide.
inputs:
  - id: requests
    type: json
    default: {json.dumps(REQUESTS)}
tasks:
  - id: each
    type: foreach
    items: "{{{{ inputs.requests }}}}"
    concurrency: 5
    tasks:
      - id: review
        type: gate
        title: "Refund {{{{ item.id }}}}"
        show:
          - {{label: Amount, value: "{{{{ item.amount }}}}", format: money EUR}}
          - {{label: Says, value: "{{{{ item.text }}}}"}}
        suggest:
          type: agent
          instructions: Decide whether to refund, and say why in one sentence.
          prompt: "{{{{ item | tojson }}}}"
          output:
            answer: {{type: string, enum: [refund, refuse]}}
            note: {{type: string, max_length: 200}}
        approve:
          editable: [answer, note]
          reasons: [wrong_person, too_much]
        on_approve:
          - id: write
            type: csv.write
            path: refunds.csv
            mode: append
            columns: [id, answer, note]
            rows:
              - ["{{{{ item.id }}}}", "{{{{ final.answer }}}}", "{{{{ final.note }}}}"]
"""


class Stack:
    """``visto dev`` on free ports."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if name not in MODELS}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "visto", "dev", "--any-ports", "--json"],
            env={**kept, "VISTO_HOME": str(home), "VISTO_EMBEDDINGS": "hashing"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.told = self._announced()

    def _announced(self) -> Json:
        assert self._process.stdout is not None
        text = ""
        for line in self._process.stdout:
            text += line
            with contextlib.suppress(ValueError):
                return json.loads(text)
        raise AssertionError(f"visto dev ended before it was ready: {text}")

    @property
    def url(self) -> str:
        return str(self.told["urls"]["api"])

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.stop()


def open_page(
    browser: Browser, stack: Stack, *, phone: bool = False, js: bool = True, like: Page | None = None
) -> Page:
    """A window of its own; ``like`` is a window of somebody who is signed in, and sits at this one too."""
    context = browser.new_context(
        storage_state=like.context.storage_state() if like else None,
        base_url=stack.url,
        viewport={"width": 375, "height": 740} if phone else {"width": 1280, "height": 800},
        has_touch=phone,
        is_mobile=phone,
        java_script_enabled=js,
        color_scheme="dark" if phone else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    return context.new_page()


def reach(page: Page, target: Locator, *, most: int = 120) -> None:
    """Go to an element as somebody without a mouse does. Fails when it cannot be reached by Tab."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"cannot be reached by keyboard: {target}")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    reach(page, target)
    page.keyboard.press(key)


def fill(page: Page, target: Locator, text: str) -> None:
    reach(page, target)
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_the_whole_job_by_keyboard_and_on_a_phone(browser: Browser, stack: Stack) -> None:
    """Sign in, add a reviewer, write a flow and run it by keyboard; decide on a phone, by keyboard and without scripts;
    see what was done, and that the journal verifies."""
    boss = open_page(browser, stack)
    boss.goto(stack.told["sign_in_link"])
    press(boss, boss.get_by_role("button", name="Sign in"))
    boss.wait_for_url("**/inbox")
    link = invite(boss)
    write_flow(boss)
    execution = run(boss)
    ana = open_page(browser, stack, phone=True)
    welcome(ana, link)
    decide_three(ana)
    approve_by_key(open_page(browser, stack, like=ana))
    approve_without_scripts(open_page(browser, stack, like=ana, js=False))
    boss.goto(execution)
    expect(boss.locator("main .state").first).to_have_text("Succeeded", timeout=30_000)
    lines = (stack.home / "files" / "default" / "refunds.csv").read_text().splitlines()
    assert len(lines) == 5, "a header, three approved and one edited; the rejected one was not written"
    assert sorted(line.partition(",")[0] for line in lines) == ["R-1", "R-3", "R-4", "R-5", "id"]
    assert any("by phone" in line for line in lines)
    verify(boss)


def invite(page: Page) -> str:
    """Add a reviewer by keyboard and return the link with which she sets her password."""
    press(page, page.get_by_role("link", name="People"))
    press(page, page.get_by_role("link", name="Add a person"))
    fill(page, page.get_by_label("Name"), "Ana")
    fill(page, page.get_by_label("E-mail"), "ana@example.com")
    press(page, page.get_by_role("checkbox", name="Reviewer"), "Space")
    press(page, page.get_by_role("button", name="Add them"))
    press(page, page.get_by_role("button", name="Make a link"))
    return page.locator("#secret").inner_text()


def write_flow(page: Page) -> None:
    """Make a mistake, see it marked, correct it, save."""
    press(page, page.get_by_role("link", name="Flows"))
    press(page, page.get_by_role("link", name="New flow").first)
    editor = page.get_by_role("textbox", name="Text of the flow")
    fill(page, editor, FLOW.replace("csv.write", "csv.wriet"))
    expect(page.get_by_text("csv.wriet").last).to_be_visible()
    expect(page.locator("main")).to_contain_text("1 problem")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(FLOW)
    expect(page.get_by_text("No problems")).to_be_visible()
    page.keyboard.press("Escape")
    press(page, page.get_by_role("button", name="Create flow"))
    page.wait_for_url("**/flows/refunds**")


def run(page: Page) -> str:
    """Run the flow and return the execution's address, once it waits."""
    press(page, page.get_by_role("link", name="Run").first)
    press(page, page.get_by_role("button", name="Start"))
    page.wait_for_url("**/executions/*")
    expect(page.locator("main")).to_contain_text("5 decisions", timeout=60_000)
    return page.url


def welcome(page: Page, link: str) -> None:
    """Set a password by the link, and sign in with it."""
    page.goto(link)
    page.locator("input[type=password]").first.fill(PASSWORD)
    for again in page.locator("input[type=password]").all()[1:]:
        again.fill(PASSWORD)
    page.locator("main button").last.tap()
    page.wait_for_url("**/sign-in**")
    page.locator("input[name=name], input[type=email], input[name=who]").first.fill("ana@example.com")
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).tap()
    page.wait_for_url("**/inbox**")


def decide_three(page: Page) -> None:
    """Approve one, reject one in two taps, edit one."""
    choose(page, "Refund R-1")
    page.get_by_role("button", name="Approve").first.tap()
    expect(page.locator("main, #toasts").get_by_text("Approved").first).to_be_visible()
    choose(page, "Refund R-2")
    page.locator("summary", has_text="Reject").tap()
    page.get_by_role("button", name="Too much").first.tap()
    expect(page.locator("main, #toasts").get_by_text("Rejected").first).to_be_visible()
    choose(page, "Refund R-3")
    page.get_by_role("link", name="Edit").first.tap()
    page.get_by_label("note").first.fill("Agreed by phone.")
    page.get_by_role("button", name="Look at what it will do").tap()
    expect(page.locator("main")).to_contain_text("Agreed by phone.")
    page.get_by_role("button", name="Confirm and approve").tap()
    expect(page.locator("main, #toasts").get_by_text("Approved").or_(page.get_by_text("Edited")).first).to_be_visible()


def approve_by_key(page: Page) -> None:
    """The first of what waits, with one key, and it stands after the time to undo."""
    page.goto("/inbox")
    expect(page.locator("[data-pane] article[data-gate]")).to_be_visible()
    page.keyboard.press("a")
    expect(page.locator("#toasts")).to_contain_text("Approved")
    expect(page.locator("[data-waiting]")).to_have_text("1 waiting for you", timeout=20_000)


def approve_without_scripts(page: Page) -> None:
    page.goto("/inbox")
    page.locator("a.line-title").click()
    page.get_by_role("button", name="Approve").first.click()
    expect(page.locator("main")).to_contain_text("Approved")


def choose(page: Page, title: str) -> None:
    page.goto("/inbox")
    page.get_by_role("link", name=title).first.tap()
    page.wait_for_url("**/gates/**")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def verify(page: Page) -> None:
    press(page, page.get_by_role("link", name="Journal", exact=True).first)
    press(page, page.get_by_role("button", name="Verify now").first)
    expect(page.locator("main")).to_contain_text("verified", ignore_case=True, timeout=30_000)
