"""The names an expression may use at a place of the flow, and what is known of their values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from workflows.flow.check.shapes import ANYTHING, Shape, closed, field_shape
from workflows.flow.expressions.nearest import nearest
from workflows.flow.tree import Flow, Task


@dataclass(frozen=True, slots=True)
class Problem:
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Scope:
    """``names`` maps each usable name to its shape; ``outputs`` holds those of the tasks done before."""

    names: dict[str, Shape]
    outputs: dict[str, Shape]
    all_tasks: dict[str, Task] = field(default_factory=dict)
    barred: dict[str, str] = field(default_factory=dict)

    def plus(self, **names: Shape) -> Scope:
        return replace(self, names={**self.names, **names})

    def without(self, **barred: str) -> Scope:
        """Bar names or paths (``execution.now`` as ``execution_now``), each with the reason."""
        return replace(self, barred={**self.barred, **barred})

    def after(self, outputs: dict[str, Shape]) -> Scope:
        return replace(self, outputs={**self.outputs, **outputs})

    def resolve(self, path: tuple[str, ...]) -> Shape | Problem:
        """Return what is known of the value at a path, or why it cannot exist."""
        root, *rest = path
        reason = self.barred.get("_".join(path[:2])) or self.barred.get(root)
        if reason:
            return Problem("not-here", f"`{'.'.join(path[:2])}` cannot be used here", reason)
        if root == "outputs":
            return self._output(rest)
        if root not in self.names:
            return self._unknown(root)
        return _descend(self.names[root], rest, root)

    def _unknown(self, name: str) -> Problem:
        if name in ("item", "index", "parent"):
            return Problem("unknown-name", f"`{name}` exists only inside a foreach")
        if name in ("suggestion", "final"):
            where = "in `validate`, `enrich`, `show` and `auto_when`" if name == "suggestion" else "in `on_approve`"
            return Problem("unknown-name", f"`{name}` exists only inside a gate, {where}")
        if name == "secrets":
            hint = "write it into a property that takes secrets, such as `headers` of an http.request"
            return Problem("secret-not-allowed", "a secret cannot be used here", hint)
        known = {*self.names, "outputs"}
        hint = nearest(name, known) or (f"write `outputs.{name}`" if name in self.outputs else "put a text in quotes")
        return Problem("unknown-name", f"there is no `{name}`", hint)

    def _output(self, rest: list[str]) -> Shape | Problem:
        if not rest:
            return ANYTHING
        task, *fields = rest
        if task in self.outputs:
            return _descend(self.outputs[task], fields, f"outputs.{task}")
        known = self.all_tasks.get(task)
        if known is None:
            hint = nearest(task, self.outputs) or (
                "known here: " + ", ".join(sorted(self.outputs)[:8]) if self.outputs else ""
            )
            return Problem("unknown-output", f"there is no task `{task}`", hint)
        return Problem(*_unreachable(task, known))


def _unreachable(name: str, task: Task) -> tuple[str, str, str]:
    inside = [step for step in task.path if step in ("tasks", "suggest", "enrich", "on_approve", "branches", "cases")]
    if len(inside) > 1 or task.path[:1] in (("errors",), ("finally",)):
        hint = "use the output of the task that contains it, e.g. `outputs.<foreach>.results`"
        return "output-elsewhere", f"the output of `{name}` cannot be seen from here", hint
    return "output-later", f"`{name}` has not run yet at this point", "move it before this task"


_WHAT = {"inputs": ("unknown-input", "there is no input `{}`"), "vars": ("unknown-var", "there is no variable `{}`")}


def _descend(shape: Shape, path: list[str], root: str) -> Shape | Problem:
    current, start = shape, shape
    for position, name in enumerate(path):
        found = field_shape(current, name, start)
        if isinstance(found, list):
            code, words = (
                _WHAT.get(root, ("unknown-field", "there is no field `{}`"))
                if position == 0
                else (
                    "unknown-field",
                    "there is no field `{}`",
                )
            )
            where = ".".join([root, *path[:position]])
            listed = "the fields are: " + ", ".join(found[:10]) if found else "it has no fields"
            return Problem(code, f"{words.format(name)} in `{where}`", nearest(name, found) or listed)
        current = found
    return {**current, "$defs": start["$defs"]} if "$defs" in start and current else current


def flow_scope(flow: Flow, variables: dict[str, object], tasks: dict[str, Task], inputs: Shape) -> Scope:
    """Return what every task of a flow may use."""
    names = {
        "inputs": inputs,
        "vars": closed(dict.fromkeys({**flow.document.vars, **variables}, ANYTHING)),
        "trigger": ANYTHING,
        "execution": ANYTHING,
        "labels": ANYTHING,
    }
    return Scope(names, {}, tasks)
