"""What people keep for themselves in the console, and indexes that answer its lists without reading whole rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_LISTS = {
    "ix_gates_inbox": (["namespace", "state", "sort_key"], ["due_at", "title"]),
    "ix_gates_batch": (["namespace", "batch_key", "state", "sort_key"], []),
    "ix_gates_waiting": (["namespace", "state", "flow_id", "sort_key"], []),
}
"""The lists of open gates: what each is ordered by, and what SQLite finds there besides who may decide."""

_BEFORE = {"ix_gates_inbox": ["namespace", "state", "sort_key"], "ix_gates_batch": ["namespace", "batch_key", "state"]}

_GATE_OF_RECORD = {
    "sqlite": 'substr(meta, instr(meta, \'"gate_id":"\') + 11, 36)',
    "postgresql": 'substr(meta, strpos(meta, \'"gate_id":"\') + 11, 36)',
}
"""The gate that a record names in its canonical JSON."""

_OF_JOURNAL = ("ix_audit_kind", ["namespace", "kind"], ["event_id", "outcome"])
"""The newest records of a kind, or with an outcome, are read in their order, however rare they are."""

_OF_EXECUTION = {
    "gates": ("ix_gates_execution", ["namespace", "execution_id", "path", "item_key"], ["state", "id"]),
    "audit_event": ("ix_audit_execution", ["namespace", "execution_id"], ["path", "kind", "occurred_at"]),
}
"""One execution's 10,000 elements are summed up from an index alone: what it is ordered by, and what is added."""


def upgrade() -> None:
    op.create_table(
        "saved_views",
        *(sa.Column(n, sa.Text(), nullable=False) for n in ("id", "namespace", "principal_id", "name", "query")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "namespace", "principal_id", "name", name=op.f("uq_saved_views_namespace_principal_id_name")
        ),
    )
    op.create_index(
        "ix_gates_claimed", "gates", ["namespace", "claimed_by"],
        sqlite_where=sa.text("claimed_by is not null"), postgresql_where=sa.text("claimed_by is not null"),
    )  # fmt: skip
    op.create_index(
        "ix_gates_decided", "gates", ["namespace", "flow_id", "path", "decided_at"],
        sqlite_where=sa.text("decided_at is not null"), postgresql_where=sa.text("decided_at is not null"),
    )  # fmt: skip
    op.create_index("ix_executions_recent", "executions", ["namespace", "flow_id", "created_at"])
    op.create_index("ix_inbound_recent", "inbound", ["namespace", "source", "created_at"])
    op.create_index(
        "ix_audit_actor", "audit_event", ["namespace", "actor_id", "event_id"],
        sqlite_where=sa.text("actor_id is not null"), postgresql_where=sa.text("actor_id is not null"),
    )  # fmt: skip
    op.create_index("ix_audit_recent", "audit_event", ["namespace", "event_id"])
    op.create_index("ix_audit_flow", "audit_event", ["namespace", "flow_id", "event_id"])
    dialect = op.get_bind().dialect.name
    op.create_index(f"ix_audit_gate_{dialect}", "audit_event", ["namespace", sa.text(_GATE_OF_RECORD[dialect])])
    name, columns, more = _OF_JOURNAL
    op.drop_index(name, "audit_event")
    op.create_index(name, "audit_event", [*columns, *more])
    for table, (name, columns, more) in _OF_EXECUTION.items():
        op.drop_index(name, table)
        op.create_index(name, table, [*columns, *more])
    for name in _BEFORE:
        op.drop_index(name, "gates")
    for name, (columns, more) in _LISTS.items():
        # SQLite keeps long rows in chains of pages: who may decide is found without walking one for every gate.
        # PostgreSQL keeps long values aside, and its index entries may not be as long as a list of names.
        lite = dialect == "sqlite"
        op.create_index(
            f"{name}_audience" if lite else name, "gates", [*columns, *(["audience", *more] if lite else ())]
        )


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name in _LISTS:
        op.drop_index(f"{name}_audience" if dialect == "sqlite" else name, "gates")
    for name, columns in _BEFORE.items():
        op.create_index(name, "gates", columns)
    op.drop_index(f"ix_audit_gate_{dialect}", "audit_event")
    op.drop_index("ix_audit_flow", "audit_event")
    op.drop_index("ix_audit_recent", "audit_event")
    for table, (name, columns, _) in _OF_EXECUTION.items():
        op.drop_index(name, table)
        op.create_index(name, table, columns)
    name, columns, _ = _OF_JOURNAL
    op.drop_index(name, "audit_event")
    op.create_index(name, "audit_event", columns)
    op.drop_index("ix_audit_actor", "audit_event")
    op.drop_index("ix_inbound_recent", "inbound")
    op.drop_index("ix_executions_recent", "executions")
    op.drop_index("ix_gates_decided", "gates")
    op.drop_index("ix_gates_claimed", "gates")
    op.drop_table("saved_views")
