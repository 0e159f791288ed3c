"""The whole way: a flow runs, its gate is shown in Slack, somebody decides there, and the flow goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from connectors.connections import Secrets
from connectors.fakes.slack.people import Somebody
from connectors.fakes.slack.server import Answer, FakeSlack
from tests.api.slack_app.conftest import until
from tests.workflows.interpreter.stage import NAMESPACE, Stage, build
from tests.workflows.relay.notices.conftest import PUBLIC, settings_for
from workflows.activities.catalog import Catalog
from workflows.store.repositories import outbox, principals
from workflows.usecases.services import Services
from workflows.worker import running

pytestmark = pytest.mark.slow

FLOW = """
id: welcome
inputs: [{id: name, type: string}]
tasks:
  - id: ask
    type: gate
    title: "Greet {{ inputs.name }}"
    suggestion: "{{ {'text': 'Hello ' ~ inputs.name} }}"
    output: {text: {type: string}}
    approve: {reviewers: {groups: [fraud]}, editable: [text], reasons: [wrong]%s}
    on_approve:
      - {id: out, type: file.write, path: "{{ inputs.name }}.txt", content: "{{ final.text }}"}
"""
NAMED = FLOW % ", notify: [{type: slack, channel: '#risk'}]"
UNNAMED = FLOW % ""


@dataclass
class Life:
    stage: Stage
    slack: FakeSlack
    rita: Somebody

    async def card(self, *words: str):
        return await until(lambda: self._card(words), 20)

    def _card(self, words):
        shown = self.slack.world.shown()
        return next((one for one in shown if all(word in one.words() for word in words)), None)


@pytest.fixture
async def life(temporal_server: str, sqlite_url: str, slack: FakeSlack, tmp_path: Path) -> AsyncIterator[Life]:
    stage = await build(temporal_server, sqlite_url, tmp_path)
    settings = settings_for(slack, stage.deps.settings.home, stage.db, slack_channel="*=#risk")
    settings = settings.model_copy(update={"files_root": stage.deps.settings.files_root})
    deps = replace(stage.deps, settings=settings)
    stage.deps = deps
    services = Services(
        db=stage.db, journal=deps.journal, gateway=stage.gateway, settings=settings, world=Catalog(),
        secrets=Secrets({}), callback_key=b"k" * 32,
    )  # fmt: skip
    app = create_app(services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        running(stage.client, deps),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=PUBLIC) as client,
    ):

        async def deliver(body: bytes, headers: dict[str, str]) -> Answer:
            answer = await client.post("/slack/events", content=body, headers=headers)
            return Answer(answer.status_code, answer.content)

        slack.deliver_to(deliver)
        rita = Somebody(slack, "rita")
        subject = f"{slack.world.team}:{rita.id}"
        stage.db.write_sync(
            lambda tx: principals.add_identity(tx, NAMESPACE, stage.rita.principal_id, "slack", subject)
        )
        yield Life(stage, slack, rita)
    stage.db.close()


@pytest.mark.parametrize("flow", [NAMED, UNNAMED], ids=["named", "default channel"])
async def test_a_yes_in_slack_lets_the_flow_go_on_and_its_effect_happens_once(life, flow):
    handle = await life.stage.start(flow, {"name": "Ann"})
    card = await life.card("Greet Ann", "file.write", '"content": "Hello Ann"')
    await life.rita.click(card, "visto_approve")
    execution = await life.stage.ended(handle)
    assert execution.state == "succeeded"
    assert (life.stage.files / "Ann.txt").read_text().strip() == "Hello Ann"
    await life.card("Approved by")
    assert len(life.slack.world.shown()) == 1
    async with asyncio.timeout(10):
        while life.stage.db.read_sync(lambda tx: outbox.count_pending(tx, NAMESPACE)):
            await asyncio.sleep(0.05)


async def test_an_edit_in_slack_is_what_runs(life):
    handle = await life.stage.start(NAMED, {"name": "Ben"})
    await life.rita.click(await life.card("Greet Ben"), "visto_edit")
    await life.rita.form()
    await life.rita.submit(f_text="Good day")
    assert '"content": "Good day"' in life.rita.view().words()
    await life.rita.submit()
    assert (await life.stage.ended(handle)).state == "succeeded"
    assert (life.stage.files / "Ben.txt").read_text().strip() == "Good day"


async def test_a_no_in_slack_ends_the_flow_as_rejected(life):
    handle = await life.stage.start(NAMED, {"name": "Cleo"})
    await life.rita.click(await life.card("Greet Cleo"), "visto_reject")
    await life.rita.form()
    await life.rita.submit(reason="wrong")
    execution = await life.stage.ended(handle)
    assert execution.state == "rejected"
    assert not (life.stage.files / "Cleo.txt").exists()
    await life.card("Rejected by", "Reason: wrong")


async def test_a_flow_that_is_cancelled_takes_its_buttons_back(life):
    handle = await life.stage.start(NAMED, {"name": "Dora"})
    await life.card("Greet Dora")
    await handle.cancel()
    card = await life.card("Withdrawn")
    assert card.buttons() == {}
