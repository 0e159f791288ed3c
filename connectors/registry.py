"""Every connector, one line each. Adding one is a file, a line here, and a section in ``docs/connectors.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Connector
from connectors.csv_read import CSV_READ
from connectors.csv_write import CSV_WRITE
from connectors.file_read import FILE_LIST, FILE_READ
from connectors.file_write import FILE_WRITE
from connectors.http_request import HTTP_REQUEST
from connectors.not_yet import NOT_YET, NotYet

__all__ = ["CONNECTORS", "NOT_YET", "NotYet"]

_TABLE: tuple[Connector[Any, Any], ...] = (
    CSV_READ,
    CSV_WRITE,
    FILE_READ,
    FILE_WRITE,
    FILE_LIST,
    HTTP_REQUEST,
)

CONNECTORS: Mapping[str, Connector[Any, Any]] = {connector.type: connector for connector in _TABLE}
"""Task types by name."""
