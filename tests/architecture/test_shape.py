"""Modules stay small and say what they are."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agents", "api", "connectors", "evals", "rag", "visto", "workflows")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULE_LINES, FUNCTION_LINES = 400, 80


def problems(path):
    text = path.read_text()
    tree = ast.parse(text)
    if text and not ast.get_docstring(tree) and "migrations/versions" not in path.as_posix():
        yield "the module has no docstring"
    if len(text.splitlines()) > MODULE_LINES:
        yield f"the module has more than {MODULE_LINES} lines"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{node.name} has {lines} lines, more than {FUNCTION_LINES}"


def test_modules_were_found():
    assert len(MODULES) > 30


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_is_small_and_documented(path):
    assert list(problems(path)) == []
