"""Fixtures of the flow language's tests."""

import pytest

from tests.workflows.flow.world import FakeWorld


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()
