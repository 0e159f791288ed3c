"""Triggers and activity: the shown command really starts the flow, and nothing of a flow's text gets into the shell."""

from __future__ import annotations

import asyncio
import html
import os
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from shlex import split

import pytest
import uvicorn

from api.console.pages import flow_curl
from connectors.connections import Secrets
from tests.api.conftest import HOOK_SECRET, NS, OLD_SECRET
from tests.api.test_flows import FLOW as GREET
from tests.api.test_hooks import FLOW
from tests.support.rows import decision, gate
from workflows.flow.planned import FlowPlan, InputPlan, TriggerPlan
from workflows.store.db import Database
from workflows.store.repositories import decisions, executions

SECRET = re.compile(r"whsec_[A-Za-z0-9]")


def commands(page: str) -> dict[str, str]:
    """The command of each trigger, as its copy button would give it."""
    found = re.findall(r'<h2 id="t-(\w+)">.*?data-copy="(\w+=[^"]*)"', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


@pytest.fixture
async def author(browser, api):
    await api.save(FLOW)
    return await browser("author")


class TestPage:
    async def test_each_trigger_shows_its_address_proof_and_whether_its_secret_is_set(self, author):
        page = (await author.get("/flows/orders/triggers")).text
        assert f"/api/v1/hooks/{NS}/orders/std" in page
        assert "None: whoever knows the address can start this flow." in page
        assert "Set here" in page
        assert "VISTO_SECRET_NOT_SET" in page

    async def test_a_secret_is_never_shown(self, author):
        page = (await author.get("/flows/orders/triggers")).text
        assert HOOK_SECRET not in page
        assert OLD_SECRET not in page
        assert not SECRET.search(page)

    async def test_what_arrived_and_what_was_refused_is_listed(self, author, api):
        json = {"content-type": "application/json"}
        made = await api(
            "anon",
            "POST",
            f"/hooks/{NS}/orders/open",
            content=b'{"who": "Ann"}',
            headers=json | {"webhook-id": "m-<1>"},
        )
        await api("anon", "POST", f"/hooks/{NS}/orders/std", content=b"{}", headers=json)
        page = (await author.get("/flows/orders/triggers")).text
        assert "m-&lt;1&gt;" in page
        assert f"/executions/{made.json()['execution']}" in page
        assert "the header webhook-id is missing" in page

    async def test_a_flow_that_is_not_active_says_that_nothing_is_started(self, author, api):
        await api("author", "POST", "/flows/orders/state", json={"state": "draft"})
        assert "its triggers start nothing" in (await author.get("/flows/orders/triggers")).text

    async def test_a_flow_without_triggers_says_so(self, author, api):
        await api.save(GREET)
        assert "No triggers" in (await author.get("/flows/greet/triggers")).text


@pytest.fixture
def database(sqlite_url):
    """The commands sign with the time of the machine, so the store's clock is that one; the dialect changes nothing."""
    db = Database(sqlite_url)
    yield db
    db.close()


class TestCommand:
    @pytest.fixture(params=[HOOK_SECRET, "plain secret 'x' $HOME"], ids=["standard", "plain"])
    def secret(self, request):
        return request.param

    @pytest.fixture
    def services(self, services, secret):
        return replace(services, secrets=Secrets({"VISTO_SECRET_ORDERS_HOOK": secret}))

    @pytest.fixture
    async def at(self, app, services):
        """The application on a real port."""
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        services.settings.public_url = f"http://127.0.0.1:{port}"
        yield
        server.should_exit = True
        await serving

    @pytest.mark.usefixtures("at")
    async def test_copied_and_run_each_command_starts_the_flow(self, author, database, secret):
        shown = commands((await author.get("/flows/orders/triggers")).text)
        for name in ("std", "key", "mac", "open"):
            environment = {"PATH": os.environ["PATH"], "VISTO_SECRET_ORDERS_HOOK": secret}
            done = await asyncio.to_thread(
                subprocess.run, ["sh", "-c", shown[name]], env=environment, capture_output=True, text=True, timeout=30
            )
            assert '"execution"' in done.stdout, (name, done.stdout, done.stderr)
        found = database.read_sync(lambda tx: executions.list_executions(tx, NS)).items
        assert len(found) == 4
        assert {run.trigger["id"] for run in found} == {"std", "key", "mac", "open"}

    @pytest.mark.usefixtures("at")
    async def test_without_the_secret_it_says_what_to_set_and_sends_nothing(self, author):
        shown = commands((await author.get("/flows/orders/triggers")).text)
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", shown["std"]], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
        )
        assert done.returncode != 0
        assert "set it to the secret that both sides share" in done.stderr


def plan(*inputs: InputPlan) -> FlowPlan:
    return FlowPlan(flow_id="f", inputs=inputs, tasks=())


class TestSample:
    def test_the_body_has_what_the_inputs_ask_for(self):
        trigger = TriggerPlan(
            id="t",
            type="webhook",
            inputs={
                "who": "{{ trigger.body.customer.name }}",
                "n": "{{ trigger.body.n }}",
                "q": "{{ trigger.query.q }}",
            },
            properties={"when": "trigger.body.kind == 'order' and trigger.body.n > 0"},
        )
        inputs = (
            InputPlan(id="who", type="string"),
            InputPlan(id="n", type="int", min=5),
            InputPlan(id="q", type="bool"),
        )
        assert flow_curl.sample(plan(*inputs), trigger) == (
            {"customer": {"name": "…"}, "n": 5, "kind": "…"},
            {"q": "True"},
        )

    @pytest.mark.parametrize(
        "text", ["'; touch pwned; '", "$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "\n touch pwned \n", "\\"]
    )
    @pytest.mark.parametrize("kind", ["standard", "hmac", "bearer", "none"])
    def test_nothing_of_a_flow_is_read_by_the_shell(self, text, kind, tmp_path):
        one = InputPlan(id="x", type="string", default=text, required=False)
        trigger = TriggerPlan(
            id="t",
            type="webhook",
            inputs={"x": "{{ trigger.body.x }}"},
            properties={"auth": {"type": kind, "secret": f"S{text}", "header": f"x-sign{text}"}},
        )
        name = "VISTO_SECRET_S" + "".join(character if character.isalnum() else "_" for character in text)
        made = flow_curl.command("http://127.0.0.1:9/hook", plan(one), trigger).replace("curl ", ": ")
        subprocess.run(
            ["sh", "-c", made], cwd=tmp_path, env={"PATH": os.environ["PATH"], name: text}, timeout=10, check=False
        )
        assert list(tmp_path.iterdir()) == []
        assert split(made)


class TestActivity:
    async def test_rates_and_times_are_of_the_last_thirty_days(self, author, api, database):
        await api.save(GREET)
        now = database.clock()

        def live(tx):
            for number, state in enumerate(["succeeded", "succeeded", "failed", "running"]):
                executions.create(tx, NS, execution_id=f"e{number}", flow_id="greet", revision=1, workflow_id=f"w{number}",
                                  inputs={}, via="api")  # fmt: skip
                began = now - timedelta(seconds=10 * (number + 1))
                ended = {"ended_at": now} if state != "running" else {}
                executions.set_state(tx, NS, f"e{number}", state, None, started_at=began, **ended)
            for number, outcome in enumerate(["approved", "approved", "edited", "rejected"]):
                gate(tx, NS, f"g{number}", flow_id="greet", item_key=str(number))
                decisions.add(tx, NS, decision(tx, f"g{number}", f"d{number}", outcome=outcome))

        database.write_sync(live)
        page = (await author.get("/flows/greet/activity")).text
        assert "67\u00a0%" in page
        assert "20 s" in page
        bars = re.findall(r'<span class="small">([\w ]+)</span><svg.*?num">(\d+) · (\d+)', page)
        assert bars == [
            ("Succeeded", "2", "50"), ("Failed", "1", "25"), ("Running", "1", "25"),
            ("Approved", "2", "50"), ("Edited", "1", "25"), ("Rejected", "1", "25"),
        ]  # fmt: skip

    async def test_changes_are_told_with_who(self, author, api):
        await api("author", "POST", "/flows/orders/state", json={"state": "paused"})
        page = (await author.get("/flows/orders/activity")).text
        assert "Author changed the state from active to paused" in page
        assert "Author made the flow" in page

    async def test_a_flow_that_never_ran_says_so(self, author):
        page = (await author.get("/flows/orders/activity")).text
        assert "It never ran." in page
