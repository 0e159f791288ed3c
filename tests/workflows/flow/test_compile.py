"""From text to plan: what is written out, what stays a template, what a revision's identity depends on."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.flow.world import FakeWorld
from workflows.flow.compile import Compilation, compile_data, compile_flow
from workflows.flow.plan import canonical

PAGE = (Path(__file__).parent / "examples" / "order-risk.yaml").read_text()


def compiled(text: str, world: FakeWorld | None = None) -> Compilation:
    found = compile_flow(text, "f.yaml", world or FakeWorld())
    assert found.plan is not None, "\n".join(map(str, found.diagnostics))
    return found


def test_the_whole_example_is_valid_but_for_what_does_not_run_yet(world):
    """The example of the language's page uses every part of the language."""
    found = compile_flow(PAGE, "order-risk.yaml", world)
    assert {one.code for one in found.diagnostics} == {"not-available"}
    assert [one.line for one in found.diagnostics] == [19, 30, 82, 89, 93, 100, 107]


RUNS = """\
id: order-risk
namespace: sales
inputs:
  - {id: file, type: file}
  - {id: percent, type: number, default: 20}
triggers:
  - id: hook
    type: webhook
    auth: {type: standard, secret: ORDERS_HOOK}
    connection: orders-bucket
    inputs: {file: "{{ trigger.body.file_url }}"}
vars: {sheet: out.csv}
retry: {attempts: 5, every: 2s}
timeout: {after: 6h, includes_waiting: true}
defaults: {csv.read: {delimiter: ";"}}
tasks:
  - {id: orders, type: csv.read, from: "{{ inputs.file }}", columns: {order_id: string, amount: number}}
  - id: triage
    type: foreach
    items: "{{ outputs.orders.rows }}"
    concurrency: 20
    tasks:
      - id: review
        type: gate
        title: "Order {{ item.order_id }}"
        show:
          - {label: Amount, value: "{{ item.amount }}", format: money EUR}
        suggest:
          type: agent
          prompt: "{{ item | tojson }}"
          knowledge: [{collection: fraud-policy}]
          output:
            risk: {type: string, enum: [low, medium, high]}
            reason: {type: string, max_length: 400}
        validate:
          - when: "{{ suggestion.risk == 'low' }}"
            require: item.amount < 5000
            message: Never low.
          - require: suggestion.meta.citations | length > 0
        revise: 2
        enrich:
          - id: history
            type: http.request
            connection: crm
            path: "/o?id={{ item.order_id | urlencode }}"
            headers: {Authorization: "Bearer {{ secrets.CRM_KEY }}"}
        approve:
          auto_when: suggestion.risk == 'low' and suggestion.meta.confidence >= 0.9
          stages:
            - {groups: [fraud], quorum: 2 of 3}
            - {groups: [fraud-leads], quorum: all}
          editable: [risk, reason]
          remind: {every: 4h}
          expire: {after: 3d}
        on_approve:
          - id: write
            type: csv.write
            path: "{{ vars.sheet }}"
            rows: [["{{ item.order_id }}", "{{ final.risk }}"]]
  - id: note
    type: set
    when: outputs.triage.results | percent_where('risk', 'high') > inputs.percent
    values: {first: "{{ outputs.triage.counts.finished }}"}
errors:
  - {id: tell, type: email.send, channel: ops, text: "failed: {{ error.message }}"}
outputs: {finished: "{{ outputs.triage.counts.finished }}"}
"""


def test_a_plan_has_every_default_written_out():
    plan = compiled(RUNS).plan
    orders, triage, note = plan.tasks
    assert orders.properties == {
        "from": "{{ inputs.file }}",
        "columns": {"order_id": "string", "amount": "number"},
        "delimiter": ";",
    }
    assert (orders.kind, orders.queue, orders.effect, orders.retry.attempts) == ("activity", "visto", "read", 5)
    assert (plan.timeout_ms, plan.timeout_includes_waiting) == (21_600_000, True)
    assert plan.inputs[0].required
    assert not plan.inputs[1].required
    assert (triage.foreach.result, triage.foreach.concurrency, triage.foreach.on_failure) == ("review", 20, "fail")
    assert note.properties == {"values": {"first": "{{ outputs.triage.counts.finished }}"}}
    assert plan.outputs["finished"].value == "{{ outputs.triage.counts.finished }}"
    assert plan.triggers[0].properties["auth"] == {"type": "standard", "secret": "ORDERS_HOOK"}


def test_the_gate_of_a_plan_is_resolved():
    gate = compiled(RUNS).plan.tasks[1].foreach.tasks[0].gate
    assert gate.suggest.id == "suggest"
    assert gate.suggest.queue == "visto-ai"
    assert gate.output_schema["required"] == ["risk", "reason"]
    assert gate.output_schema["properties"]["risk"] == {"type": "string", "enum": ["low", "medium", "high"]}
    assert gate.suggest.properties["output_schema"] == gate.output_schema
    assert [(rule.when, rule.require) for rule in gate.rules] == [
        ("suggestion.risk == 'low'", "item.amount < 5000"),
        (None, "suggestion.meta.citations | length > 0"),
    ]
    assert gate.rules[1].message == "This must hold: suggestion.meta.citations | length > 0"
    assert [(stage.groups, stage.quorum) for stage in gate.approve.stages] == [
        (("fraud",), 2),
        (("fraud-leads",), "all"),
    ]
    assert gate.approve.exclude == ("requester",)
    assert (gate.approve.expire.after_ms, gate.approve.expire.then) == (259_200_000, "reject")
    assert (gate.approve.remind.every_ms, gate.approve.remind.max) == (14_400_000, 3)
    assert (gate.on_reject, gate.on_invalid, gate.revise) == ("stop", "escalate", 2)
    assert gate.on_approve[0].properties["rows"] == [["{{ item.order_id }}", "{{ final.risk }}"]]
    assert gate.on_approve[0].effect == "write"


def test_a_request_that_only_reads_may_enrich_and_its_secret_is_a_reference():
    (history,) = compiled(RUNS).plan.tasks[1].foreach.tasks[0].gate.enrich
    assert (history.effect, history.idempotent) == ("read", True)
    assert history.properties["headers"] == {"Authorization": {"$secret": ["Bearer ", {"name": "CRM_KEY"}]}}
    assert history.properties["method"] == "GET"


def test_normalising_again_changes_nothing():
    first = compiled(RUNS)
    second = compile_data(first.normalised, "f.yaml", FakeWorld())
    assert (second.sha256, second.normalised, second.plan) == (first.sha256, first.normalised, first.plan)


def test_the_normalised_flow_holds_every_default_and_keeps_written_nulls():
    text = (
        "id: f\ntasks:\n  - {id: s, type: set, values: {a: null, b: [null, {c: null}]}}\n"
        "  - {id: ai, type: agent, prompt: p, knowledge: [{collection: fraud-policy}], output: {a: string}}\n"
    )
    normalised = compiled(text).normalised
    assert normalised["retry"]["attempts"] == 3
    assert normalised["tasks"][0]["values"] == {"a": None, "b": [None, {"c": None}]}
    assert normalised["tasks"][1]["knowledge"] == [{"collection": "fraud-policy", "top_k": 4}]
    assert normalised["tasks"][1]["max_steps"] == 8


def test_a_number_of_the_language_itself_cannot_be_an_expression(world):
    text = "id: f\ntasks:\n  - {id: ai, type: agent, prompt: p, max_steps: '{{ 1 }}', output: {a: string}}\n"
    assert [one.code for one in compile_flow(text, "f", world).diagnostics] == ["wrong-type"]


def test_the_identity_ignores_layout_and_written_defaults_and_notices_every_change():
    base = "id: f\ntasks:\n  - {id: a, type: csv.read, from: x}\n"
    same = "# a comment\ntasks: [{from: 'x', delimiter: ',', type: csv.read, id: a}]\nvisto: 1\nid: f\nnamespace: default\n"
    other = base.replace("from: x", "from: y")
    assert compiled(base).sha256 == compiled(same).sha256
    assert compiled(base).sha256 != compiled(other).sha256


def test_variables_of_the_namespace_win():
    plan = compiled(RUNS, FakeWorld(variables={"sheet": "prod.csv"})).plan
    assert plan.vars == {"sheet": "prod.csv"}


def test_an_auto_flow_may_act_on_what_a_model_wrote():
    text = (
        "id: f\nmode: auto\ntasks:\n  - {id: ai, type: agent, prompt: p, output: {a: string}}\n"
        "  - {id: w, type: csv.write, path: x, rows: ['{{ outputs.ai.a }}']}\n"
    )
    assert compiled(text).plan.mode == "auto"
    assert not compile_flow(text.replace("auto", "suggest"), "f", FakeWorld()).plan


CLEAN = [
    "  - {id: w, type: csv.write, path: x, rows: [1], when: outputs.ai.a == 'x'}\n",
    (
        "  - {id: s, type: set, values: {a: '{{ outputs.ai.a }}', b: 1}}\n"
        "  - {id: w, type: csv.write, path: x, rows: ['{{ outputs.s.b }}']}\n"
    ),
    (
        "  - {id: g, type: gate, title: T, suggestion: '{{ outputs.ai }}', output: {a: string}}\n"
        "  - {id: w, type: csv.write, path: x, rows: ['{{ outputs.g.a }}']}\n"
    ),
    "  - {id: w, type: http.request, url: 'https://a/{{ outputs.ai.a | urlencode }}'}\n",
]


@pytest.mark.parametrize("tasks", CLEAN)
def test_conditions_gates_and_reads_are_no_ungated_writes(tasks):
    compiled("id: f\ntasks:\n  - {id: ai, type: agent, prompt: p, output: {a: string}}\n" + tasks)


def test_a_file_that_a_model_filled_stays_suspect_when_it_is_read_again():
    text = (
        "id: f\ntasks:\n  - {id: ai, type: agent, prompt: p, output: {a: string}}\n"
        "  - {id: w, type: file.write, path: x.txt, text: '{{ outputs.ai.a }}'}\n"
        "  - {id: r, type: file.read, path: x.txt}\n"
        "  - {id: v, type: file.write, path: y.txt, text: '{{ outputs.r.text }}'}\n"
    )
    found = compile_flow(text, "f", FakeWorld()).diagnostics
    assert [(one.code, one.line) for one in found] == [("ungated-write", 4), ("ungated-write", 6)]


def test_a_world_that_does_not_know_says_nothing():
    world = FakeWorld(known_collections=None, known_connections=None, groups=None, known_models=None)
    text = RUNS.replace("fraud-policy", "anything").replace("connection: crm", "connection: whatever")
    compiled(text.replace("[fraud]", "[nobody]"), world)


CONTROL = """\
id: c
tasks:
  - id: p
    type: parallel
    branches:
      a: [{id: pa, type: set, values: {x: 1}}]
      b: [{id: pb, type: set, values: {x: 2}}]
  - id: s
    type: switch
    value: "{{ outputs.pa.x }}"
    cases: {one: [{id: sa, type: set, values: {x: 1}}]}
    default: [{id: sd, type: fail, message: no}]
  - {id: r, type: repeat, until: outputs.ra.x == 1, every: 5s, tasks: [{id: ra, type: set, values: {x: 1}}]}
  - {id: sub, type: subflow, flow: other, inputs: {a: 1}}
  - {id: w, type: wait, until: "{{ inputs.at }}"}
inputs: [{id: at, type: datetime}]
finally: [{id: f, type: set, values: {x: "{{ outputs.pb.x }}"}}]
"""


def test_every_control_task_is_understood_although_not_all_run_yet(world):
    found = compile_flow(CONTROL, "c.yaml", world)
    assert {one.code for one in found.diagnostics} == {"not-available"}
    assert [one.line for one in found.diagnostics] == [4, 9, 13, 14, 15]


def test_a_plan_is_canonical_json():
    plan = compiled(RUNS).plan
    assert canonical(plan.model_dump(mode="json"))
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


WORDS = st.sampled_from(
    [
        "id",
        "type",
        "tasks",
        "foreach",
        "gate",
        "agent",
        "set",
        "when",
        "items",
        "suggest",
        "approve",
        "output",
        "inputs",
        "values",
        "on_approve",
        "needs",
        "visto",
        "errors",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | WORDS | st.text(max_size=8)
    | st.sampled_from(["{{ x }}", "{{ outputs.a.b }}", "{{", "5m", "{% x %}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    VALUES, st.sampled_from(["set", "foreach", "gate", "agent", "csv.read", "http.request", "switch", "repeat", "wait"])
)
def test_checking_never_raises(value, kind):
    """Whatever the data, the answer is a list of diagnostics."""
    task = {"id": "a", "type": kind, **(value if isinstance(value, dict) else {})}
    for data in (value, {"id": "f", "tasks": [task]}, {"id": "f", "tasks": value, "triggers": value, "inputs": value}):
        found = compile_data(data, "f.yaml", FakeWorld())
        assert found.plan is not None or found.diagnostics
