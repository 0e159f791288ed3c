"""Fixtures of the interpreter's tests: a stage with running workers, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workflows.interpreter.remote import Remote
from tests.workflows.interpreter.stage import Stage, build
from workflows.worker import running


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    """A service on loopback that answers what a test tells it to; flows reach it as the connection ``remote``."""
    async with Remote() as made:
        yield made


@pytest.fixture
async def stage(temporal_server: str, sqlite_url: str, tmp_path: Path, remote: Remote) -> AsyncIterator[Stage]:
    connection = {"type": "http", "config": {"base_url": remote.url, "allow_private": True}}
    made = await build(temporal_server, sqlite_url, tmp_path, connections={"default": {"remote": connection}})
    async with running(made.client, made.deps):
        yield made
    await made.deps.knowledge.close()
    made.db.close()
