"""Callbacks: signed, repeated until they are taken, and never sent where they must not go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from tests.workflows.relay.conftest import NS, started
from workflows.contracts import Reason
from workflows.relay.loop import Relay
from workflows.store.repositories import outbox
from workflows.triggers.webhook import Message, authenticate
from workflows.usecases.ending import end

DONE = Reason(code="rejected", message="Rejected by Rita.")


@dataclass
class Receiver:
    """A real HTTP server that answers with the next status and remembers what it got."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append(Message(headers, body))
        status = self.statuses.pop(0) if self.statuses else 204
        writer.write(f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


async def ended(services, url):
    execution = await started(services, callback_url=url, reference="order-7")
    services.db.write_sync(lambda tx: end(tx, services.journal, NS, execution, "rejected", DONE))
    return execution


async def deliver(services, clock, *, after=3.0):
    clock.advance(after)
    relay = Relay(services)
    await relay.tick()
    await relay.settled()


def row(services, execution):
    return services.db.read_sync(lambda tx: outbox.get(tx, NS, f"callback:{execution}:0"))


async def test_the_result_arrives_once_signed_as_standard_webhooks_describes(services, greet, receiver, clock):
    execution = await ended(services, f"http://127.0.0.1:{receiver.port}/visto")
    for _ in range(2):
        await deliver(services, clock)
    (message,) = receiver.got
    result = json.loads(message.body)
    assert (result["execution"], result["state"], result["reference"]) == (execution, "rejected", "order-7")
    secret = services.callback_key.decode()
    assert authenticate({"type": "standard"}, [secret], message, clock.now) == f"callback:{execution}:0"


async def test_a_receiver_that_fails_is_told_again_with_the_same_id(services, greet, receiver, clock):
    receiver.statuses = [500, 302]
    execution = await ended(services, f"http://127.0.0.1:{receiver.port}/visto")
    for _ in range(3):
        await deliver(services, clock, after=30)
    assert len(receiver.got) == 3, "a redirect is not followed and counts as a failure"
    assert len({message.headers["webhook-id"] for message in receiver.got}) == 1
    assert row(services, execution).delivered_at is not None


async def test_a_receiver_that_is_gone_or_fails_for_days_is_given_up(services, greet, receiver, clock):
    receiver.statuses = [410]
    gone = await ended(services, f"http://127.0.0.1:{receiver.port}/visto")
    await deliver(services, clock)
    assert row(services, gone).dropped_at is not None
    receiver.statuses = [500]
    failing = await ended(services, f"http://127.0.0.1:{receiver.port}/visto")
    await deliver(services, clock, after=4 * 86_400)
    assert row(services, failing).dropped_at is not None
    assert "500" in row(services, failing).last_error


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254"])
async def test_outside_development_no_private_address_is_reached(services, greet, receiver, clock, address):
    production = services.settings.model_copy(update={"environment": "production"})
    strict = replace(services, settings=production)
    execution = await ended(strict, f"http://{address}:{receiver.port}/visto")
    await deliver(strict, clock)
    assert receiver.got == []
    assert row(services, execution).dropped_at is not None


async def test_the_metadata_address_is_reached_by_nobody(services, greet, clock):
    execution = await ended(services, "http://169.254.169.254/latest/meta-data")
    await deliver(services, clock)
    assert row(services, execution).dropped_at is not None
