"""Task types that the language knows and this version does not run: enough to check a flow that names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field

from connectors.base import Properties

Rows = list[list[Any] | dict[str, Any]] | str | dict[str, Any]


class NotYet(NamedTuple):
    """A known type without an implementation."""

    summary: str
    effect: Literal["read", "write"]
    properties: type[Properties]


class SlackPost(Properties):
    channel: str = Field(description="The channel, such as #risk.")
    text: str = Field(description="The message.")
    connection: str | None = Field(default=None, description="A connection of type slack.")
    thread: str | None = Field(default=None, description="The thread to answer in.")


class EmailSend(Properties):
    to: str | list[str] = Field(description="One or more addresses.")
    subject: str = Field(description="The subject line.")
    text: str | None = Field(default=None, description="The body as plain text.")
    html: str | None = Field(default=None, description="The body as HTML.")
    cc: str | list[str] | None = Field(default=None, description="Addresses in copy.")
    reply_to: str | None = Field(default=None, description="Where answers go.")
    connection: str | None = Field(default=None, description="A connection of type smtp.")


class WebhookSend(Properties):
    url: str | None = Field(default=None, description="The full address, if not connection and path.")
    connection: str | None = Field(default=None, description="A connection of type http.")
    path: str | None = Field(default=None, description="What follows the connection's base_url.")
    body: Any = Field(default=None, description="The JSON to send.")
    wait: bool | str | None = Field(default=None, description="Whether, or how long, to wait for a callback.")


class S3Get(Properties):
    connection: str = Field(description="A connection of type s3.")
    key: str = Field(description="The object's key.")
    bucket: str | None = Field(default=None, description="The bucket, if not the connection's.")


class S3Put(S3Get):
    content: Any = Field(description="Text, JSON or a reference.")
    content_type: str | None = Field(default=None, description="The media type.")


class S3List(Properties):
    connection: str = Field(description="A connection of type s3.")
    prefix: str = Field(default="", description="What the keys begin with.")
    bucket: str | None = Field(default=None, description="The bucket, if not the connection's.")
    limit: int = Field(default=1000, description="List at most this many objects.")


class SheetsRead(Properties):
    connection: str = Field(description="A connection of type google.")
    spreadsheet: str = Field(description="The spreadsheet's id.")
    range: str | None = Field(default=None, description="A range such as Orders!A1:F.")


class SheetsAppend(Properties):
    connection: str = Field(description="A connection of type google.")
    spreadsheet: str = Field(description="The spreadsheet's id.")
    rows: Rows = Field(description="Lists of cells, or mappings from column to cell.")
    sheet: str | None = Field(default=None, description="The sheet, if not the first.")


class SheetsUpdate(Properties):
    connection: str = Field(description="A connection of type google.")
    spreadsheet: str = Field(description="The spreadsheet's id.")
    range: str = Field(description="The range to overwrite.")
    rows: Rows = Field(description="Lists of cells.")


class KafkaPublish(Properties):
    connection: str = Field(description="A connection of type kafka.")
    topic: str = Field(description="The topic.")
    value: Any = Field(description="The message as JSON.")
    key: str | None = Field(default=None, description="The message's key.")
    headers: dict[str, str] | None = Field(default=None, description="The message's headers.")


class SqlQuery(Properties):
    connection: str = Field(description="A connection of type sql.")
    query: str = Field(description="One statement with named parameters such as :id.")
    parameters: dict[str, Any] | None = Field(default=None, description="The values of the parameters.")
    limit: int | None = Field(default=None, description="Return at most this many rows.")


NOT_YET: Mapping[str, NotYet] = {
    "slack.post": NotYet("Post a message to Slack.", "write", SlackPost),
    "email.send": NotYet("Send an e-mail.", "write", EmailSend),
    "webhook.send": NotYet("Send a signed webhook, and wait for a callback if asked to.", "write", WebhookSend),
    "s3.get": NotYet("Read an object.", "read", S3Get),
    "s3.put": NotYet("Write an object.", "write", S3Put),
    "s3.list": NotYet("List objects.", "read", S3List),
    "sheets.read": NotYet("Read rows of a spreadsheet.", "read", SheetsRead),
    "sheets.append": NotYet("Add rows to a spreadsheet.", "write", SheetsAppend),
    "sheets.update": NotYet("Overwrite cells of a spreadsheet.", "write", SheetsUpdate),
    "kafka.publish": NotYet("Publish a message.", "write", KafkaPublish),
    # A statement may also change data, and nobody can tell from an expression: so it counts as writing.
    "sql.query": NotYet("Run a statement in a database.", "write", SqlQuery),
}
"""Known types that are not available in this version."""
