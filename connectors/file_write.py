"""``file.write``: a text or JSON value to a file, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from connectors.base import Call, Connector, ConnectorError, Output, Properties
from connectors.blocking import in_thread
from connectors.once import Content, Existing, Mode, write_once

_MODES: Mapping[str, Mode] = {"replace": "replace", "append": "append", "fail_if_exists": "create"}


class FileWriteProperties(Properties):
    """Where to write what."""

    path: str = Field(description="A path below the files folder.")
    content: Any = Field(description="A text, written as it is; any other value is written as JSON.")
    mode: Literal["replace", "append", "fail_if_exists"] = Field(
        default="replace", description="What to do when the file exists already."
    )


class FileWriteOutput(Output):
    """What was written."""

    path: str = Field(description="The file that was written.")
    bytes: int = Field(description="How many bytes this step wrote.")
    sha256: str = Field(description="The SHA-256 of what this step wrote, in hex.")


async def write(call: Call, properties: FileWriteProperties) -> FileWriteOutput:
    """Write the content once per ``call.op_id``. Raises ``ConnectorError``."""
    data = _encode(properties.path, properties.content)
    result = {"path": properties.path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def render(_: Existing) -> Content:
        return Content(data, result)

    def work() -> Mapping[str, Any]:
        mode = _MODES[properties.mode]
        return write_once(call.files_root, properties.path, op_id=call.op_id, mode=mode, request=data, render=render)

    return FileWriteOutput(**await in_thread(call, work))


def _encode(path: str, content: Any) -> bytes:
    try:
        if isinstance(content, str):
            return content.encode()
        pretty = not path.endswith(".jsonl")
        return (json.dumps(content, ensure_ascii=False, indent=2 if pretty else None, allow_nan=False) + "\n").encode()
    except (ValueError, TypeError) as error:
        raise ConnectorError(
            f"The content for {path!r} is neither text nor JSON.",
            code="bad_request",
            permanent=True,
            remedy="Write a text, a number, a list or a mapping, without broken characters.",
        ) from error


FILE_WRITE = Connector(
    type="file.write",
    summary="Write a text or JSON file, replacing it, adding to it, or only if it is new.",
    properties=FileWriteProperties,
    output=FileWriteOutput,
    effect="write",
    idempotent=True,
    quick=True,
    run=write,
)
