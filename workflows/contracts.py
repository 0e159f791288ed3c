"""Names and models of everything the workflow says to the outside: activities, signals, its own input and result.

The interpreter calls activities by these names and never imports them. One input model per activity, so that running
workflows survive new fields. Every model ignores fields it does not know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from workflows.flow.planned import FlowPlan, GatePlan, TaskPlan

Json = Any

QUEUE = "visto"
QUEUE_AI = "visto-ai"
QUEUE_BULK = "visto-bulk"

EXECUTION_WORKFLOW = "visto.execution"
CHUNK_WORKFLOW = "visto.chunk"
DOORBELL_SIGNAL = "ring"
"""Carries an id and nothing else: the workflow reads what happened from the store."""

AGENT_RUN = "agent.run"
RAG_SEARCH = "rag.search"
RAG_INGEST = "rag.ingest"
CONNECTOR_CALL = "connector.call"
GATE_OPEN = "gate.open"
GATE_LOAD = "gate.load"
GATE_WITHDRAW = "gate.withdraw"
EXECUTION_RECORD = "execution.record"
SLOT_ACQUIRE = "slot.acquire"
SLOT_RELEASE = "slot.release"
ITEMS_LOAD = "items.load"
ITEMS_STORE = "items.store"

TIMEOUT_GRACE = timedelta(seconds=15)
"""How much longer than the step's own timeout Temporal waits before it gives the step to another worker."""

State = Literal[
    "created", "queued", "running", "waiting", "succeeded", "warning", "failed", "rejected", "cancelled", "timed_out"
]  # fmt: skip
TERMINAL: frozenset[str] = frozenset({"succeeded", "warning", "failed", "rejected", "cancelled", "timed_out"})
UNDER_WAY: frozenset[str] = frozenset(get_args(State)) - TERMINAL


class Contract(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Reason(Contract):
    """Why something is in its state; every channel prints ``message`` with the same words.

    ``code`` is stable (``waiting_for_decision``, ``rejected``, ``task_failed``, ``queued_behind`` ...).
    """

    code: str
    message: str
    task: str | None = None
    actor: str | None = None
    remedy: str | None = None
    link: str | None = None


class Limits(Contract):
    """When a run starts afresh and how work is divided; in the input, so that tests can make them small.

    A ``foreach`` over more than ``chunk_items`` elements runs in child workflows, each with at most
    ``chunk_items_max``. A dead worker is noticed after ``heartbeat_ms``. Model calls go to the workers of ``visto-ai`` when
    ``separate_ai``; else to the worker that runs the workflow, which gets them without asking the server for work.
    ``instant_models`` are the aliases whose model answers inside the worker; workers check it again.
    """

    history_events: int = 4_000
    chunk_items: int = 200
    chunk_items_max: int = 1_000
    inline_bytes: int = 256 * 1024
    heartbeat_ms: int = 5_000
    separate_ai: bool = False
    instant_models: tuple[str, ...] = ()


class Where(Contract):
    """Which run an activity works for. ``path`` is the task path (``triage/review/write``), ``item_key`` the element
    (``""`` outside ``foreach``, else indices joined by dots), ``generation`` rises with a deliberate re-run."""

    namespace: str
    execution_id: str
    flow_id: str
    revision: int
    revision_sha256: str
    path: str = ""
    item_key: str = ""
    generation: int = 0


class Outcome(Contract):
    """How a task ended, as remembered across continue-as-new and restart."""

    state: Literal["succeeded", "warning", "skipped", "rejected", "failed"]
    output: Json = None
    reason: Reason | None = None


class RunInput(Contract):
    """Input of ``visto.execution``. ``done`` remembers finished tasks by ``path`` or ``path[item_key]``: they are not
    run again. ``working_ms`` is the working time already used. ``reruns`` counts deliberate re-runs per task: it makes
    their operations new ones.
    """

    schema_v: int = 1
    namespace: str
    execution_id: str
    plan: FlowPlan
    inputs: dict[str, Json] = Field(default_factory=dict)
    trigger: dict[str, Json] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    requester_id: str | None = None
    author_id: str | None = None
    reference: str | None = None
    generation: int = 0
    limits: Limits = Limits()
    done: dict[str, Outcome] = Field(default_factory=dict)
    failed: list[str] = Field(default_factory=list)
    reruns: dict[str, int] = Field(default_factory=dict)
    working_ms: int = 0
    started_ms: int | None = None


class ChunkInput(Contract):
    """Input of ``visto.chunk``: elements ``start``..``stop`` of a ``foreach``, and the frame it stands in."""

    schema_v: int = 1
    run: RunInput
    task: TaskPlan
    path: str
    item_key: str = ""
    names: dict[str, Json] = Field(default_factory=dict)
    outputs: dict[str, Json] = Field(default_factory=dict)
    start: int
    stop: int
    items: list[Json] | None = None
    items_ref: dict[str, Json] | str | None = None
    concurrency: int
    siblings: int = 1


class RunResult(Contract):
    """What an execution ended with; the same fields that ``execution.record`` stored.

    ``decision`` is the ``meta`` of the flow's last gate outside ``foreach``. ``failed`` names what a restart runs again.
    """

    state: State
    outputs: dict[str, Json] = Field(default_factory=dict)
    reason: Reason | None = None
    decision: dict[str, Json] | None = None
    failed: list[str] = Field(default_factory=list)


class ChunkResult(Contract):
    """What the elements of one chunk came to. ``stored`` replaces ``results`` when they are many."""

    results: list[Json] = Field(default_factory=list)
    stored: dict[str, Json] | None = None
    rejected: list[Json] = Field(default_factory=list)
    failed: list[Json] = Field(default_factory=list)
    rerun: list[str] = Field(default_factory=list)
    finished: int = 0
    warned: bool = False


class AgentIn(Contract):
    """``properties`` are the agent task's, rendered; ``objections`` are earlier answers and why they were not taken."""

    where: Where
    properties: dict[str, Json]
    output_schema: dict[str, Json]
    objections: list[dict[str, Json]] = Field(default_factory=list)
    round: int = 0
    op_id: str
    budget: dict[str, Json] | None = None


class TaskIn(Contract):
    """Any other outside step. ``permit`` binds an effect to the decision that allowed it."""

    where: Where
    type: str
    properties: dict[str, Json]
    op_id: str
    effect: str
    idempotent: bool = True
    permit: PermitClaim | None = None


class PermitClaim(Contract):
    """What an effect says it was allowed by; preflight believes none of it before comparing it with the store."""

    gate_id: str
    action_digest: str
    effect_path: str


class StepOut(Contract):
    """What an outside step returned."""

    output: Json = None


class GateOpenIn(Contract):
    """Opens a gate revision, or finds that it is open or decided already.

    ``round`` counts the requests for changes that the workflow has answered.
    """

    where: Where
    gate_id: str
    workflow_id: str
    item_index: int | None = None
    gate: GatePlan
    scope: dict[str, Json]
    view: str
    action_digest: str
    fields: dict[str, Json]
    meta: dict[str, Json] = Field(default_factory=dict)
    requester_id: str | None = None
    author_id: str | None = None
    auto: bool = False
    rejected_by_rules: bool = False
    round: int = 0
    parked: bool = False


class GateLoadIn(Contract):
    """Asks what became of a gate. ``due`` says that its own deadline came."""

    where: Where
    gate_id: str
    due: bool = False


class GateStatus(Contract):
    """What the store says about a gate. ``next_due_ms`` (epoch) is its own next deadline, if it has one.

    ``outcome`` is ``None`` while people have not decided. ``comment`` belongs to ``changes_requested``; ``permits``
    says whether the effects of a yes may run.
    """

    gate_id: str
    revision: int
    round: int = 0
    permits: bool = False
    outcome: str | None = None
    action_digest: str = ""
    fields: dict[str, Json] | None = None
    meta: dict[str, Json] = Field(default_factory=dict)
    comment: str | None = None
    expire_then: str | None = None
    next_due_ms: int | None = None


class RecordIn(Contract):
    """A state change of the execution. ``result`` only with a terminal state.

    A chunk that has nothing to do says so with ``workflow_id``; the execution waits once all ``idle_of`` chunks do.
    """

    where: Where
    state: State
    reason: Reason | None = None
    result: RunResult | None = None
    workflow_id: str = ""
    idle_of: int = 1


class GateWithdrawIn(Contract):
    """Withdraws one gate whose task ended without a decision."""

    where: Where
    gate_id: str
    reason: str


class Nothing(Contract):
    """An answer that says only that it was done."""


class SlotIn(Contract):
    """Asks for, or gives back, the place of an execution under its flow's ``concurrency``."""

    where: Where
    workflow_id: str
    limit: int = 0
    on_limit: str = "queue"


class SlotOut(Contract):
    granted: bool
    reason: Reason | None = None


class ItemsIn(Contract):
    """Elements ``start``..``stop`` of a stored list (``ref`` is an artifact reference)."""

    where: Where
    ref: dict[str, Json] | str
    start: int = 0
    stop: int | None = None


class ItemsOut(Contract):
    items: list[Json]
    total: int


class StoreIn(Contract):
    where: Where
    items: list[Json]


TaskIn.model_rebuild()
