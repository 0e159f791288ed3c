"""Every table. Times are UTC; ids are UUIDs as text; ``namespace`` is the tenant and is never null.

Rows carry ``schema_v`` where their JSON has a shape that may change; readers accept the versions they know.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC on both dialects; a naive datetime is a programming error."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json() -> sa.types.TypeEngine[Any]:
    # not JSONB: it refuses U+0000, which customers' files contain, and costs a second parse per write
    return sa.JSON(none_as_null=True)


def _ordered_text() -> sa.types.TypeEngine[Any]:
    """Text that sorts by code point on both dialects."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _c(name: str, type_: Any = sa.Text, *args: Any, null: bool = False, **kw: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *args, nullable=null, **kw)


def _ns() -> sa.Column[Any]:
    return _c("namespace")


def _id() -> sa.Column[Any]:
    return _c("id", sa.Text, primary_key=True)


def _at(name: str, *, null: bool = False) -> sa.Column[Any]:
    return _c(name, UtcDateTime, null=null)


def _v() -> sa.Column[Any]:
    return _c("schema_v", sa.Integer, server_default="1")


def _int(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[Any]:
    return _c(name, sa.BigInteger, null=null, server_default=default)


def _opt(name: str) -> sa.Column[Any]:
    return _c(name, sa.Text, null=True)


def _data(name: str, *, null: bool = False) -> sa.Column[Any]:
    return _c(name, _json(), null=null)


def _with_audience(name: str, *names: str, more: tuple[str, ...] = ()) -> tuple[sa.Index, sa.Index]:
    """An index that on SQLite also says who may decide, and ``more``; PostgreSQL's entries may not be as long as that."""
    return (
        sa.Index(f"{name}_audience", *names, "audience", *more).ddl_if(dialect="sqlite"),
        sa.Index(name, *names).ddl_if(dialect="postgresql"),
    )


OF_GATE = {
    "sqlite": 'substr(meta, instr(meta, \'"gate_id":"\') + 11, 36)',
    "postgresql": 'substr(meta, strpos(meta, \'"gate_id":"\') + 11, 36)',
}
"""The gate that a record's ``meta``, which is canonical JSON, names; of a record that names none it is no gate's id."""


def _of_gate(name: str) -> tuple[sa.Index, ...]:
    """An index of the journal by gate: one of a batch of 10,000 is found without reading about the others."""
    return tuple(
        sa.Index(f"{name}_{dialect}", "namespace", sa.text(expression)).ddl_if(dialect=dialect)
        for dialect, expression in OF_GATE.items()
    )


# People ---------------------------------------------------------------------------------------------------------

principals = sa.Table(
    "principals", metadata, _id(), _ns(),
    _c("kind"),  # person | service
    _c("name"), _opt("email"), _at("created_at"), _at("disabled_at", null=True),
    sa.CheckConstraint("kind in ('person', 'service')", name="kind"),
    sa.Index("ix_principals_ns", "namespace", "name"),
)  # fmt: skip
identities = sa.Table(
    "identities", metadata, _id(), _ns(), _c("principal_id"),
    _c("kind"),  # email | slack | key | oidc | local
    _c("subject"), _at("created_at"),
    sa.UniqueConstraint("namespace", "kind", "subject"),
)  # fmt: skip
groups = sa.Table("groups", metadata, _id(), _ns(), _c("name"), _at("created_at"), sa.UniqueConstraint("namespace", "name"))  # fmt: skip
group_members = sa.Table(
    "group_members", metadata, _id(), _ns(), _c("group_name"), _c("principal_id"), _at("created_at"),
    sa.UniqueConstraint("namespace", "group_name", "principal_id"),
)  # fmt: skip
role_grants = sa.Table(
    "role_grants", metadata, _id(), _ns(), _c("principal_id"),
    _c("role"),  # viewer | author | reviewer | admin | auditor
    _at("created_at"),
    sa.UniqueConstraint("namespace", "principal_id", "role"),
)  # fmt: skip
api_keys = sa.Table(
    "api_keys", metadata, _id(), _ns(), _c("principal_id"), _c("name"), _c("secret_sha256", unique=True), _data("scopes"),
    _at("created_at"), _at("expires_at", null=True), _at("revoked_at", null=True), _at("last_used_at", null=True),
)  # fmt: skip

# Sign-in --------------------------------------------------------------------------------------------------------

passwords = sa.Table(
    "passwords", metadata, _id(), _ns(), _c("principal_id"), _c("hash"), _at("changed_at"),
    sa.UniqueConstraint("namespace", "principal_id"),
)  # fmt: skip
sessions = sa.Table(
    "sessions", metadata, _id(), _ns(), _c("principal_id"), _c("token_sha256", unique=True),
    _c("method"),  # password | oidc:<issuer> | link | dev-link
    _c("device"), _at("created_at"), _at("seen_at"), _at("expires_at"), _at("ended_at", null=True),
    sa.Index("ix_sessions_principal", "namespace", "principal_id"),
)  # fmt: skip
sign_in_links = sa.Table(
    "sign_in_links", metadata, _id(), _ns(), _c("principal_id"), _c("token_sha256", unique=True),
    _c("purpose"),  # sign-in | dev | password
    _at("created_at"), _at("expires_at"), _at("used_at", null=True),
    sa.Index("ix_sign_in_links_principal", "namespace", "principal_id"),
)  # fmt: skip

# Flows and executions -------------------------------------------------------------------------------------------

flows = sa.Table(
    "flows", metadata, _id(), _ns(), _c("flow_id"),
    _c("state"),  # draft | active | paused | archived
    _int("revision"), _opt("managed_by"), _at("created_at"), _at("updated_at"),
    sa.UniqueConstraint("namespace", "flow_id"),
)  # fmt: skip
revisions = sa.Table(
    "revisions", metadata, _id(), _ns(), _c("flow_id"), _int("number"), _c("sha256"), _c("source_text"),
    _data("bundle"), _data("plan"), _opt("author_id"),
    _c("source"),  # git | console | slack | api | copilot | cli
    _opt("message"), _int("parent", null=True), _opt("managed_by"), _at("created_at"), _v(),
    sa.UniqueConstraint("namespace", "flow_id", "number"),
)  # fmt: skip
executions = sa.Table(
    "executions", metadata, _id(), _ns(), _c("flow_id"), _int("revision"), _c("workflow_id"),
    _c("state"),  # created queued running waiting succeeded warning failed rejected cancelled timed_out
    _data("reason", null=True), _opt("reference"), _opt("idempotency_key"), _opt("request_sha256"),
    _data("inputs"), _data("trigger", null=True), _data("labels"), _opt("requester_id"), _opt("author_id"),
    _c("via"), _opt("callback_url"), _data("outputs", null=True), _data("failed", null=True), _data("reruns", null=True),
    _data("decision", null=True),
    _int("generation", default="0"), _at("created_at"), _at("started_at", null=True), _at("ended_at", null=True),
    _at("cancel_requested_at", null=True), _v(),
    sa.UniqueConstraint("namespace", "idempotency_key"),
    sa.Index("ix_executions_reference", "namespace", "reference"),
    sa.Index("ix_executions_list", "namespace", "created_at"),
    sa.Index("ix_executions_flow", "namespace", "flow_id", "state"),
    sa.Index("ix_executions_recent", "namespace", "flow_id", "created_at"),
)  # fmt: skip

# Gates ----------------------------------------------------------------------------------------------------------

gates = sa.Table(
    "gates", metadata, _id(), _ns(), _c("execution_id"), _c("workflow_id"), _c("flow_id"), _int("flow_revision"),
    _c("path"), _c("item_key"), _c("batch_key"),
    _c("state"),  # open | decided | withdrawn
    _int("revision"), _int("stage", default="0"), _int("rounds", default="0"), _int("generation", default="0"),
    _c("title"), _int("priority", default="0"), _at("due_at", null=True), _at("expires_at", null=True),
    _data("policy"),  # ApprovePlan, groups resolved
    _data("gate_plan"),  # GatePlan: rules, show, on_approve, to recompute an edit
    _data("scope"),  # the names those expressions use
    _opt("requester_id"), _opt("author_id"), _opt("assigned_to"), _opt("claimed_by"), _at("claim_until", null=True),
    _at("opened_at"), _at("decided_at", null=True), _opt("withdrawn_reason"), _v(),
    _c("audience"),  # who may decide at this stage: |g:group|p:principal|, or |*|
    _c("sort_key", _ordered_text()),  # the inbox's order in one ascending text
    *_with_audience("ix_gates_inbox", "namespace", "state", "sort_key", more=("due_at", "title")),
    *_with_audience("ix_gates_batch", "namespace", "batch_key", "state", "sort_key"),
    *_with_audience("ix_gates_waiting", "namespace", "state", "flow_id", "sort_key"),
    sa.Index(
        "ix_gates_claimed", "namespace", "claimed_by",
        sqlite_where=sa.text("claimed_by is not null"), postgresql_where=sa.text("claimed_by is not null"),
    ),
    sa.Index("ix_gates_execution", "namespace", "execution_id", "path", "item_key", "state", "id"),
    sa.Index("ix_gates_flow", "namespace", "flow_id", "path", "item_key"),
    sa.Index(
        "ix_gates_decided", "namespace", "flow_id", "path", "decided_at",
        sqlite_where=sa.text("decided_at is not null"), postgresql_where=sa.text("decided_at is not null"),
    ),
)  # fmt: skip
gate_revisions = sa.Table(
    "gate_revisions", metadata, _id(), _ns(), _c("gate_id"), _int("revision"),
    _c("kind"),  # suggestion | edit | changes
    _c("view"),  # canonical JSON, the very bytes that were hashed
    _c("action_digest"), _data("fields"), _data("meta", null=True), _opt("made_by"), _at("created_at"), _v(),
    sa.UniqueConstraint("namespace", "gate_id", "revision"),
)  # fmt: skip
votes = sa.Table(
    "votes", metadata, _id(), _ns(), _c("gate_id"), _int("revision"), _int("stage"), _c("principal_id"),
    _c("action"),  # approve | edit | reject | request_changes
    _opt("reason_code"), _opt("comment"), _c("via"), _data("snapshot"), _opt("idempotency_key"), _at("created_at"),
    _at("voided_at", null=True), _opt("void_reason"),
    sa.Index(
        "uq_votes_standing", "gate_id", "revision", "stage", "principal_id", unique=True,
        sqlite_where=sa.text("voided_at is null"), postgresql_where=sa.text("voided_at is null"),
    ),
)  # fmt: skip
decisions = sa.Table(
    "decisions", metadata, _id(), _ns(), _c("gate_id"), _int("revision"), _c("execution_id"),
    _c("outcome"),  # approved | edited | auto | rejected | expired | changes_requested
    _c("action_digest"), _data("fields", null=True),
    _c("actor_kind"),  # person | service | policy | timeout
    _opt("actor_id"), _opt("reason_code"), _opt("comment"), _c("via"), _data("snapshot"),
    _at("decided_at"), _at("effective_at"), _at("settled_at", null=True), _at("undone_at", null=True),
    _opt("undone_by"), _opt("revoked_reason"), _v(),
    sa.Index(
        "uq_decisions_effective", "gate_id", unique=True,
        sqlite_where=sa.text("undone_at is null and outcome != 'changes_requested'"),
        postgresql_where=sa.text("undone_at is null and outcome != 'changes_requested'"),
    ),
    sa.Index("ix_decisions_gate", "namespace", "gate_id"),
    sa.Index("ix_decisions_time", "namespace", "decided_at"),
)  # fmt: skip
comments = sa.Table("comments", metadata, _id(), _ns(), _c("gate_id"), _c("principal_id"), _c("text"), _at("created_at"), sa.Index("ix_comments_gate", "namespace", "gate_id"))  # fmt: skip

# Delivery, leases, operations -----------------------------------------------------------------------------------

outbox = sa.Table(
    "outbox", metadata, _id(), _ns(),
    _c("kind"),  # start | doorbell | cancel | notification | callback
    _c("target"), _data("payload"), _at("created_at"), _at("available_at"), _int("attempts", default="0"),
    _at("delivered_at", null=True), _at("dropped_at", null=True), _opt("last_error"), _v(),
    sa.Index(
        "ix_outbox_due", "available_at",
        sqlite_where=sa.text("delivered_at is null and dropped_at is null"),
        postgresql_where=sa.text("delivered_at is null and dropped_at is null"),
    ),
)  # fmt: skip
leases = sa.Table(
    "leases", metadata, _id(), _ns(),
    _c("kind"),  # slot | idle | rate | budget | breaker | pause | leader
    _c("key"), _c("owner"), _c("amount", sa.Float, server_default="1"), _at("created_at"), _at("until", null=True),
    _data("meta", null=True),
    sa.UniqueConstraint("namespace", "kind", "key", "owner"),
)  # fmt: skip
operations = sa.Table(
    "operations", metadata, _id(), _ns(), _c("key"), _c("op_id"), _c("kind"), _c("execution_id"), _c("request_hash"),
    _c("state"),  # requested | answered | failed
    _int("attempt"), _int("fence"), _data("answer", null=True), _data("meta", null=True), _c("usd", sa.Float, null=True),
    _int("tokens", null=True), _at("requested_at"), _at("answered_at", null=True), _v(),
    sa.UniqueConstraint("namespace", "key"),
    sa.Index("ix_operations_op", "namespace", "op_id", "fence"),
    sa.Index("ix_operations_execution", "namespace", "execution_id"),
)  # fmt: skip
inbound = sa.Table("inbound", metadata, _id(), _ns(), _c("source"), _c("message_id"), _c("body_sha256"), _opt("execution_id"), _at("created_at"), sa.UniqueConstraint("namespace", "source", "message_id"), sa.Index("ix_inbound_recent", "namespace", "source", "created_at"))  # fmt: skip
collections = sa.Table("collections", metadata, _id(), _ns(), _c("name"), _data("meta"), _at("updated_at"), sa.UniqueConstraint("namespace", "name"))  # fmt: skip

# Notices --------------------------------------------------------------------------------------------------------

notices = sa.Table(
    "notices", metadata, _id(), _ns(), _c("gate_id"),
    _c("channel"),  # slack | email
    _c("address"),  # the channel's own: team:target, a mail address
    _c("part"),  # which message of that address: card, reminder:2 ...
    _c("state"),  # reserved | shown | gone
    _opt("reference"),  # the channel's name of the message, once it exists
    _int("revision", null=True), _opt("rendering"),  # what it shows: the revision, and the content's sha256
    _c("unsure", sa.Boolean),  # a message may exist whose reference is not known
    _int("attempts", default="0"), _opt("last_error"), _opt("holder"), _at("held_until", null=True),
    _at("created_at"), _at("updated_at"),
    sa.UniqueConstraint("namespace", "gate_id", "channel", "address", "part"),
    sa.Index("ix_notices_reference", "channel", "reference"),
)  # fmt: skip

# Console --------------------------------------------------------------------------------------------------------

saved_views = sa.Table(
    "saved_views", metadata, _id(), _ns(), _c("principal_id"), _c("name"),
    _c("query"),  # of the inbox's address
    _at("created_at"),
    sa.UniqueConstraint("namespace", "principal_id", "name"),
)  # fmt: skip

# Journal --------------------------------------------------------------------------------------------------------

audit_event = sa.Table(
    "audit_event", metadata, _c("event_id", primary_key=True), _ns(), _c("stream"), _int("seq"), _opt("op_key"), _c("kind"),
    _c("occurred_at"), _c("actor_kind"), _opt("actor_id"), _opt("via"), _opt("flow_id"), _opt("revision_sha256"),
    _opt("execution_id"), _opt("path"), _int("attempt", null=True), _opt("outcome"), _opt("action_digest"),
    _opt("content_commitment"), _c("meta"),  # canonical JSON text, never personal
    _c("schema_v", sa.Integer), _c("prev_hash"), _c("event_hash"), _int("tree_index", null=True),
    sa.UniqueConstraint("stream", "seq"), sa.UniqueConstraint("stream", "prev_hash"), sa.UniqueConstraint("namespace", "op_key"),
    sa.Index("ix_audit_execution", "namespace", "execution_id", "path", "kind", "occurred_at"), sa.Index("ix_audit_kind", "namespace", "kind", "event_id", "outcome"),
    sa.Index(
        "ix_audit_actor", "namespace", "actor_id", "event_id",
        sqlite_where=sa.text("actor_id is not null"), postgresql_where=sa.text("actor_id is not null"),
    ),
    sa.Index("ix_audit_recent", "namespace", "event_id"), sa.Index("ix_audit_flow", "namespace", "flow_id", "event_id"),
    *_of_gate("ix_audit_gate"),
)  # fmt: skip
audit_blob = sa.Table("audit_blob", metadata, _c("event_id", primary_key=True), _ns(), _c("subject"), _c("key_id"), _c("nonce", sa.LargeBinary), _c("ciphertext", sa.LargeBinary))  # fmt: skip
audit_key = sa.Table(
    "audit_key", metadata, _c("key_id", primary_key=True), _ns(), _c("subject"), _c("kek_id"),
    _c("wrapped", sa.LargeBinary, null=True), _at("created_at"), _at("destroyed_at", null=True),
    sa.Index(
        "uq_audit_key_live", "namespace", "subject", unique=True,
        sqlite_where=sa.text("destroyed_at is null"), postgresql_where=sa.text("destroyed_at is null"),
    ),
)  # fmt: skip
audit_head = sa.Table("audit_head", metadata, _c("stream", primary_key=True), _ns(), _int("seq"), _c("hash"))
