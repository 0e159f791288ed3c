"""The command that starts a flow by its webhook: a shell script that works as it stands once the secret is set. Pure.

Everything that a flow's author chose is quoted for the shell, so a name can be nothing but a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from workflows.flow.planned import FlowPlan, InputPlan, TriggerPlan
from workflows.triggers.webhook import HMAC_HEADER

Json = Any

_REFERENCE = re.compile(r"trigger\.(body|query)((?:\.[A-Za-z_]\w*)+)")
_SAMPLES: dict[str, Json] = {
    "int": 1,
    "number": 1,
    "bool": True,
    "date": "2026-01-31",
    "datetime": "2026-01-31T09:30:00Z",
    "duration": "30s",
    "email": "ann@example.com",
    "url": "https://example.com/",
    "array": [],
    "json": {},
    "file": "inbox/orders.csv",
}


def command(address: str, plan: FlowPlan, trigger: TriggerPlan) -> str:
    """A script for ``sh``: it needs curl, and openssl where the message is signed."""
    auth = trigger.properties.get("auth") or {}
    body, query = sample(plan, trigger)
    secret = re.sub(r"[^A-Za-z0-9_]", "_", str(auth.get("secret") or ""))
    lines = [f"body={quote(json.dumps(body, ensure_ascii=False))}"]
    if secret:
        lines.insert(0, f"secret=${{VISTO_SECRET_{secret}:?set it to the secret that both sides share}}")
    headers = [("content-type", "application/json")]
    match auth.get("type"):
        case "standard":
            lines += _STANDARD
            headers += [("webhook-id", "$id"), ("webhook-timestamp", "$stamp"), ("webhook-signature", "v1,$signature")]
        case "hmac":
            lines.append('signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "$secret" | sed "s/^.* //")')
            headers.append((str(auth.get("header") or HMAC_HEADER), "sha256=$signature"))
        case "bearer":
            headers += [("authorization", "Bearer $secret"), ("webhook-id", "$id")]
            lines.append(_ID)
        case _:
            headers.append(("webhook-id", "$id"))
            lines.append(_ID)
    target = quote(address + (f"?{urlencode(query)}" if query else ""))
    call = [f"curl -sS -X POST {target}", *(f"  -H {_header(*one)}" for one in headers), '  --data-binary "$body"']
    return "\n".join([*lines, " \\\n".join(call)]) + "\n"


_ID = "id=msg_$(date +%s)_$$"
_STANDARD = (
    _ID,
    "stamp=$(date +%s)",
    'case $secret in whsec_*) raw() { printf %s "${secret#whsec_}" | base64 -d; };; *) raw() { printf %s "$secret"; };; esac',
    'key=$(raw | od -An -v -tx1 | tr -d " \\n")',
    'signature=$(printf %s "$id.$stamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)',
)


def _header(name: str, value: str) -> str:
    """In double quotes, since ``value`` is ours and names our variables; ``name`` keeps nothing that a shell would read."""
    return f'"{re.sub(r"[^A-Za-z0-9_-]", "", name)}: {value}"'


def sample(plan: FlowPlan, trigger: TriggerPlan) -> tuple[Json, dict[str, str]]:
    """A body and a query with every field that the trigger's inputs ask for."""
    inputs = {one.id: one for one in plan.inputs}
    body: dict[str, Json] = {}
    query: dict[str, str] = {}
    for name, mapping in trigger.inputs.items():
        for part, path in _REFERENCE.findall(str(mapping)):
            keys = path[1:].split(".")
            value = _value(inputs.get(name))
            if part == "query":
                query[keys[0]] = str(value)
            else:
                _put(body, keys, value)
    for part, path in _REFERENCE.findall(str(trigger.properties.get("when") or "")):
        if part == "body":
            _put(body, path[1:].split("."), "…", unless=True)
    return body, query


def _put(body: dict[str, Json], keys: list[str], value: Json, *, unless: bool = False) -> None:
    at = body
    for key in keys[:-1]:
        inner = at.get(key)
        if not isinstance(inner, dict):
            inner = at[key] = {}
        at = inner
    if not (unless and keys[-1] in at):
        at[keys[-1]] = value


def _value(one: InputPlan | None) -> Json:
    if one is None:
        return "…"
    if one.default is not None:
        return one.default
    if one.enum is not None:
        return one.enum[0]
    if one.type in ("int", "number") and isinstance(one.min, (int, float)):
        return one.min
    return _SAMPLES.get(one.type, "…")


def how(auth: Mapping[str, Json]) -> str:
    """How a message proves where it comes from, in a sentence."""
    secret = f"VISTO_SECRET_{auth.get('secret')}"
    match auth.get("type"):
        case "standard":
            return f"Signed as Standard Webhooks describes, with {secret}; at most five minutes old."
        case "hmac":
            header = auth.get("header") or HMAC_HEADER
            return f"HMAC-SHA256 of the body with {secret}, in the header {header}."
        case "bearer":
            return f"{secret} as a bearer token in the header Authorization."
        case "none":
            return "None: whoever knows the address can start this flow."
    return "Unknown, so every message is refused."
