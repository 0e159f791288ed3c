"""The models of the whole language, version 1."""

from workflows.flow.model.ai import AI_TYPES, Agent, RagIngest, RagSearch
from workflows.flow.model.base import Part
from workflows.flow.model.common import COMMON_KEYS, Retry, TaskCommon
from workflows.flow.model.control import CONTROL
from workflows.flow.model.fields import Input, OutputField
from workflows.flow.model.flow import FlowDocument, FlowOutput
from workflows.flow.model.gate import Gate
from workflows.flow.model.triggers import TRIGGERS, Trigger

__all__ = [
    "AI_TYPES",
    "COMMON_KEYS",
    "CONTROL",
    "TRIGGERS",
    "Agent",
    "FlowDocument",
    "FlowOutput",
    "Gate",
    "Input",
    "OutputField",
    "Part",
    "RagIngest",
    "RagSearch",
    "Retry",
    "TaskCommon",
    "Trigger",
]
