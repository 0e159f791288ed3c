"""A flow as a picture: Mermaid for documents, a tree for terminals.."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workflows.flow.tree import Flow, Task

_LABELS = {
    "suggest": "suggest",
    "enrich": "evidence",
    "on_approve": "when approved",
    "tasks": "each",
    "default": "otherwise",
}
_SHAPES = {
    "gate": ("{{", "}}"),
    "foreach": ("[[", "]]"),
    "switch": ("{", "}"),
    "stop": ("([", "])"),
    "fail": ("([", "])"),
}
_SECTIONS = {"tasks": "", "errors": "on failure", "finally": "always"}


def text_tree(flow: Flow) -> str:
    """Return the flow as an indented tree, one task a line."""
    lines = [f"{flow.document.namespace}/{flow.document.id}"]
    for name, tasks in flow.sections().items():
        if tasks and _SECTIONS[name]:
            lines.append(f"{_SECTIONS[name]}:")
        lines.extend(_branch(tasks, ""))
    return "\n".join(lines)


def _branch(tasks: list[Task], indent: str) -> Iterator[str]:
    for position, task in enumerate(tasks):
        final = position == len(tasks) - 1
        when = f"  when {task.common.when}" if task.common.when else ""
        yield f"{indent}{'└─' if final else '├─'} {task.id} ({task.type}){when}"
        below = indent + ("   " if final else "│  ")
        groups = [(name, inner) for name, inner in task.lists.items() if inner]
        for index, (name, inner) in enumerate(groups):
            last = index == len(groups) - 1
            yield f"{below}{'└' if last else '├'} {_label(name)}:"
            yield from _branch(inner, below + ("  " if last else "│ "))


def _label(name: str) -> str:
    return name.partition(".")[2] or _LABELS.get(name, name)


def mermaid(flow: Flow) -> str:
    """Return the flow as a Mermaid flowchart. Texts of the flow are quoted, so they can change nothing but words."""
    drawing = _Drawing()
    drawing.lines.append("flowchart TD")
    start = drawing.node(flow.document.id, "([", "])")
    drawing.chain(start, flow.tasks)
    for name, tasks in (("on failure", flow.errors), ("always", flow.finally_)):
        if tasks:
            drawing.chain(start, tasks, name, dotted=True)
    return "\n".join(drawing.lines)


class _Drawing:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def node(self, words: str, opening: str = "[", closing: str = "]") -> str:
        self.count += 1
        name = f"n{self.count}"
        self.lines.append(f'  {name}{opening}"{_quoted(words)}"{closing}')
        return name

    def edge(self, source: str, target: str, label: str = "", *, dotted: bool = False) -> None:
        arrow = "-.->" if dotted else "-->"
        words = f'|"{_quoted(label)}"|' if label else ""
        self.lines.append(f"  {source} {arrow}{words} {target}")

    def chain(self, before: str, tasks: Iterable[Task], label: str = "", *, dotted: bool = False) -> None:
        """Draw tasks that run one after the other, and what is inside each."""
        for task in tasks:
            here = self.node(f"{task.id}: {task.type}", *_SHAPES.get(task.kind, ("[", "]")))
            self.edge(before, here, label or task.common.when or "", dotted=dotted)
            before, label, dotted = here, "", False
            for name, inner in task.lists.items():
                self.chain(here, inner, _label(name), dotted=True)


def _quoted(words: str) -> str:
    plain = words.replace("\n", " ").replace("#", "#35;")
    for character, escape in (('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        plain = plain.replace(character, escape)
    return plain
