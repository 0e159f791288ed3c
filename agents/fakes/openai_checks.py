"""What the real chat completions and embeddings endpoints refuse, refused here in the same way."""

from __future__ import annotations

import re
from typing import Any

Json = Any
MAX_TOOLS = 128
MAX_DESCRIPTION = 1024
MAX_INPUTS = 2048
_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_ROLES = {"system", "developer", "user", "assistant", "tool"}
_CHAT_KEYS = frozenset(
    [
        "model",
        "messages",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "n",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "response_format",
        "seed",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "store",
        "parallel_tool_calls",
        "reasoning_effort",
        "service_tier",
        "modalities",
        "prediction",
        "verbosity",
        "safety_identifier",
    ]
)


class Refused(Exception):
    """The request is answered with ``status`` and OpenAI's error object."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def check_auth(header: str, keys: frozenset[str] | None) -> None:
    """Any non-empty bearer token passes unless ``keys`` names the valid ones."""
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused("You didn't provide an API key.", status=401)
    if keys is not None and key.strip() not in keys:
        raise Refused("Incorrect API key provided.", status=401, code="invalid_api_key")


def check_chat(body: Json) -> dict[str, Json]:
    """The body as it came. Raises ``Refused`` for a request that the real endpoint would not take."""
    checked = _object(body)
    unknown = sorted(set(checked) - _CHAT_KEYS)
    _need(not unknown, f"Unrecognized request argument supplied: {', '.join(unknown)}")
    _need(
        isinstance(checked.get("model"), str) and bool(checked["model"]), "you must provide a model parameter", "model"
    )
    _need(not checked.get("stream"), "This server does not stream.", "stream")
    temperature = checked.get("temperature")
    _need(temperature is None or 0 <= temperature <= 2, "Expected a value from 0 to 2.", "temperature")
    names = _check_tools(checked.get("tools"))
    _check_choice(checked.get("tool_choice"), names)
    _check_messages(checked.get("messages"))
    return checked


def check_embeddings(body: Json) -> dict[str, Json]:
    """The body as it came. Raises ``Refused``."""
    checked = _object(body)
    _need(bool(checked.get("model")), "you must provide a model parameter", "model")
    given = checked.get("input")
    texts = [given] if isinstance(given, str) else given
    _need(isinstance(texts, list) and 0 < len(texts) <= MAX_INPUTS, "'$.input' is invalid.", "input")
    _need(all(text not in ("", []) for text in texts or []), "'$.input' is invalid.", "input")
    return checked


def _object(body: Json) -> dict[str, Json]:
    if not isinstance(body, dict):
        raise Refused("We could not parse the JSON body of your request.")
    return body


def _need(true: bool, message: str, param: str | None = None) -> None:
    if not true:
        raise Refused(message, param=param)


def _check_tools(tools: Json) -> set[str]:
    if tools is None:
        return set()
    _need(isinstance(tools, list) and len(tools) > 0, "[] is too short - 'tools'", "tools")
    _need(len(tools) <= MAX_TOOLS, f"Expected an array with maximum length {MAX_TOOLS}.", "tools")
    names: set[str] = set()
    for place, tool in enumerate(tools):
        at = f"tools[{place}]"
        _need(isinstance(tool, dict) and tool.get("type") == "function", "Missing function.", at)
        function = tool.get("function") or {}
        name = function.get("name")
        _need(isinstance(name, str) and bool(_NAME.match(name)), f"Invalid '{at}.function.name': {name!r}.", at)
        _need(
            len(function.get("description") or "") <= MAX_DESCRIPTION, "string too long", f"{at}.function.description"
        )
        parameters = function.get("parameters", {"type": "object"})
        _need(
            isinstance(parameters, dict) and parameters.get("type") == "object",
            f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'.",
            f"{at}.function.parameters",
        )
        names.add(str(name))
    return names


def _check_choice(choice: Json, names: set[str]) -> None:
    if choice is None:
        return
    _need(bool(names), "'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    if isinstance(choice, dict):
        named = (choice.get("function") or {}).get("name")
        _need(named in names, "Tool choice must match a function in 'tools'.", "tool_choice")
    else:
        _need(choice in {"none", "auto", "required"}, "Invalid value for 'tool_choice'.", "tool_choice")


def _check_messages(messages: Json) -> None:
    _need(isinstance(messages, list) and len(messages) > 0, "[] is too short - 'messages'", "messages")
    waiting: list[str] = []
    for place, message in enumerate(messages):
        at = f"messages[{place}]"
        _need(isinstance(message, dict) and message.get("role") in _ROLES, f"Invalid value: '{at}.role'.", at)
        if message["role"] == "tool":
            _need(
                message.get("tool_call_id") in waiting,
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                at,
            )
            waiting.remove(message["tool_call_id"])
            continue
        _need(
            not waiting,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. Missing: {', '.join(waiting)}",
            at,
        )
        waiting = _check_spoken(message, at)
    _need(not waiting, f"'tool_call_id's without response messages: {', '.join(waiting)}", "messages")


def _check_spoken(message: dict[str, Json], at: str) -> list[str]:
    calls = message.get("tool_calls")
    if calls is None:
        _need(message.get("content") is not None, "Invalid value for 'content': expected a string, got null.", at)
        return []
    _need(message["role"] == "assistant", "'tool_calls' is only allowed for role 'assistant'.", at)
    _need(isinstance(calls, list) and len(calls) > 0, "[] is too short - 'tool_calls'", at)
    for call in calls:
        function = call.get("function") or {}
        _need(bool(_NAME.match(function.get("name", ""))), "Invalid 'tool_calls[].function.name'.", at)
        _need(isinstance(function.get("arguments"), str), "Invalid type for 'arguments': expected a string.", at)
    return [call["id"] for call in calls]
