"""The document: everything of a flow but the properties of its tasks, which depend on their types."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workflows.flow.model.base import FlowId, Json, NamespaceName, Part, RawTask, Template
from workflows.flow.model.common import Budget, Concurrency, Retry, Timeout
from workflows.flow.model.fields import InputType

LANGUAGE_VERSION = 1


class FlowOutput(Part):
    """A named result of the flow."""

    value: Template
    type: InputType = "json"
    description: str = ""


class FlowDocument(Part):
    """The top level of a flow. Tasks, inputs and triggers are validated one by one."""

    visto: Literal[1] = 1
    id: FlowId
    namespace: NamespaceName = "default"
    description: str = ""
    mode: Literal["suggest", "auto"] = "suggest"
    labels: dict[str, str] = Field(default_factory=dict)
    inputs: list[dict[str, Json]] = Field(default_factory=list)
    vars: dict[str, Json] = Field(default_factory=dict)
    triggers: list[dict[str, Json]] = Field(default_factory=list)
    defaults: dict[str, dict[str, Json]] = Field(default_factory=dict)
    retry: Retry | None = None
    timeout: Timeout | None = None
    concurrency: Concurrency | None = None
    budget: Budget | None = None
    tasks: list[RawTask] = Field(min_length=1)
    errors: list[RawTask] = Field(default_factory=list)
    finally_: list[RawTask] = Field(default_factory=list, alias="finally")
    outputs: dict[str, Json] = Field(default_factory=dict)
