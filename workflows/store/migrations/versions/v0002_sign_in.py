"""Sign-in: sessions, passwords, one-time links."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "passwords",
        *_text("id", "namespace", "principal_id", "hash"),
        _at("changed_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passwords")),
        sa.UniqueConstraint("namespace", "principal_id", name=op.f("uq_passwords_namespace_principal_id")),
    )
    op.create_table(
        "sessions",
        *_text("id", "namespace", "principal_id", "token_sha256", "method", "device"),
        *(_at(name) for name in ("created_at", "seen_at", "expires_at")),
        _at("ended_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sessions_token_sha256")),
    )
    op.create_index(op.f("ix_sessions_principal"), "sessions", ["namespace", "principal_id"])
    op.create_table(
        "sign_in_links",
        *_text("id", "namespace", "principal_id", "token_sha256", "purpose"),
        *(_at(name) for name in ("created_at", "expires_at")),
        _at("used_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sign_in_links_token_sha256")),
    )
    op.create_index(op.f("ix_sign_in_links_principal"), "sign_in_links", ["namespace", "principal_id"])


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _at(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)
