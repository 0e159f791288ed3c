"""The first schema: people, flows, executions, gates, delivery, operations and the journal.

Explicit on purpose: what a released database looks like never changes with the code's present tables.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_DENY_SQLITE = """
create trigger audit_event_no_{verb} before {event} on audit_event
{when} begin select raise(abort, 'the journal is append-only'); end
"""
_DENY_POSTGRES = """
create function audit_event_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if old.tree_index is null and new.tree_index is not null
       and to_jsonb(old) - 'tree_index' = to_jsonb(new) - 'tree_index' then
      return new;
    end if;
  end if;
  raise exception 'the journal is append-only';
end $$
"""


def upgrade() -> None:
    _people()
    _flows()
    _gates()
    _delivery()
    _journal()
    _protect_journal()


# fmt: off

def _people() -> None:
    op.create_table("principals",
        *_text("id", "namespace", "kind", "name"),
        *_text("email", null=True),
        *_at("created_at"),
        *_at("disabled_at", null=True),
        _primary("id", name="pk_principals"),
        sa.CheckConstraint("kind in ('person', 'service')", name=op.f("ck_principals_kind")),
    )
    _index("ix_principals_ns", "principals", "namespace", "name")
    op.create_table("identities",
        *_text("id", "namespace", "principal_id", "kind", "subject"),
        *_at("created_at"),
        _primary("id", name="pk_identities"),
        _unique("namespace", "kind", "subject", name="uq_identities_namespace_kind_subject"),
    )
    op.create_table("groups",
        *_text("id", "namespace", "name"),
        *_at("created_at"),
        _primary("id", name="pk_groups"),
        _unique("namespace", "name", name="uq_groups_namespace_name"),
    )
    op.create_table("group_members",
        *_text("id", "namespace", "group_name", "principal_id"),
        *_at("created_at"),
        _primary("id", name="pk_group_members"),
        _unique("namespace", "group_name", "principal_id", name="uq_group_members_namespace_group_name_principal_id"),
    )
    op.create_table("role_grants",
        *_text("id", "namespace", "principal_id", "role"),
        *_at("created_at"),
        _primary("id", name="pk_role_grants"),
        _unique("namespace", "principal_id", "role", name="uq_role_grants_namespace_principal_id_role"),
    )
    op.create_table("api_keys",
        *_text("id", "namespace", "principal_id", "name", "secret_sha256"),
        *_json("scopes"),
        *_at("created_at"),
        *_at("expires_at", "revoked_at", "last_used_at", null=True),
        _primary("id", name="pk_api_keys"),
        _unique("secret_sha256", name="uq_api_keys_secret_sha256"),
    )


def _flows() -> None:
    op.create_table("flows",
        *_text("id", "namespace", "flow_id", "state"),
        *_big("revision"),
        *_text("managed_by", null=True),
        *_at("created_at", "updated_at"),
        _primary("id", name="pk_flows"),
        _unique("namespace", "flow_id", name="uq_flows_namespace_flow_id"),
    )
    op.create_table("revisions",
        *_text("id", "namespace", "flow_id"),
        *_big("number"),
        *_text("sha256", "source_text"),
        *_json("bundle", "plan"),
        *_text("author_id", null=True),
        *_text("source"),
        *_text("message", null=True),
        *_big("parent", null=True),
        *_text("managed_by", null=True),
        *_at("created_at"),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_revisions"),
        _unique("namespace", "flow_id", "number", name="uq_revisions_namespace_flow_id_number"),
    )
    op.create_table("executions",
        *_text("id", "namespace", "flow_id"),
        *_big("revision"),
        *_text("workflow_id", "state"),
        *_json("reason", null=True),
        *_text("reference", "idempotency_key", "request_sha256", null=True),
        *_json("inputs"),
        *_json("trigger", null=True),
        *_json("labels"),
        *_text("requester_id", "author_id", null=True),
        *_text("via"),
        *_text("callback_url", null=True),
        *_json("outputs", "failed", "reruns", "decision", null=True),
        *_big("generation", default="0"),
        *_at("created_at"),
        *_at("started_at", "ended_at", "cancel_requested_at", null=True),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_executions"),
        _unique("namespace", "idempotency_key", name="uq_executions_namespace_idempotency_key"),
    )
    _index("ix_executions_flow", "executions", "namespace", "flow_id", "state")
    _index("ix_executions_list", "executions", "namespace", "created_at")
    _index("ix_executions_reference", "executions", "namespace", "reference")


def _gates() -> None:
    op.create_table("gates",
        *_text("id", "namespace", "execution_id", "workflow_id", "flow_id"),
        *_big("flow_revision"),
        *_text("path", "item_key", "batch_key", "state"),
        *_big("revision"),
        *_big("stage", "rounds", "generation", default="0"),
        *_text("title"),
        *_big("priority", default="0"),
        *_at("due_at", "expires_at", null=True),
        *_json("policy", "gate_plan", "scope"),
        *_text("requester_id", "author_id", "assigned_to", "claimed_by", null=True),
        *_at("claim_until", null=True),
        *_at("opened_at"),
        *_at("decided_at", null=True),
        *_text("withdrawn_reason", null=True),
        *_int("schema_v", default="1"),
        *_text("audience"),
        *_sorted("sort_key"),
        _primary("id", name="pk_gates"),
    )
    _index("ix_gates_batch", "gates", "namespace", "batch_key", "state")
    _index("ix_gates_execution", "gates", "namespace", "execution_id", "path", "item_key")
    _index("ix_gates_flow", "gates", "namespace", "flow_id", "path", "item_key")
    _index("ix_gates_inbox", "gates", "namespace", "state", "sort_key")
    op.create_table("gate_revisions",
        *_text("id", "namespace", "gate_id"),
        *_big("revision"),
        *_text("kind", "view", "action_digest"),
        *_json("fields"),
        *_json("meta", null=True),
        *_text("made_by", null=True),
        *_at("created_at"),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_gate_revisions"),
        _unique("namespace", "gate_id", "revision", name="uq_gate_revisions_namespace_gate_id_revision"),
    )
    op.create_table("votes",
        *_text("id", "namespace", "gate_id"),
        *_big("revision", "stage"),
        *_text("principal_id", "action"),
        *_text("reason_code", "comment", null=True),
        *_text("via"),
        *_json("snapshot"),
        *_text("idempotency_key", null=True),
        *_at("created_at"),
        *_at("voided_at", null=True),
        *_text("void_reason", null=True),
        _primary("id", name="pk_votes"),
    )
    _index("uq_votes_standing", "votes", "gate_id", "revision", "stage", "principal_id", unique=True, where="voided_at is null")
    op.create_table("decisions",
        *_text("id", "namespace", "gate_id"),
        *_big("revision"),
        *_text("execution_id", "outcome", "action_digest"),
        *_json("fields", null=True),
        *_text("actor_kind"),
        *_text("actor_id", "reason_code", "comment", null=True),
        *_text("via"),
        *_json("snapshot"),
        *_at("decided_at", "effective_at"),
        *_at("settled_at", "undone_at", null=True),
        *_text("undone_by", "revoked_reason", null=True),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_decisions"),
    )
    _index("ix_decisions_gate", "decisions", "namespace", "gate_id")
    _index("ix_decisions_time", "decisions", "namespace", "decided_at")
    _index("uq_decisions_effective", "decisions", "gate_id", unique=True, where="undone_at is null and outcome != 'changes_requested'")
    op.create_table("comments",
        *_text("id", "namespace", "gate_id", "principal_id", "text"),
        *_at("created_at"),
        _primary("id", name="pk_comments"),
    )
    _index("ix_comments_gate", "comments", "namespace", "gate_id")


def _delivery() -> None:
    op.create_table("outbox",
        *_text("id", "namespace", "kind", "target"),
        *_json("payload"),
        *_at("created_at", "available_at"),
        *_big("attempts", default="0"),
        *_at("delivered_at", "dropped_at", null=True),
        *_text("last_error", null=True),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_outbox"),
    )
    _index("ix_outbox_due", "outbox", "available_at", where="delivered_at is null and dropped_at is null")
    op.create_table("leases",
        *_text("id", "namespace", "kind", "key", "owner"),
        *_float("amount", default="1"),
        *_at("created_at"),
        *_at("until", null=True),
        *_json("meta", null=True),
        _primary("id", name="pk_leases"),
        _unique("namespace", "kind", "key", "owner", name="uq_leases_namespace_kind_key_owner"),
    )
    op.create_table("operations",
        *_text("id", "namespace", "key", "op_id", "kind", "execution_id", "request_hash", "state"),
        *_big("attempt", "fence"),
        *_json("answer", "meta", null=True),
        *_float("usd", null=True),
        *_big("tokens", null=True),
        *_at("requested_at"),
        *_at("answered_at", null=True),
        *_int("schema_v", default="1"),
        _primary("id", name="pk_operations"),
        _unique("namespace", "key", name="uq_operations_namespace_key"),
    )
    _index("ix_operations_execution", "operations", "namespace", "execution_id")
    _index("ix_operations_op", "operations", "namespace", "op_id", "fence")
    op.create_table("inbound",
        *_text("id", "namespace", "source", "message_id", "body_sha256"),
        *_text("execution_id", null=True),
        *_at("created_at"),
        _primary("id", name="pk_inbound"),
        _unique("namespace", "source", "message_id", name="uq_inbound_namespace_source_message_id"),
    )
    op.create_table("collections",
        *_text("id", "namespace", "name"),
        *_json("meta"),
        *_at("updated_at"),
        _primary("id", name="pk_collections"),
        _unique("namespace", "name", name="uq_collections_namespace_name"),
    )


def _journal() -> None:
    op.create_table("audit_event",
        *_text("event_id", "namespace", "stream"),
        *_big("seq"),
        *_text("op_key", null=True),
        *_text("kind", "occurred_at", "actor_kind"),
        *_text("actor_id", "via", "flow_id", "revision_sha256", "execution_id", "path", null=True),
        *_big("attempt", null=True),
        *_text("outcome", "action_digest", "content_commitment", null=True),
        *_text("meta"),
        *_int("schema_v"),
        *_text("prev_hash", "event_hash"),
        *_big("tree_index", null=True),
        _primary("event_id", name="pk_audit_event"),
        _unique("namespace", "op_key", name="uq_audit_event_namespace_op_key"),
        _unique("stream", "prev_hash", name="uq_audit_event_stream_prev_hash"),
        _unique("stream", "seq", name="uq_audit_event_stream_seq"),
    )
    _index("ix_audit_execution", "audit_event", "namespace", "execution_id")
    _index("ix_audit_kind", "audit_event", "namespace", "kind")
    op.create_table("audit_blob",
        *_text("event_id", "namespace", "subject", "key_id"),
        *_bytes("nonce", "ciphertext"),
        _primary("event_id", name="pk_audit_blob"),
    )
    op.create_table("audit_key",
        *_text("key_id", "namespace", "subject", "kek_id"),
        *_bytes("wrapped", null=True),
        *_at("created_at"),
        *_at("destroyed_at", null=True),
        _primary("key_id", name="pk_audit_key"),
    )
    _index("uq_audit_key_live", "audit_key", "namespace", "subject", unique=True, where="destroyed_at is null")
    op.create_table("audit_head",
        *_text("stream", "namespace"),
        *_big("seq"),
        *_text("hash"),
        _primary("stream", name="pk_audit_head"),
    )


# fmt: on
def _protect_journal() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(_DENY_POSTGRES)
        for event, each in (("update or delete", "row"), ("truncate", "statement")):
            name = event.split()[-1]
            op.execute(
                f"create trigger audit_event_no_{name} before {event} on audit_event "
                f"for each {each} execute function audit_event_is_append_only()"
            )
        return
    fixed = [c for c in _AUDIT_COLUMNS if c != "tree_index"]
    same = " and ".join(f"old.{c} is new.{c}" for c in fixed)
    sequenced = f"when not (old.tree_index is null and new.tree_index is not null and {same})"
    op.execute(_DENY_SQLITE.format(verb="update", event="update", when=sequenced))
    op.execute(_DENY_SQLITE.format(verb="delete", event="delete", when=""))


_AUDIT_COLUMNS = (
    "event_id",
    "namespace",
    "stream",
    "seq",
    "op_key",
    "kind",
    "occurred_at",
    "actor_kind",
    "actor_id",
    "via",
    "flow_id",
    "revision_sha256",
    "execution_id",
    "path",
    "attempt",
    "outcome",
    "action_digest",
    "content_commitment",
    "meta",
    "schema_v",
    "prev_hash",
    "event_hash",
    "tree_index",
)


def _columns(type_: Any, names: tuple[str, ...], null: bool, default: str | None = None) -> list[sa.Column[Any]]:
    return [sa.Column(name, type_, nullable=null, server_default=default) for name in names]


def _text(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.Text(), names, null)


def _sorted(*names: str) -> list[sa.Column[Any]]:
    return _columns(sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), names, null=False)


def _json(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.JSON(), names, null)


def _at(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.DateTime(timezone=True), names, null)


def _big(*names: str, null: bool = False, default: str | None = None) -> list[sa.Column[Any]]:
    return _columns(sa.BigInteger(), names, null, default)


def _int(*names: str, default: str | None = None) -> list[sa.Column[Any]]:
    return _columns(sa.Integer(), names, null=False, default=default)


def _float(*names: str, null: bool = False, default: str | None = None) -> list[sa.Column[Any]]:
    return _columns(sa.Float(), names, null, default)


def _bytes(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return _columns(sa.LargeBinary(), names, null)


def _primary(*names: str, name: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names, name=op.f(name))


def _unique(*names: str, name: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*names, name=op.f(name))


def _index(name: str, table: str, *names: str, unique: bool = False, where: str | None = None) -> None:
    partial: dict[str, Any] = {}
    if where is not None:
        partial = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    op.create_index(op.f(name), table, list(names), unique=unique, **partial)
