"""A call to a connector, with a real files folder and a real artifact store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.artifacts import LocalArtifacts
from connectors.base import Call, Connection

MakeCall = Callable[..., Call]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def make_call(files: Path, tmp_path: Path) -> MakeCall:
    def make(op_id: str = "op-1", *, namespace: str = "sales", connection: Connection | None = None) -> Call:
        artifacts = LocalArtifacts(tmp_path / "artifacts", namespace)
        return Call(namespace, op_id, 1, files, artifacts, connection)

    return make
