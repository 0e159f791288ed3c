"""What our messages must never do, whatever the data says: mention somebody, make a link, unfurl one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = Any

_MENTION = re.compile(r"<[!@#]")
_LINK = re.compile(r"<((?:https?|mailto)[^|>]*)")
_BARE = re.compile(r"https?://|www\.", re.IGNORECASE)


def broken(arguments: dict[str, Json], link_base: str, *, posting: bool) -> list[str]:
    """Every promise that these arguments of ``chat.*`` break. Links may begin with ``link_base`` only."""
    found = list(_text(str(arguments.get("text") or ""), link_base, bare=arguments.get("parse") != "none"))
    if posting and (arguments.get("unfurl_links") is not False or arguments.get("unfurl_media") is not False):
        found.append("unfurl_links and unfurl_media must be false")
    if arguments.get("link_names"):
        found.append("link_names must be false")
    return found + list(_blocks(arguments.get("blocks"), link_base))


def _text(text: str, link_base: str, *, bare: bool) -> Iterator[str]:
    if _MENTION.search(text):
        yield f"a mention: {text[:200]!r}"
    for link in _LINK.findall(text):
        if not link.startswith(link_base):
            yield f"a link made of data: {link[:200]!r}"
    if bare and _BARE.search(_LINK.sub("", text)):
        yield f"an address that becomes a link: {text[:200]!r}"


def _blocks(value: Json, link_base: str) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _blocks(one, link_base)
    if not isinstance(value, dict):
        return
    kind = value.get("type")
    if kind == "mrkdwn":
        yield from _text(str(value.get("text")), link_base, bare=value.get("verbatim") is not True)
    if kind in ("user", "usergroup", "broadcast", "channel", "image", "link"):
        yield f"an element that mentions, links or loads: {kind}"
    if kind == "button" and _MENTION.search(str((value.get("text") or {}).get("text"))):
        yield "data in a button's label"
    if "url" in value and not str(value["url"]).startswith(link_base):
        yield f"a link made of data: {str(value['url'])[:200]!r}"
    for one in value.values():
        yield from _blocks(one, link_base)
