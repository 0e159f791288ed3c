"""Notices: where a gate was shown to people outside the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "notices",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "namespace", "gate_id", "channel", "address", "part", "state")
        ),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("rendering", sa.Text(), nullable=True),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "namespace", "gate_id", "channel", "address", "part",
            name=op.f("uq_notices_namespace_gate_id_channel_address_part"),
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_notices_reference"), "notices", ["channel", "reference"])


def downgrade() -> None:
    op.drop_index(op.f("ix_notices_reference"), "notices")
    op.drop_table("notices")
