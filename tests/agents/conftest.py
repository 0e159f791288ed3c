"""Fixtures: the bench an agent works on, and fake providers over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agents.fakes.openai import FakeOpenAI
from tests.agents.support import Bench, openai_settings


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def provider(tmp_path) -> AsyncIterator[Callable[..., Any]]:
    """Starts fakes: ``fake = await provider([rules], bench)`` also points the bench's ``default`` at it."""
    running: list[FakeOpenAI] = []

    async def start(script=(), bench: Bench | None = None, **alias: Any) -> FakeOpenAI:
        fake = FakeOpenAI(script, log=tmp_path / f"requests-{len(running)}.jsonl")
        await fake.__aenter__()
        running.append(fake)
        if bench is not None:
            bench.models = openai_settings(fake.base_url, **alias)
        return fake

    yield start
    for fake in running:
        await fake.__aexit__(None, None, None)
