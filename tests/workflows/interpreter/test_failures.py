"""When steps fail: retries, permanent errors, timeouts, failures that are allowed, and models that misbehave."""

from __future__ import annotations

from tests.workflows.interpreter.remote import Remote
from tests.workflows.interpreter.stage import Stage

GET = """
id: get
tasks:
  - id: ask
    type: http.request
    connection: remote
    path: /thing
    MORE
  - {id: after, type: set, values: {ran: true}}
outputs:
  ran: {value: "{{ outputs.after.ran }}", type: bool}
"""
RETRY = "retry: {attempts: 3, every: 10ms, jitter: false}"


def get(more: str) -> str:
    return GET.replace("MORE", more)


async def test_a_transient_error_is_tried_again_until_it_succeeds(stage: Stage, remote: Remote) -> None:
    remote.answers.extend([503, 500])
    ended = await stage.run(get(RETRY))
    assert ended.state == "succeeded"
    assert len(remote.requests) == 3


async def test_success_at_the_first_attempt_is_one_attempt(stage: Stage, remote: Remote) -> None:
    await stage.run(get(RETRY))
    assert len(remote.requests) == 1


async def test_attempts_are_bounded_and_counted_in_the_reason(stage: Stage, remote: Remote) -> None:
    remote.answers.extend([503] * 9)
    ended = await stage.run(get(RETRY))
    assert ended.state == "failed"
    assert len(remote.requests) == 3
    assert ended.reason is not None
    assert ended.reason["task"] == "ask"
    assert "(3 attempts)" in ended.reason["message"]
    assert ended.reason["remedy"]


async def test_a_permanent_error_is_never_tried_again(stage: Stage, remote: Remote) -> None:
    remote.answers.extend([400] * 9)
    ended = await stage.run(get(RETRY))
    assert ended.state == "failed"
    assert len(remote.requests) == 1


async def test_only_the_named_errors_are_tried_again(stage: Stage, remote: Remote) -> None:
    remote.answers.extend([503] * 9)
    await stage.run(get("retry: {attempts: 3, every: 10ms, on: [rate_limit]}"))
    assert len(remote.requests) == 1


async def test_the_wait_that_the_other_side_asks_for_is_kept_within_the_maximum(stage: Stage, remote: Remote) -> None:
    """Retry-After of an hour would stall the flow: ``max_every`` bounds it."""
    remote.answers.append(429)
    remote.headers["Retry-After"] = "3600"
    ended = await stage.run(get("retry: {attempts: 2, every: 10ms, max_every: 50ms}"))
    assert ended.state == "succeeded"
    assert len(remote.requests) == 2


async def test_an_allowed_failure_is_a_warning_and_the_flow_goes_on(stage: Stage, remote: Remote) -> None:
    remote.answers.append(400)
    ended = await stage.run(get("allow_failure: true"))
    assert ended.state == "warning"
    assert ended.outputs == {"ran": True}


async def test_a_step_that_takes_too_long_times_out(stage: Stage, remote: Remote) -> None:
    remote.pause_s = 30
    ended = await stage.run(get("timeout: 200ms\n    retry: {attempts: 1}"))
    assert ended.state == "failed"
    assert ended.reason is not None
    assert ended.reason["code"] == "timeout"


async def test_a_flow_that_works_too_long_times_out_and_says_so(stage: Stage, remote: Remote) -> None:
    remote.pause_s = 30
    ended = await stage.run("timeout: 300ms\n" + get(""))
    assert ended.state == "timed_out"
    assert ended.reason is not None
    assert "300ms" in ended.reason["message"]


WAITING = """
id: waits
timeout: TIMEOUT
tasks:
  - id: review
    type: gate
    title: Wait
    suggestion: {risk: low}
    output: {risk: {type: string}}
    approve: {reviewers: {groups: [fraud]}}
"""


async def test_waiting_for_people_does_not_count_as_working_time(stage: Stage) -> None:
    handle = await stage.start(WAITING.replace("TIMEOUT", "1s"))
    [gate] = await stage.open_gates(handle.id)
    opened = gate.opened_at
    await stage.until(lambda: (stage.db.clock() - opened).total_seconds() > 1.5)
    await stage.answer(gate)
    assert (await stage.ended(handle)).state == "succeeded"


async def test_unless_the_flow_says_that_waiting_counts(stage: Stage) -> None:
    """The gate is withdrawn with the execution: a late click changes nothing."""
    handle = await stage.start(WAITING.replace("TIMEOUT", "{after: 1s, includes_waiting: true}"))
    await stage.open_gates(handle.id)
    ended = await stage.ended(handle)
    assert ended.state == "timed_out"
    assert [gate.state for gate in stage.gates(handle.id, only_open=False)] == ["withdrawn"]


async def test_a_gate_that_expires_rejects_by_default(stage: Stage) -> None:
    flow = WAITING.replace("timeout: TIMEOUT\n", "").replace(
        "groups: [fraud]}}", "groups: [fraud]}, expire: {after: 300ms}}"
    )
    handle = await stage.start(flow)
    ended = await stage.ended(handle)
    assert ended.state == "rejected"
    assert ended.reason is not None
    assert ended.reason["code"] == "expired"


async def test_an_expression_that_cannot_be_evaluated_fails_its_task_with_a_hint(stage: Stage) -> None:
    ended = await stage.run(
        """
id: bad
inputs: [{id: row, type: json}]
tasks:
  - {id: name, type: set, values: {n: "{{ inputs.row.missing }}"}}
""",
        {"row": {"n": 1}},
    )
    assert ended.state == "failed"
    assert ended.reason is not None
    assert ended.reason["code"] == "expression"
    assert "missing" in ended.reason["message"]


async def test_a_post_of_unknown_outcome_is_not_sent_twice(stage: Stage, remote: Remote) -> None:
    """The connection dies after the request was sent: only a person can know whether it happened."""
    remote.pause_s = 30
    flow = get("method: POST\n    timeout: 300ms\n    retry: {attempts: 5, every: 10ms}").replace(
        "id: get\n", "id: post\nmode: auto\n"
    )
    ended = await stage.run(flow)
    assert ended.state == "failed"
    assert ended.reason is not None
    assert ended.reason["code"] == "unknown_outcome"
    assert "only if it did not" in ended.reason["remedy"]
    assert len(remote.requests) == 1
    assert len(set(remote.keys)) == 1
