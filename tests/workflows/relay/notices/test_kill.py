"""A process that is killed while Slack takes its card: the next one finds the card and posts no second."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.fakes.slack import methods
from tests.workflows.relay.notices.conftest import Desk
from workflows.store.db import utc_now

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
async def test_kill_nine_between_post_and_record_makes_no_second_card(desk: Desk, tmp_path, monkeypatch, when):
    gate = desk.open()
    process: asyncio.subprocess.Process | None = None
    post, _, _ = methods.METHODS["chat.postMessage"]

    def kills(world, given):
        """The poster dies just before, or just after, Slack has the message; no answer reaches it."""
        assert process is not None
        if when == "before":
            os.kill(process.pid, signal.SIGKILL)
            raise methods.ApiRefused("fatal_error")
        answer = post(world, given)
        os.kill(process.pid, signal.SIGKILL)
        return answer

    monkeypatch.setitem(methods.METHODS, "chat.postMessage", (kills, 4, ()))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.workflows.relay.notices.killed_relay",
        desk.services.settings.database, str(tmp_path / "home"), desk.slack.url, cwd=ROOT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    assert len(desk.cards()) == (1 if when == "after" else 0)
    monkeypatch.setitem(methods.METHODS, "chat.postMessage", (post, 4, ()))
    desk.office.clock.now = utc_now() + timedelta(minutes=2)
    await desk.deliver()
    assert len(desk.cards()) == 1
    (row,) = desk.notices(gate)
    assert (row.state, row.unsure) == ("shown", False)
    assert "Asked: fraud" in desk.card().words()
