"""Loading LangChain does not stop the event loop: a worker whose first agent step begins goes on beating."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, json, sys, time
from agents.settings import ModelAlias, ModelSettings
from agents.warm import warm

async def main():
    gaps, last = [], time.monotonic()
    async def tick():
        nonlocal last
        while True:
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    aliases = {"default": ModelAlias(provider="openai", model="m"), "gone": ModelAlias(provider="anthropic", model="m")}
    began = time.monotonic()
    await warm(ModelSettings(aliases=aliases))
    took = time.monotonic() - began
    ticking.cancel()
    loaded = [name for name in ("langchain.agents", "langchain_openai", "agents.offline.model") if name in sys.modules]
    print(json.dumps({"took": took, "longest": max(gaps), "ticks": len(gaps), "loaded": loaded}))

asyncio.run(main())
"""


def test_the_event_loop_goes_on_while_langchain_is_loaded() -> None:
    """In a fresh process. A provider that is not installed is left for whoever asks for it."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["loaded"] == ["langchain.agents", "langchain_openai", "agents.offline.model"]
    assert found["ticks"] >= 10
    assert found["longest"] < found["took"] / 2
