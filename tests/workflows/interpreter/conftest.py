"""Fixtures of the interpreter's tests: a stage with running workers, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workflows.interpreter.stage import Stage, build
from workflows.worker import running


@pytest.fixture
async def stage(temporal_server: str, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    made = await build(temporal_server, sqlite_url, tmp_path)
    async with running(made.client, made.deps):
        yield made
    await made.deps.knowledge.close()
    made.db.close()
