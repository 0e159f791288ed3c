"""Gates as people read them, and the request that decides one: what every deciding command shares."""

from __future__ import annotations

import json
from typing import Any

from visto.cli.errors import CommandError, Exit
from visto.cli.output import printable


def parse_pairs(pairs: list[str], option: str) -> dict[str, Any]:
    """Read ``name=value`` pairs. A value that is JSON keeps its type, anything else is text. ``CommandError``."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise CommandError(
                f"{pair!r} is not name=value.", exit_code=Exit.USAGE, code="usage", remedy=f"Write {option} name=value."
            )
        found[name.strip()] = _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def decision(gate: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
    """Build the request to decide a gate exactly as it was read: its revision and digest travel along."""
    body = {"action": action, "revision": gate["revision"], "action_digest": gate["action_digest"], "via": "cli"}
    return body | {name: value for name, value in more.items() if value not in (None, {})}


def describe(gate: dict[str, Any]) -> str:
    """Lay out a gate's view for the terminal: everything that was hashed, nothing cut short."""
    view = gate["view"]
    tail = f"gate {gate['id']}  revision {gate['revision']}  digest {gate['action_digest']}"
    return printable("\n".join([*_view_lines(view), "", tail]))


def effects(view: dict[str, Any]) -> list[str]:
    """What a yes will do, one line an effect."""
    return [f"{one['type']}  {_text(one['properties'])}" for one in view["effects"]]


def _view_lines(view: dict[str, Any]) -> list[str]:
    lines = [view["title"], "=" * min(len(view["title"]), 100)]
    lines += [f"{field['label']}: {_text(field['value'])}" for field in view["show"]]
    lines += ["", "Suggestion:", *(f"  {name}: {_text(value)}" for name, value in view["suggestion"].items())]
    lines += _citations(view["meta"].get("citations") or [])
    lines += _section("Rules that do not hold:", [rule["message"] for rule in view["failed_rules"]])
    lines += _section("Evidence:", [_evidence(one) for one in view["evidence"]])
    return lines + _section("A yes will do:", effects(view))


def _section(heading: str, items: list[str]) -> list[str]:
    return ["", heading, *(f"  {item}" for item in items)] if items else []


def _citations(found: list[dict[str, Any]]) -> list[str]:
    return _section("Citations:", [f"{one['document']} ({one['collection']}): {one['quote']!r}" for one in found])


def _evidence(one: dict[str, Any]) -> str:
    return f"{one['id']}: " + (_text(one["value"]) if one["state"] == "found" else f"missing, {one['reason']}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
