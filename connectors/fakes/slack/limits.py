"""Slack's limits on messages and views, as its reference gives them. Every problem is named with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Json = Any

MESSAGE_BLOCKS, MODAL_BLOCKS = 50, 100
MODAL_BYTES = 250 * 1024
TEXT_ARGUMENT = 40_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_BLOCKS = frozenset({"section", "header", "context", "actions", "divider", "input"})
_CONTEXT_ELEMENTS = frozenset({"plain_text", "mrkdwn", "image"})
_INPUTS = frozenset({
    "plain_text_input", "number_input", "static_select", "datepicker", "checkboxes", "radio_buttons",
})  # fmt: skip


def message_problems(blocks: Json) -> list[str]:
    """Everything that Slack would refuse in a message's blocks."""
    return list(_blocks(blocks, "/blocks", MESSAGE_BLOCKS, _BLOCKS - {"input"}))


def view_problems(view: Json) -> list[str]:
    """Everything that Slack would refuse in a modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return ["must be a modal [json-pointer:/view]"]
    found = list(_text(view.get("title"), "/view/title", 24, plain=True))
    for name in ("submit", "close"):
        if name in view:
            found += _text(view[name], f"/view/{name}", 24, plain=True)
    found += _blocks(view.get("blocks"), "/view/blocks", MODAL_BLOCKS, _BLOCKS)
    if len(view.get("private_metadata") or "") > 3000:
        found.append("must be less than 3001 characters [json-pointer:/view/private_metadata]")
    if len(view.get("callback_id") or "") > 255:
        found.append("must be less than 256 characters [json-pointer:/view/callback_id]")
    if len(json.dumps(view, ensure_ascii=False).encode()) > MODAL_BYTES:
        found.append("must be less than 250 KB [json-pointer:/view]")
    has_input = any(isinstance(one, dict) and one.get("type") == "input" for one in view.get("blocks") or ())
    if has_input and "submit" not in view:
        found.append("a view with input blocks needs submit [json-pointer:/view/submit]")
    return found


def _blocks(blocks: Json, at: str, most: int, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(blocks, list) or not blocks:
        yield f"must be a list of blocks [json-pointer:{at}]"
        return
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    seen_blocks: set[str] = set()
    for number, block in enumerate(blocks):
        here = f"{at}/{number}"
        seen_actions: set[str] = set()
        if not isinstance(block, dict) or block.get("type") not in known:
            yield f"unsupported type: {block.get('type') if isinstance(block, dict) else block} [json-pointer:{here}]"
            continue
        name = block.get("block_id")
        if name is not None:
            if not isinstance(name, str) or not 0 < len(name) <= 255:
                yield f"must be 1 to 255 characters [json-pointer:{here}/block_id]"
            elif name in seen_blocks:
                yield f"`block_id` {name} already exists [json-pointer:{here}/block_id]"
            seen_blocks.add(str(name))
        yield from _block(block, here)
        for element in _elements(block):
            action = element.get("action_id")
            if action is not None and action in seen_actions:
                yield f"`action_id` {action} already exists [json-pointer:{here}]"
            seen_actions.add(str(action)) if action is not None else None


def _elements(block: dict[str, Json]) -> list[dict[str, Json]]:
    listed = block.get("elements") if block["type"] == "actions" else None
    single = [block.get("element"), block.get("accessory")]
    return [one for one in [*(listed or ()), *single] if isinstance(one, dict)]


def _block(block: dict[str, Json], at: str) -> Iterator[str]:
    match block["type"]:
        case "section":
            yield from _section(block, at)
        case "header":
            yield from _text(block.get("text"), f"{at}/text", 150, plain=True)
        case "context":
            yield from _listed(block.get("elements"), f"{at}/elements", 10)
            for number, element in enumerate(block.get("elements") or ()):
                if element.get("type") not in _CONTEXT_ELEMENTS:
                    yield f"unsupported element [json-pointer:{at}/elements/{number}]"
                yield from _text(element, f"{at}/elements/{number}", 3000)
        case "actions":
            yield from _listed(block.get("elements"), f"{at}/elements", 25)
            for number, element in enumerate(block.get("elements") or ()):
                yield from _element(
                    element, f"{at}/elements/{number}", frozenset({"button", "static_select", "overflow"})
                )
        case "input":
            yield from _text(block.get("label"), f"{at}/label", 2000, plain=True)
            if "hint" in block:
                yield from _text(block["hint"], f"{at}/hint", 2000, plain=True)
            yield from _element(block.get("element"), f"{at}/element", _INPUTS)


def _section(block: dict[str, Json], at: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"needs text or fields [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3000)
    if "fields" in block:
        yield from _listed(block["fields"], f"{at}/fields", 10)
        for number, field in enumerate(block["fields"] or ()):
            yield from _text(field, f"{at}/fields/{number}", 2000)


def _listed(value: Json, at: str, most: int) -> Iterator[str]:
    if not isinstance(value, list) or not 0 < len(value) <= most:
        yield f"must have 1 to {most} items [json-pointer:{at}]"


def _text(value: Json, at: str, most: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        yield f"must be a text object [json-pointer:{at}]"
        return
    if value.get("type") not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
        yield f"must be plain_text [json-pointer:{at}/type]"
    if not 0 < len(value["text"]) <= most:
        yield f"must be more than 0 and less than {most + 1} characters [json-pointer:{at}/text]"


def _element(element: Json, at: str, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") not in known:
        yield f"unsupported element [json-pointer:{at}]"
        return
    if len(element.get("action_id") or "") > 255:
        yield f"must be less than 256 characters [json-pointer:{at}/action_id]"
    if "placeholder" in element:
        yield from _text(element["placeholder"], f"{at}/placeholder", 150, plain=True)
    if "confirm" in element:
        for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            yield from _text(element["confirm"].get(name), f"{at}/confirm/{name}", most)
    check = _ELEMENTS.get(element["type"])
    if check is not None:
        yield from check(element, at)


def _button(element: dict[str, Json], at: str) -> Iterator[str]:
    yield from _text(element.get("text"), f"{at}/text", 75, plain=True)
    if len(element.get("value") or "") > 2000:
        yield f"must be less than 2001 characters [json-pointer:{at}/value]"
    if len(element.get("url") or "") > 3000:
        yield f"must be less than 3001 characters [json-pointer:{at}/url]"
    if element.get("style") not in (None, "primary", "danger"):
        yield f"must be primary or danger [json-pointer:{at}/style]"


def _options(element: dict[str, Json], at: str) -> Iterator[str]:
    options = element.get("options")
    most = {"static_select": 100, "overflow": 5}.get(element["type"], 10)
    yield from _listed(options, f"{at}/options", most)
    for number, option in enumerate(options or ()):
        yield from _text(option.get("text"), f"{at}/options/{number}/text", 75)
        if not 0 < len(option.get("value") or "") <= 150:
            yield f"must be 1 to 150 characters [json-pointer:{at}/options/{number}/value]"
    initial = element.get("initial_option")
    if initial is not None and initial not in (options or ()):
        yield f"must be one of the options [json-pointer:{at}/initial_option]"


def _typed_text(element: dict[str, Json], at: str) -> Iterator[str]:
    if len(element.get("initial_value") or "") > 3000 or (element.get("max_length") or 0) > 3000:
        yield f"must be less than 3001 characters [json-pointer:{at}/initial_value]"


def _number(element: dict[str, Json], at: str) -> Iterator[str]:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        yield f"missing required field: is_decimal_allowed [json-pointer:{at}]"


def _date(element: dict[str, Json], at: str) -> Iterator[str]:
    if "initial_date" in element and not _DATE.fullmatch(str(element["initial_date"])):
        yield f"must be YYYY-MM-DD [json-pointer:{at}/initial_date]"


_ELEMENTS: dict[str, Callable[[dict[str, Json], str], Iterator[str]]] = {
    "button": _button,
    "static_select": _options,
    "checkboxes": _options,
    "radio_buttons": _options,
    "overflow": _options,
    "plain_text_input": _typed_text,
    "number_input": _number,
    "datepicker": _date,
}
