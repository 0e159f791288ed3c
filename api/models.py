"""Shapes that several routes share."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Body(BaseModel):
    """Base of request bodies: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Out(BaseModel):
    """Base of answers that are made from stored rows."""

    model_config = ConfigDict(from_attributes=True)


class Listing(BaseModel, Generic[T]):
    """A page. Send ``next_cursor`` as ``cursor`` for the following one; it is ``null`` on the last."""

    items: list[T]
    next_cursor: str | None = None
