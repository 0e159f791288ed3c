"""The contract that every connector in the table keeps."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.base import Output, Properties
from connectors.registry import CONNECTORS, NOT_YET

MANUAL = (Path(__file__).resolve().parents[2] / "docs/connectors.md").read_text(encoding="utf-8")
COMMON_KEYS = {"id", "type", "description", "when", "needs", "retry", "timeout", "allow_failure"}
BUILT = pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
KNOWN = pytest.mark.parametrize(
    "model", [each.properties for each in (*CONNECTORS.values(), *NOT_YET.values())], ids=[*CONNECTORS, *NOT_YET]
)


def described(model: type[BaseModel]) -> list[str]:
    """Names of fields without a description."""
    return [name for name, field in model.model_fields.items() if not field.description]


@BUILT
def test_a_row_is_complete(connector):
    """Summary, models, effect, and an asynchronous function that says what it raises."""
    assert connector.summary.endswith(".")
    assert issubclass(connector.properties, Properties)
    assert issubclass(connector.output, Output)
    assert connector.effect in {"read", "write"}
    assert inspect.iscoroutinefunction(connector.run)
    assert "ConnectorError" in (inspect.getdoc(connector.run) or "")
    assert connector.secrets <= set(connector.properties.model_fields)


@BUILT
def test_the_output_describes_each_field_and_serialises(connector):
    assert described(connector.output) == []
    json.dumps(connector.output.model_json_schema())
    assert "meta" not in connector.output.model_fields


@BUILT
def test_a_write_that_may_be_repeated_says_so_and_reads_always_may(connector):
    assert connector.idempotent or connector.effect == "write"


@KNOWN
def test_properties_forbid_unknown_keys_describe_each_field_and_leave_common_keys_alone(model):
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["hide_input_in_errors"]
    assert described(model) == []
    schema = model.model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False
    assert not COMMON_KEYS & set(schema["properties"])


@pytest.mark.parametrize("type", [*CONNECTORS, *NOT_YET])
def test_the_manual_mentions_each_type(type):
    assert f"`{type}`" in MANUAL


@BUILT
def test_the_manual_names_each_property(connector):
    section = MANUAL.split(f"### `{connector.type}`", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    names = connector.properties.model_json_schema(by_alias=True)["properties"]
    assert [name for name in names if f"`{name}`" not in section] == []


def test_a_type_is_either_built_or_not_yet():
    assert not CONNECTORS.keys() & NOT_YET.keys()
    assert all(name == connector.type for name, connector in CONNECTORS.items())
