"""Reads what a form sends: one kind of body, bounded, and fields as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 5000


class Form(Mapping[str, str]):
    """The last value of each field; ``all`` has every value of a field that was sent several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value.replace("\r\n", "\n"))

    def __getitem__(self, name: str) -> str:
        return self._values[name][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> list[str]:
        return list(self._values.get(name, ()))

    def text(self, name: str) -> str | None:
        """The field without surrounding space, or None when it is empty or missing."""
        return self.get(name, "").strip() or None

    def having(self, prefix: str) -> dict[str, str]:
        """The fields whose names begin with ``prefix``, without it."""
        return {name[len(prefix) :]: self[name] for name in self if name.startswith(prefix)}


async def read_form(request: Request) -> Form:
    """The form of a request; an empty body is an empty form. Raises ``HTTPException`` 400 and 415."""
    body = await request.body()
    if not body:
        return Form([])
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise HTTPException(415, f"A form is sent as {MEDIA_TYPE}.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read.") from error
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise HTTPException(400, "The form contains a NUL character.")
    return Form(pairs)
