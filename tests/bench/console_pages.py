"""How long the server takes for every page and fragment, two people asking at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from tests.bench.console_addresses import Address
from tests.bench.load import Samples

Json = Any
AT_ONCE = 2
WARM_UP = 3
ANSWERS = (200, 303)


async def measure(url: str, asked: Sequence[Address], cookies: Mapping[str, str], times: int) -> dict[str, Json]:
    """Milliseconds and bytes of each address. ``cookies`` are sessions by name."""
    async with httpx.AsyncClient(base_url=url, timeout=30, headers={"Accept": "text/html"}) as client:
        return {address.name: await _one(client, address, cookies, times) for address in asked}


async def _one(client: httpx.AsyncClient, address: Address, cookies: Mapping[str, str], times: int) -> Json:
    headers = {"Cookie": f"visto_session={cookies[address.who]}"} if address.who else {}
    took, size = Samples(), 0
    for _ in range(WARM_UP):
        answer = await client.get(address.path, headers=headers)
        assert answer.status_code in ANSWERS, f"{address.path}: {answer.status_code} {answer.text[:2000]}"
        size = len(answer.content)

    async def ask(count: int) -> None:
        for _ in range(count):
            began = time.perf_counter()
            await client.get(address.path, headers=headers)
            took.values.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(ask(times // AT_ONCE) for _ in range(AT_ONCE)))
    return {"path": address.path, "bytes": size, "ms": took.shown()}
