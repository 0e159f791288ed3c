"""JavaScript as a parser reads it: whether two scripts are the same, and what a script imports."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

WHOLE = {"string", "template_string", "regex"}
"""Literals are compared as they are written, with everything inside."""
COMMENTS = {"comment", "html_comment"}

Parsed = tuple[str, bytes | tuple["Parsed", ...]]

_parser = Parser(Language(tree_sitter_javascript.language()))


def root(script: bytes) -> Node:
    """The script's syntax tree. Fails for one that the parser cannot read to the last character."""
    node = _parser.parse(script).root_node
    assert not node.has_error, f"not read: {_wrong(node)}"
    ends = [(0, 0), *((one.start_byte, one.end_byte) for one in _leaves(node)), (len(script),) * 2]
    for (_, end), (start, _) in pairwise(ends):
        assert not script[end:start].strip(), f"passed over: {script[end:start]!r}"
    return node


def parsed(script: bytes) -> Parsed:
    """What a script says: each token's text, and how they belong together, so also where a statement ends unwritten."""
    return _parsed(root(script))


def imports(script: bytes) -> list[str]:
    """What a script names in ``import``, ``export … from`` and ``import()``. Fails for a name that is computed."""
    found = []
    for node in _every(root(script)):
        if node.type in ("import_statement", "export_statement"):
            source = node.child_by_field_name("source")
        elif node.type == "call_expression" and _field(node, "function").type == "import":
            [source] = _field(node, "arguments").named_children
        else:
            continue
        if source is not None:
            assert source.type == "string", f"which module is {_text(source)!r}?"
            found.append(_text(source)[1:-1].decode())
    return found


def _parsed(node: Node) -> Parsed:
    children = _children(node)
    return node.type, tuple(_parsed(child) for child in children) if children else _text(node)


def _children(node: Node) -> list[Node]:
    return [] if node.type in WHOLE else [child for child in node.children if child.type not in COMMENTS]


def _leaves(node: Node) -> Iterator[Node]:
    """What has no parts, in order; comments too."""
    if node.type in WHOLE or not node.children:
        yield node
    else:
        for child in node.children:
            yield from _leaves(child)


def _every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _every(child)


def _wrong(node: Node) -> bytes:
    return next((_text(one) for one in _every(node) if one.is_error or one.is_missing), b"")


def _field(node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    assert found is not None
    return found


def _text(node: Node) -> bytes:
    assert node.text is not None
    return node.text
