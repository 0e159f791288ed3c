"""Pictures of a flow."""

from tests.workflows.flow.test_compile import PAGE
from workflows.flow.compile import compile_flow
from workflows.flow.graph import mermaid, text_tree


def test_the_tree_shows_every_task_where_it_belongs(world):
    lines = text_tree(compile_flow(PAGE, "f", world).flow).splitlines()
    assert lines[0] == "sales/order-risk"
    assert lines[1:4] == ["├─ orders (csv.read)", "├─ triage (foreach)", "│  └ each:"]
    assert any("when approved" in line for line in lines)
    assert lines[-2:] == ["on failure:", "└─ tell (slack.post)"]


def test_mermaid_connects_tasks_and_escapes_texts(world):
    text = (
        "id: f\ninputs: [{id: n, type: string}]\n"
        "tasks:\n  - id: a\n    type: set\n    when: inputs.n == '\"]; <b>'\n    values: {x: 1}\n"
    )
    drawing = mermaid(compile_flow(text, "f", world).flow)
    assert drawing.splitlines()[0] == "flowchart TD"
    assert '"]; <b>' not in drawing
    assert "#quot;]; #lt;b#gt;" in drawing
