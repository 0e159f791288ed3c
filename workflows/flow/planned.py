"""The plan: what actually runs. Plain data, sent to Temporal as workflow input; the interpreter consults nothing else.

Every default is written out here, so a later change of defaults changes no execution under way.
Durations are integers in milliseconds (``*_ms``). Texts may hold ``{{ expressions }}``; the fields named
``when``, ``require``, ``auto_when`` and ``until`` are expressions without braces.
A secret reference is ``{"$secret": ["literal ", {"name": "NAME"}, " literal"]}``; it is resolved inside activities only.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PLAN_SCHEMA_V = 1

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

Kind = Literal[
    "activity",  # any connector: one activity
    "agent",
    "rag.search",
    "rag.ingest",
    "gate",
    "foreach",
    "parallel",
    "switch",
    "repeat",
    "subflow",
    "wait",
    "set",
    "stop",
    "fail",
]
Effect = Literal["none", "read", "write"]
Queue = Literal["visto", "visto-ai", "visto-bulk"]


class Planned(BaseModel):
    """Base of everything in a plan: immutable, and tolerant of fields that a newer version wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RetryPlan(Planned):
    """How an activity is tried again. ``attempts`` counts the first try; 1 means never again."""

    attempts: int = 3
    every_ms: int = 1_000
    backoff: Literal["constant", "exponential"] = "exponential"
    max_every_ms: int = 60_000
    jitter: bool = True
    on: tuple[str, ...] = ("timeout", "rate_limit", "server_error")


class ForeachPlan(Planned):
    """``items`` is a template for a list or an artifact reference; ``result`` names the task whose output counts."""

    items: Json
    concurrency: int = 10
    on_failure: Literal["fail", "collect"] = "fail"
    result: str
    tasks: tuple[TaskPlan, ...]


class BranchPlan(Planned):
    """``parallel`` (every branch), ``switch`` (the case equal to ``value``, else ``default``)."""

    value: Json = None
    cases: dict[str, tuple[TaskPlan, ...]] = Field(default_factory=dict)
    default: tuple[TaskPlan, ...] | None = None


class ShowField(Planned):
    """One line of the reviewer's view. ``value`` is a template; ``format`` is e.g. ``money EUR``, ``date``, ``text``."""

    label: str
    value: Json
    format: str = "text"


class RulePlan(Planned):
    """A validation rule: fails when ``when`` is absent or true and ``require`` is not true (or raises)."""

    require: str
    message: str
    when: str | None = None


class StagePlan(Planned):
    """Who may decide at this stage and how many must agree (``quorum``: a number, or ``"all"``)."""

    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    quorum: int | Literal["all"] = 1


class RemindPlan(Planned):
    every_ms: int
    max: int = 3


class EscalatePlan(Planned):
    after_ms: int
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class ExpirePlan(Planned):
    """``after_ms`` counts from the gate's first opening. ``then: approve`` exists only when the YAML says so."""

    after_ms: int
    then: Literal["reject", "approve", "fail"] = "reject"


class ApprovePlan(Planned):
    """Policy first, people next. ``second_look`` is a share 0..1 of automatic decisions that people see afterwards."""

    auto_when: str | None = None
    second_look: float = 0.0
    stages: tuple[StagePlan, ...]
    exclude: tuple[Literal["requester", "author", "editor"], ...] = ("requester",)
    editable: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notify: tuple[Json, ...] = ()
    remind: RemindPlan | None = None
    escalate: EscalatePlan | None = None
    expire: ExpirePlan | None = None
    max_rounds: int = 5
    priority: str | int = 0


class GatePlan(Planned):
    """suggest (or ``suggestion``) -> validate -> enrich -> approve -> on_approve.

    ``output_schema`` is the JSON Schema of the suggestion's fields; ``on_approve`` tasks are effects whose
    resolved properties are shown to the reviewer and are part of the action digest.
    """

    title: str
    show: tuple[ShowField, ...] = ()
    suggest: TaskPlan | None = None
    suggestion: Json = None
    output_schema: dict[str, Json]
    rules: tuple[RulePlan, ...] = ()
    revise: int = 0
    on_invalid: Literal["escalate", "reject", "fail"] = "escalate"
    enrich: tuple[TaskPlan, ...] = ()
    approve: ApprovePlan
    on_approve: tuple[TaskPlan, ...] = ()
    on_reject: Literal["stop", "continue", "fail"] = "stop"


class TaskPlan(Planned):
    """One task, resolved: its kind, queue, effect and timeouts no longer depend on any registry.

    ``quick``: it takes milliseconds inside the worker, may be repeated, and is tried beside the workflow first.
    """

    id: str
    type: str
    kind: Kind
    when: str | None = None
    needs: tuple[str, ...] | None = None
    retry: RetryPlan = RetryPlan()
    timeout_ms: int | None = None
    timeout_includes_waiting: bool = False
    allow_failure: bool = False
    effect: Effect = "none"
    queue: Queue = "visto"
    idempotent: bool = True
    quick: bool = False
    properties: dict[str, Json] = Field(default_factory=dict)
    gate: GatePlan | None = None
    foreach: ForeachPlan | None = None
    branch: BranchPlan | None = None


class InputPlan(Planned):
    id: str
    type: str
    required: bool = True
    default: Json = None
    description: str = ""
    enum: tuple[Json, ...] | None = None
    pattern: str | None = None
    min: Json = None
    max: Json = None
    json_schema: dict[str, Json] | None = None


class OutputPlan(Planned):
    value: Json
    type: str = "json"


class ConcurrencyPlan(Planned):
    limit: int
    on_limit: Literal["queue", "cancel", "fail"] = "queue"


class BudgetPlan(Planned):
    usd: float | None = None
    tokens: int | None = None


class TriggerPlan(Planned):
    """``properties`` keeps the trigger's own keys (``auth``, ``cron`` ...); ``inputs`` maps the event to inputs."""

    id: str
    type: str
    inputs: dict[str, Json] = Field(default_factory=dict)
    properties: dict[str, Json] = Field(default_factory=dict)


class FlowPlan(Planned):
    """The whole flow, ready to run. ``revision_sha256`` identifies the normalised bundle it was made from."""

    schema_v: int = PLAN_SCHEMA_V
    language: int = 1
    namespace: str = "default"
    flow_id: str
    revision: int = 0
    revision_sha256: str = ""
    mode: Literal["suggest", "auto"] = "suggest"
    description: str = ""
    inputs: tuple[InputPlan, ...] = ()
    vars: dict[str, Json] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    triggers: tuple[TriggerPlan, ...] = ()
    timeout_ms: int | None = None
    timeout_includes_waiting: bool = False
    concurrency: ConcurrencyPlan | None = None
    budget: BudgetPlan | None = None
    tasks: tuple[TaskPlan, ...]
    errors: tuple[TaskPlan, ...] = ()
    finally_: tuple[TaskPlan, ...] = ()
    outputs: dict[str, OutputPlan] = Field(default_factory=dict)


ForeachPlan.model_rebuild()
BranchPlan.model_rebuild()
GatePlan.model_rebuild()
