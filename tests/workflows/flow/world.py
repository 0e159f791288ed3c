"""A world for tests: a few task types with the shapes of the language page, and known names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workflows.flow.model import AI_TYPES
from workflows.flow.tasktype import TaskType


class Properties(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CsvRead(Properties):
    from_: str = Field(alias="from")
    columns: dict[str, Literal["string", "number", "int", "bool", "date"]] | None = None
    delimiter: str = ","


class CsvReadOutput(BaseModel):
    rows: list[dict[str, Any]]
    count: int
    columns: list[str]


class CsvWrite(Properties):
    path: str
    rows: list[Any]
    mode: Literal["append", "replace"] = "append"


class FileRead(Properties):
    path: str


class FileReadOutput(BaseModel):
    text: str


class FileWrite(Properties):
    path: str
    text: str


class Written(BaseModel):
    path: str
    written: int


class HttpRequest(Properties):
    connection: str | None = None
    url: str | None = None
    path: str = ""
    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None


class HttpOutput(BaseModel):
    status: int
    body: Any


class SheetsAppend(Properties):
    connection: str
    spreadsheet: str
    rows: list[list[Any]]


class SlackPost(Properties):
    channel: str
    text: str
    connection: str | None = None


class Empty(BaseModel):
    pass


def _type(name: str, properties: type[BaseModel], output: type[BaseModel], effect: Any, **more: Any) -> TaskType:
    return TaskType(
        name=name, summary=name, kind="activity", properties=properties, output=output, effect=effect, **more
    )


TYPES = {
    one.name: one
    for one in (
        _type("csv.read", CsvRead, CsvReadOutput, "read"),
        _type("csv.write", CsvWrite, Written, "write"),
        _type("file.read", FileRead, FileReadOutput, "read"),
        _type("file.write", FileWrite, Written, "write"),
        _type("http.request", HttpRequest, HttpOutput, "write", idempotent=False, secrets=frozenset({"headers"})),
        _type("sheets.append", SheetsAppend, Written, "write", available=False),
        _type("slack.post", SlackPost, Empty, "write", available=False),
        _type("email.send", SlackPost, Empty, "write"),
    )
} | AI_TYPES


@dataclass
class FakeWorld:
    types: Mapping[str, TaskType] = field(default_factory=lambda: dict(TYPES))
    known_collections: frozenset[str] | None = frozenset({"fraud-policy"})
    known_connections: frozenset[str] | None = frozenset({"orders-bucket", "crm", "sales-google"})
    groups: Mapping[str, int] | None = field(default_factory=lambda: {"fraud": 3, "fraud-leads": 1, "empty": 0})
    known_models: frozenset[str] | None = frozenset({"default"})
    variables: Mapping[str, object] = field(default_factory=dict)

    def task_types(self) -> Mapping[str, TaskType]:
        return self.types

    def collections(self, namespace: str) -> frozenset[str] | None:
        return self.known_collections

    def connections(self, namespace: str) -> frozenset[str] | None:
        return self.known_connections

    def group_sizes(self, namespace: str) -> Mapping[str, int] | None:
        return self.groups

    def models(self, namespace: str) -> frozenset[str] | None:
        return self.known_models

    def namespace_vars(self, namespace: str) -> Mapping[str, object]:
        return self.variables
