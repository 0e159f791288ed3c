"""The reference page: the API's own description as one plain page, without scripts and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2330}
code{font:14px ui-monospace,monospace;background:#f2f4f8;padding:.1rem .3rem;border-radius:.2rem}
section{border-top:1px solid #d9dee8;padding:.6rem 0}h2{margin-top:2.5rem;text-transform:capitalize}
.method{display:inline-block;min-width:4.5rem;font-weight:600}table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0}
"""


def page(document: dict[str, Any]) -> str:
    """Render an OpenAPI document as HTML."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, method, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    title = escape(document["info"]["title"])
    version = escape(document["info"]["version"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title} {version}</h1>"
        f"<p>Send <code>Authorization: Bearer vk_…</code>. Errors are <code>application/problem+json</code> with a "
        f'<code>code</code> and a <code>remedy</code>. For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{body}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(_parameter(parameter) for parameter in operation.get("parameters", []))
    body = operation.get("requestBody", {}).get("content", {})
    names = sorted({name for content in body.values() if (name := _name(content.get("schema", {})))})
    sent = f"<p>Body: <code>{escape(', '.join(names))}</code></p>" if names else ""
    return (
        f'<section><p><span class="method">{method.upper()}</span><code>{escape(path)}</code></p>'
        f"<p>{escape(operation.get('description', ''))}</p>{f'<table>{rows}</table>' if rows else ''}{sent}</section>"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    where = f"{parameter['in']}{', required' if parameter.get('required') else ''}"
    description = parameter.get("description", "")
    return f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{where}</td><td>{escape(description)}</td></tr>"


def _name(schema: dict[str, Any]) -> str:
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("anyOf", []) if "$ref" in part), "")
    return str(reference).rpartition("/")[2]
