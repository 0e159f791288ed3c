"""Every kind of mistake: a small flow each, with the code and the place that its author is shown."""

import textwrap

import pytest

from workflows.flow.compile import compile_flow

READ = "  - {id: r, type: csv.read, from: x.csv, columns: {amount: number, name: string}}\n"
HEAD = "id: f\ninputs:\n  - {id: n, type: number}\nvars: {v: 1}\ntasks:\n"
AGENT = "  - {id: ai, type: agent, prompt: p, output: {risk: {enum: [low, high]}, why: string}}\n"


def gate(extra: str = "", approve: str = "reviewers: {groups: [fraud]}") -> str:
    """A gate in lines 6 to 12 of a flow; ``approve`` is line 12, and ``extra`` begins in line 13."""
    lines = [
        "  - id: g",
        "    type: gate",
        "    title: T",
        "    suggest:",
        "      {type: agent, prompt: p, output: {risk: {enum: [low, high]}, score: number}}",
        "    approve:",
        f"      {approve}",
        textwrap.indent(extra, "    "),
    ]
    return HEAD + "\n".join(lines)


SUGGESTS = gate().replace(
    "{type: agent, prompt: p, output: {risk: {enum: [low, high]}, score: number}}",
    "{type: csv.write, path: x, rows: []}",
)

TABLE = [
    # structure
    ("[]", "wrong-type", 1, 1),
    ("tasks: x\nid: f\n", "wrong-type", 1, 8),
    ("id: f\n", "missing-key", 1, 1),
    ("id: F\ntasks:\n" + READ, "bad-value", 1, 5),
    ("id: f\nnamespace: A.b\ntasks:\n" + READ, "bad-value", 2, 12),
    ("id: f\nvisto: 2\ntasks:\n" + READ, "bad-value", 2, 8),
    ("id: f\ntaks: 1\ntasks:\n" + READ, "unknown-key", 2, 1),
    ("id: f\ntasks:\n  - x\n", "wrong-type", 3, 5),
    ("id: f\ntasks:\n  - {id: a}\n", "missing-key", 3, 5),
    ("id: f\ntasks:\n  - {type: csv.read, from: x}\n", "missing-key", 3, 5),
    (HEAD + "  - {id: a, type: csv.raed, from: x}\n", "unknown-type", 6, 19),
    (HEAD + "  - {id: a, type: csv.read, form: x}\n", "unknown-key", 6, 29),
    # a template stands for a value, never for a key: neither unknown nor missing keys hide behind one
    (HEAD + "  - {id: a, type: csv.read, from: x, colour: '{{ execution.id }}'}\n", "unknown-key", 6, 38),
    (HEAD + "  - {id: a, type: csv.read, columns: {a: '{{ execution.id }}'}}\n", "missing-key", 6, 5),
    (HEAD + "  - {id: a, type: csv.read, from: x, colums: {}}\n", "unknown-key", 6, 38),
    (HEAD + "  - {id: a, type: csv.read, from: 5}\n", "wrong-type", 6, 35),
    (HEAD + "  - {id: a, type: csv.read, from: x, columns: {a: colour}}\n", "bad-value", 6, 51),
    (HEAD + "  - {id: a, type: csv.read, from: x, timeout: 5}\n", "bad-duration", 6, 47),
    (HEAD + "  - {id: a, type: csv.read, from: x, timeout: 5 min}\n", "bad-duration", 6, 47),
    (HEAD + "  - {id: a, type: csv.read, from: x, retry: {attempts: 0}}\n", "bad-value", 6, 56),
    (HEAD + "  - {id: a, type: csv.read, from: x, retry: {on: [never]}}\n", "bad-value", 6, 51),
    (HEAD + "  - {id: a, type: csv.read, from: x, allow_failure: maybe}\n", "wrong-type", 6, 53),
    (HEAD + READ + READ, "duplicate-id", 7, 10),
    (HEAD + READ + "defaults: {csv.raed: {}}\n", "unknown-type", 7, 12),
    (HEAD + READ + "budget: {usd: -1}\n", "bad-value", 7, 15),
    (HEAD + READ + "concurrency: {limit: 1, on_limit: explode}\n", "bad-value", 7, 35),
    # inputs and triggers
    ("id: f\ninputs:\n  - {id: a, type: colour}\ntasks:\n" + READ, "bad-value", 3, 19),
    ("id: f\ninputs:\n  - {id: a}\n  - {id: a}\ntasks:\n" + READ, "duplicate-id", 4, 10),
    ("id: f\ninputs:\n  - {id: a, type: int, default: x}\ntasks:\n" + READ, "bad-default", 3, 33),
    ("id: f\ninputs:\n  - {id: a, type: int, default: 9, max: 5}\ntasks:\n" + READ, "bad-default", 3, 33),
    ("id: f\ninputs:\n  - {id: a, pattern: '('}\ntasks:\n" + READ, "bad-pattern", 3, 22),
    ("id: f\ninputs:\n  - {id: a, type: select}\ntasks:\n" + READ, "missing-key", 3, 5),
    ("id: f\ntriggers:\n  - {id: t, type: webhok}\ntasks:\n" + READ, "unknown-type", 3, 19),
    ("id: f\ntriggers:\n  - {id: t, type: webhook, auth: {type: bearer}}\ntasks:\n" + READ, "missing-key", 3, 34),
    (HEAD + READ + "triggers:\n  - {id: t, type: webhook, auth: {secret: S}}\n", "missing-input", 8, 5),
    (HEAD + READ + "triggers:\n  - {id: t, type: webhook, auth: {secret: S}, inputs: {n: 1, m: 2}}\n", "unknown-input", 8, 62),
    (HEAD + READ + "triggers:\n  - {id: t, type: webhook, auth: {secret: S}, inputs: {n: '{{ inputs.n }}'}}\n", "not-here", 8, 59),
    (
        "id: f\ninputs:\n  - {id: a, type: file}\ntriggers:\n  - id: t\n    type: webhook\n    auth: {secret: S}\n"
        "    inputs:\n      a: '{{ trigger.body.u }}'\ntasks:\n" + READ, "missing-connection", 9, 10,
    ),
    # expressions and references
    (HEAD + "  - {id: a, type: set, values: {x: '{{ 1 + }}'}}\n", "expression", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ n | nope }}'}}\n", "expression", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ open'}}\n", "expression", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{% if a %}'}}\n", "expression", 6, 36),
    (HEAD + "  - id: a\n    type: set\n    when: inputs.n > 1 and # 5\n    values: {x: 1}\n", "expression", 8, 11),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ nobody }}'}}\n", "unknown-name", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ item.x }}'}}\n", "unknown-name", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ final.x }}'}}\n", "unknown-name", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ inputs.m }}'}}\n", "unknown-input", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ vars.w }}'}}\n", "unknown-var", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ secrets.KEY }}'}}\n", "secret-not-allowed", 6, 36),
    (HEAD + "  - {id: a, type: http.request, headers: {A: '{{ secrets.K | upper }}'}}\n", "secret-not-allowed", 6, 46),
    (HEAD + "  - {id: a, type: http.request, headers: {A: '{{ secrets.K }}{{ inputs.n }}'}}\n", "secret-not-allowed", 6, 46),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ outputs.b.x }}'}}\n", "unknown-output", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ outputs.r.rows }}'}}\n" + READ, "output-later", 6, 36),
    (HEAD + "  - {id: a, type: set, values: {x: '{{ outputs.a.x }}'}}\n", "output-later", 6, 36),
    (HEAD + READ + "  - {id: a, type: set, values: {x: '{{ outputs.r.row }}'}}\n", "unknown-field", 7, 36),
    (HEAD + READ + "  - {id: e, type: foreach, items: '{{ outputs.r.rows }}', tasks: [{id: s, type: set, values: {x: '{{ item.amont }}'}}]}\n", "unknown-field", 7, 98),
    (HEAD + "  - {id: e, type: foreach, items: [1], tasks: [{id: s, type: set, values: {x: 1}}]}\n  - {id: a, type: set, values: {x: '{{ outputs.s.x }}'}}\n", "output-elsewhere", 7, 36),
    (HEAD + "  - {id: e, type: foreach, items: [1], result: z, tasks: [{id: s, type: set, values: {x: 1}}]}\n", "unknown-output", 6, 48),
    (HEAD + "  - {id: a, type: set, when: inputs.n == '5', values: {x: 1}}\n", "compare-types", 6, 30),
    (HEAD + READ + "  - {id: e, type: foreach, items: '{{ outputs.r.rows }}', tasks: [{id: s, type: set, when: item.name > 5, values: {x: 1}}]}\n", "compare-types", 7, 92),
    (HEAD + "  - {id: a, type: set, when: inputs.n, values: {x: 1}}\n", "not-a-condition", 6, 30),
    (HEAD + READ + "  - {id: a, type: set, when: outputs.r.rows | length, values: {x: 1}}\n", "not-a-condition", 7, 30),
    (HEAD + READ + "outputs: {x: '{{ outputs.q.rows }}'}\n", "unknown-output", 7, 14),
    # order
    (HEAD + "  - {id: s, type: stop}\n" + READ, "unreachable", 7, 5),
    (HEAD + "  - {id: r, type: csv.read, from: x, when: false}\n", "unreachable", 6, 44),
    # gates
    (gate("on_reject: explode\n"), "bad-value", 13, 16),
    (gate("output: {meta: string}\n"), "reserved-name", 13, 14),
    (gate(approve="reviewers: {groups: [frod]}"), "unknown-group", 12, 28),
    (gate(approve="reviewers: {groups: [fraud], quorum: 4}"), "quorum-unreachable", 12, 44),
    (gate(approve="reviewers: {groups: [fraud], quorum: 2 of 5}"), "quorum-unreachable", 12, 44),
    (gate(approve="reviewers: {groups: [empty]}"), "quorum-unreachable", 12, 18),
    (gate(approve="reviewers: {groups: [fraud], quorum: most}"), "bad-quorum", 12, 44),
    (gate(approve="stages: [{groups: [fraud]}, {groups: [fraud-leads], quorum: 2}]"), "quorum-unreachable", 12, 67),
    (gate(approve="editable: [rissk]"), "unknown-field", 12, 18),
    (gate(approve="auto_when: suggestion.meta.stated_confidence > 0.9"), "stated-confidence", 12, 18),
    (gate(approve="auto_when: suggestion.score == 'high'"), "compare-types", 12, 18),
    (gate(approve="auto_when: suggestion.scroe > 1"), "unknown-field", 12, 18),
    (gate(approve="expire: {after: soon}"), "bad-duration", 12, 23),
    (gate("validate:\n  - {require: suggestion.risk ==}\n"), "expression", 14, 19),
    (gate("validate:\n  - {require: final.risk == 'low'}\n"), "unknown-name", 14, 19),
    (gate("enrich:\n  - {id: w, type: csv.write, path: x, rows: []}\n"), "enrich-writes", 14, 23),
    (SUGGESTS, "suggest-writes", 10, 14),
    (gate("enrich:\n  - {id: w, type: http.request, method: POST}\n"), "enrich-writes", 14, 23),
    (gate("enrich:\n  - {id: w, type: foreach, items: [], tasks: [{id: z, type: set, values: {a: 1}}]}\n"), "wrong-place", 14, 23),
    (gate("on_approve:\n  - {id: w, type: csv.write, path: x, rows: ['{{ execution.now }}']}\n"), "not-here", 14, 50),
    (gate("on_approve:\n  - {id: w, type: csv.write, path: x, rows: ['{{ suggestion.risk }}']}\n"), "not-here", 14, 50),
    (
        gate("on_approve:\n  - {id: w, type: csv.write, path: x, rows: []}\n  - {id: v, type: file.write, path: y, text: '{{ outputs.w.path }}'}\n"),
        "output-elsewhere", 15, 50,
    ),
    (HEAD + "  - {id: g, type: gate, title: T}\n", "missing-key", 6, 5),
    (HEAD + "  - {id: g, type: gate, title: T, suggestion: {a: 1}, revise: 1}\n", "cannot-revise", 6, 55),
    (HEAD + "  - {id: ai, type: agent, prompt: p, output: {meta: string}}\n", "reserved-name", 6, 47),
    # secrets by hand
    (HEAD + "  - {id: w, type: csv.write, path: x, rows: [{$secret: [{name: KEY}]}]}\n", "reserved-name", 6, 47),
    # taint
    (HEAD + AGENT + "  - {id: w, type: csv.write, path: x, rows: ['{{ outputs.ai.risk }}']}\n", "ungated-write", 7, 45),
    (HEAD + AGENT + "  - {id: w, type: csv.write, path: x, rows: ['{{ outputs }}']}\n", "ungated-write", 7, 45),
    # a model never chooses an address, also of a request that only reads
    (HEAD + AGENT + "  - {id: r, type: http.request, url: '{{ outputs.ai.why }}'}\n", "model-url", 7, 38),
    (HEAD + AGENT + "  - {id: r, type: http.request, url: 'https://{{ outputs.ai.why }}/a'}\n", "model-url", 7, 38),
    (HEAD + AGENT + "  - {id: r, type: http.request, url: 'https://a.example{{ outputs.ai.why }}'}\n", "model-url", 7, 38),
    (gate("enrich: [{id: r, type: http.request, url: '{{ suggestion.risk }}'}]\n"), "model-url", 13, 47),
    (HEAD + AGENT + "  - {id: s, type: set, values: {a: '{{ outputs.ai.why }}'}}\n  - {id: w, type: file.write, path: x, text: '{{ outputs.s.a }}'}\n", "ungated-write", 8, 46),
    (
        HEAD + "  - {id: e, type: foreach, items: [1], tasks: [{id: ai, type: agent, prompt: p, output: {a: string}}]}\n"
        "  - {id: w, type: csv.write, path: x, rows: '{{ outputs.e.results }}'}\n", "ungated-write", 7, 45,
    ),
    (
        HEAD + "  - {id: ai, type: agent, prompt: p, output: {l: array}}\n"
        "  - {id: e, type: foreach, items: '{{ outputs.ai.l }}', tasks: [{id: w, type: file.write, path: x, text: '{{ item }}'}]}\n",
        "ungated-write", 7, 106,
    ),
    (HEAD + AGENT + READ + "errors:\n  - {id: w, type: csv.write, path: x, rows: ['{{ error.message }}']}\n", "ungated-write", 9, 45),
    # an inner element's ``parent`` is the outer element, wherever its own items come from
    (
        HEAD + "  - {id: ai, type: agent, prompt: p, output: {names: array}}\n"
        "  - {id: o, type: foreach, items: '{{ outputs.ai.names }}', tasks: [{id: i, type: foreach, items: [1], tasks: [{id: w, type: file.write, path: x, text: '{{ parent.item }}'}]}]}\n",
        "ungated-write", 7, 153,
    ),
    # the reason why an element failed may be the model's own words
    (
        HEAD + "  - {id: e, type: foreach, items: [1], on_failure: collect, tasks: [{id: ai, type: agent, prompt: p, output: {why: string}}, {id: no, type: fail, message: '{{ outputs.ai.why }}'}]}\n"
        "  - {id: w, type: file.write, path: x, text: '{{ outputs.e.failed | tojson }}'}\n", "ungated-write", 7, 46,
    ),
    # names of the world
    (HEAD + "  - {id: a, type: http.request, connection: crn}\n", "unknown-connection", 6, 45),
    (HEAD + "  - {id: a, type: rag.search, collection: nope, query: x}\n", "unknown-collection", 6, 43),
    (HEAD + "  - {id: ai, type: agent, model: big, prompt: p, output: {a: string}}\n", "unknown-model", 6, 34),
    (HEAD + "  - {id: ai, type: agent, prompt: p, output: {a: strng}}\n", "bad-value", 6, 50),
    (HEAD + "  - {id: ai, type: agent, prompt: p, output: {a: string}, tools: [{name: t, type: nope}]}\n", "unknown-type", 6, 83),
    # what does not run yet
    (HEAD + READ + "triggers:\n  - {id: t, type: schedule, cron: 0 6 * * *, inputs: {n: 1}}\n", "not-available", 8, 19),
    (HEAD + "  - {id: w, type: wait, for: 5m}\n", "not-available", 6, 19),
    (HEAD + READ + "  - {id: a, type: set, needs: [r], values: {x: 1}}\n", "not-available", 7, 24),
    (gate(approve="second_look: 5%"), "not-available", 12, 7),
    (gate(approve="escalate: {after: 1d, to: {groups: [fraud-leads]}}"), "not-available", 12, 7),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line", "column"), TABLE, ids=[f"{row[1]}-{n}" for n, row in enumerate(TABLE)]
)
def test_each_mistake_has_its_code_and_place(world, text, code, line, column):
    """Exactly one problem is reported: no mistake causes a second message elsewhere."""
    found = compile_flow(text, "f.yaml", world)
    assert [(one.code, one.line, one.column) for one in found.diagnostics] == [(code, line, column)], "\n".join(
        map(str, found.diagnostics)
    )
    assert found.plan is None


@pytest.mark.parametrize(("needs", "code"), [("[b]", "needs-cycle"), ("[a]", "needs-cycle"), ("[zz]", "unknown-need")])
def test_needs_name_tasks_and_make_no_circle(world, needs, code):
    text = (
        HEAD
        + f"  - {{id: a, type: set, needs: {needs}, values: {{x: 1}}}}\n  - {{id: b, type: set, needs: [a], values: {{x: 1}}}}\n"
    )
    assert code in {one.code for one in compile_flow(text, "f.yaml", world).diagnostics}


@pytest.mark.parametrize(
    "cron", ["0 6 * *", "60 * * * *", "* * * * mon-sum", "*/0 * * * *", "5-1 * * * *", "a * * * *"]
)
def test_a_cron_expression_that_names_no_moment_is_refused(world, cron):
    text = HEAD + READ + f"triggers:\n  - {{id: t, type: schedule, cron: '{cron}', inputs: {{n: 1}}}}\n"
    assert "bad-cron" in {one.code for one in compile_flow(text, "f.yaml", world).diagnostics}


def test_all_problems_come_in_one_pass_in_the_order_of_the_text(world):
    text = "id: f\nlables: {}\ntasks:\n  - {id: a, type: csv.raed}\n  - {id: b, type: set, values: {x: '{{ inputs.q }}'}}\n"
    found = compile_flow(text, "f.yaml", world).diagnostics
    assert [one.code for one in found] == ["unknown-key", "unknown-type", "unknown-input"]
    assert found[0].hint == "did you mean `labels`?"
    assert found[1].hint == "did you mean `csv.read`?"


def test_a_comment_that_swallowed_a_text_is_pointed_out(world):
    text = "id: f\ntasks:\n  - id: a\n    type: file.read\n    path: #inbox\n"
    (found,) = compile_flow(text, "f.yaml", world).diagnostics
    assert (found.code, found.line) == ("wrong-type", 5)
    assert "comment" in found.hint
