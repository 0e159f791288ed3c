"""Every connector, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Connector
from connectors.csv_read import CSV_READ
from connectors.csv_write import CSV_WRITE
from connectors.file_read import FILE_LIST, FILE_READ
from connectors.file_write import FILE_WRITE

_TABLE: tuple[Connector[Any, Any], ...] = (
    CSV_READ,
    CSV_WRITE,
    FILE_READ,
    FILE_WRITE,
    FILE_LIST,
)

CONNECTORS: Mapping[str, Connector[Any, Any]] = {connector.type: connector for connector in _TABLE}
"""Task types by name."""
