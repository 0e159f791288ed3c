"""From text to Jinja2's syntax tree, and from a text with ``{{ }}`` to its parts. Bounded in length and depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from workflows.flow.expressions.values import Refused

MAX_CHARACTERS = 4_096
MAX_DEPTH = 40

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701  the grammar only: nothing is ever rendered by Jinja
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: literal ``text``, or an expression whose text starts at ``offset``."""

    text: str
    is_expression: bool
    offset: int = 0


def parse(text: str) -> nodes.Expr:
    """Parse one expression (without braces). Raises ``Refused``."""
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"an expression may have at most {MAX_CHARACTERS} characters", "split it with a set task")
    if not text.strip():
        raise Refused("the expression is empty")
    if _nesting(text) > MAX_DEPTH:
        raise Refused(f"brackets may be nested at most {MAX_DEPTH} deep")
    try:
        parser = Parser(_ENVIRONMENT, text, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise Refused(f"`{_token(parser)}` is not expected here", "join conditions with `and` or `or`")
    except TemplateSyntaxError as error:
        raise Refused(_plain(error.message or "this is not an expression")) from None
    except RecursionError:
        raise Refused("the expression is nested too deeply", "split it with a set task") from None
    except (ValueError, OverflowError):
        raise Refused("the expression contains a number or text that cannot be read") from None
    _bound_depth(tree)
    return tree


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _bound_depth(tree: nodes.Node) -> None:
    stack: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > 2 * MAX_DEPTH:
            raise Refused("the expression is nested too deeply", "split it with a set task")
        stack.extend((child, depth + 1) for child in node.iter_child_nodes())


def _token(parser: Parser) -> str:
    token = parser.stream.current
    return str(token.value or token.type)


def _plain(message: str) -> str:
    """Put Jinja's words into ours."""
    if "end of print statement" in message or "end of template" in message:
        return "the expression ends too early"
    return f"this is not a valid expression: {message}"


@lru_cache(maxsize=8_192)
def split(text: str) -> tuple[Part, ...]:
    """Split a text at its ``{{ expressions }}``. Raises ``Refused`` on an open brace or a statement."""
    parts: list[Part] = []
    start = 0
    while (opened := text.find("{{", start)) >= 0:
        _literal(text[start:opened], parts)
        closed = _closing(text, opened + 2)
        inner = text[opened + 2 : closed]
        if inner[:1] in ("-", "+") or inner[-1:] in ("-", "+"):
            raise Refused("put a space between the braces and the sign", "write `{{ -x }}` with spaces")
        parts.append(Part(inner.strip(), is_expression=True, offset=opened + 2 + len(inner) - len(inner.lstrip())))
        start = closed + 2
    _literal(text[start:], parts)
    return tuple(parts)


def _literal(text: str, parts: list[Part]) -> None:
    if "{%" in text:
        raise Refused("`{% %}` is not part of the language", "use `when`, `foreach` or `{{ a if b else c }}`")
    if text:
        parts.append(Part(text, is_expression=False))


def _closing(text: str, start: int) -> int:
    """Return where the ``}}`` of an expression begins, looking past quoted texts and inner brackets."""
    open_brackets: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character in "'\"":
            position = _end_of_quote(text, position)
        elif not open_brackets and text.startswith("}}", position):
            return position
        elif character in _CLOSERS:
            open_brackets.append(_CLOSERS[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
        position += 1
    raise Refused("`{{` has no matching `}}`", "close the expression with `}}`")


def _end_of_quote(text: str, start: int) -> int:
    position = start + 1
    while position < len(text) and text[position] != text[start]:
        position += 2 if text[position] == "\\" else 1
    if position >= len(text):
        raise Refused("a quote inside `{{ }}` is not closed")
    return position


def without_braces(text: str) -> str:
    """Return the expression of a condition, whether or not it is written inside ``{{ }}``."""
    stripped = text.strip()
    if not stripped.startswith("{{"):
        return stripped
    parts = split(stripped)
    if len(parts) != 1:
        raise Refused("a condition is one expression", "write it without braces")
    return parts[0].text
