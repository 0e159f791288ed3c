"""Where bulk connectors read from: a file below the files folder, or an artifact."""

from __future__ import annotations

import os
from typing import BinaryIO

from connectors.base import ArtifactRef, Call, ConnectorError
from connectors.blocking import in_thread
from connectors.paths import open_for_reading

_ARTIFACT = "artifact://"


def source_name(source: str | ArtifactRef) -> str:
    """What messages call the source."""
    uri = source if isinstance(source, str) else source.uri
    return f"{uri[: len(_ARTIFACT)]}…{uri[-12:]}" if uri.startswith(_ARTIFACT) else uri


async def open_source(call: Call, source: str | ArtifactRef) -> BinaryIO:
    """Open the source for streaming; the caller closes it. The errors are ``ConnectorError``."""
    if isinstance(source, ArtifactRef) or source.startswith(_ARTIFACT):
        return await call.artifacts.open(source)
    if "://" in source:
        scheme = source.split("://", 1)[0][:20]
        raise ConnectorError(
            f"Addresses of the kind {scheme}:// can not be read here.",
            code="bad_request",
            permanent=True,
            remedy="Give a path below the files folder, or an uploaded file.",
        )
    return await in_thread(call, lambda: os.fdopen(open_for_reading(call.files_root, source), "rb"))
