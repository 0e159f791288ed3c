"""A house in which people, machines and documents say hostile things wherever the product lets them: every string.

Most texts are packs of many strings, so that a few pages show all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from rag.embed import HashingEmbedder
from rag.knowledge import Knowledge
from rag.model import Record as Row
from rag.model import SourceDocument
from rag.settings import KnowledgeSettings
from tests.browser.house import EXAMPLES, NS, PATH, House
from tests.browser.village import letter, settle
from tests.support.hostile import packed, sample
from workflows.arbiter import handling
from workflows.arbiter.model import Comment, Opened
from workflows.gates.model import Evidence
from workflows.journal.records import Record
from workflows.store.repositories import collections, executions, keys, pauses, principals
from workflows.usecases import start

Json = Any
NOTES = "notes"
GROUP = '"><img src=x onerror=alert(1)>\u202e\u200b\U000e0061'
DOCUMENT = '"><img src=x onerror=alert(1)>\u202e\u200b\U000e0061 ![x](https://evil.example/i.png).md'
PACKED = 5_000
"""Characters of a gate's text."""
NAMED, VALUE, LINE = 1_900, 1_500, 200
"""Characters of a name; of a value, which is shown whole on an execution's page; of a line in a list."""


@dataclass(frozen=True)
class Bad:
    """``names`` is for addresses, ``gates`` hold all the strings, ``letters`` lead to each of them."""

    house: House
    names: dict[str, str]
    gates: tuple[str, ...]
    letters: tuple[str, ...]


def packs(most: int) -> list[str]:
    """All strings, packed, without what no database keeps."""
    return [text.replace("\x00", "") for text in packed(most)]


def settle_badly(house: House, folder: Path) -> Bad:
    """Fill the house, and a knowledge base in ``folder``, with hostile text."""
    names = settle(house)
    chunks = _knowledge(house, folder)
    execution = house.db.write_sync(lambda tx: _execution(tx, house))
    event = house.db.write_sync(lambda tx: house.journal.append(tx, _record(execution)))
    gates = [_gate(house, execution, number, text, chunks) for number, text in enumerate(packs(PACKED))]
    for number, gate in enumerate(gates[2::3]):
        house.decide(gate, "Ben", ("approve", "reject")[number % 2], comment=packs(PACKED)[number])
    person = house.db.write_sync(_people)
    for text in packs(NAMED):
        _run(house, text)
    house.save(_flow(), message=" ".join(sample(12)))
    house.db.write_sync(
        lambda tx: pauses.pause(tx, NS, flow_id="order-risk", by=sample(40)[7], reason=" ".join(sample(8)))
    )
    letters = tuple(letter(house, gate) for gate in gates)
    names |= {
        "gate_id": gates[0].gate_id,
        "execution_id": execution,
        "event_id": event,
        "principal_id": person,
        "mail_link_page.token": letters[0],
        "group_page.name": quote(GROUP, safe=""),
        "collection": NOTES,
    }
    return Bad(house, names, tuple(gate.gate_id for gate in gates), letters)


def _flow() -> str:
    """The example's flow with a description that is hostile; double braces would be an expression."""
    source = (EXAMPLES / "order-risk.yaml").read_text()
    first, _, rest = source.partition("description: ")
    text = "; ".join(one for one in sample(40) if "{" not in one and "\x00" not in one)[:1500]
    described = yaml.safe_dump(text, default_style='"', width=10**6)
    return f"{first}description: {described}{rest.partition(chr(10))[2]}"


def _knowledge(house: House, folder: Path) -> list[str]:
    """A document in which all strings stand, as titles, texts and facts of its passages. Returns their ids."""
    settings = KnowledgeSettings(chroma_url="", chroma_path=folder, embeddings="hashing")
    knowledge = house.app.state.knowledge = Knowledge(settings, HashingEmbedder())
    rows = tuple(Row(title=text[:LINE], text=text, metadata={"author": text}) for text in packs(VALUE))
    document = SourceDocument(source=DOCUMENT, title=sample(9)[4], records=rows)
    house.run(knowledge.ingest_documents(NS, NOTES, [document]))
    info = house.run(knowledge.describe(NS, NOTES))
    house.db.write_sync(lambda tx: collections.put(tx, NS, NOTES, info.model_dump(mode="json")))
    return [one.chunk for one in house.run(knowledge.passages(NS, NOTES, DOCUMENT, most=1000))]


def _execution(tx: Any, house: House) -> str:
    """An execution whose every part is hostile, and which ended as one."""
    values = packs(VALUE)
    number = "00000000-0000-7000-8000-00000000bad0"
    short = [text.replace("\x00", "")[:LINE] for text in sample(40)]
    executions.create(
        tx,
        NS,
        execution_id=number,
        flow_id="order-risk",
        revision=1,
        workflow_id=number,
        inputs=dict(zip(short, values, strict=False)) | {f"list {n}": [text] for n, text in enumerate(values)},
        via="api",
        trigger={"type": "webhook", "id": short[3], "body": values[0]},
        labels={short[1]: short[2], "note": short[5]},
        reference=" ".join(short)[:NAMED],
        requester_id=house.actors["Cleo"].principal_id,
    )
    reason = {"code": "failed", "message": values[0], "remedy": values[1], "task": short[6]}
    outputs = {short[7]: short, **{f"out {n}": text for n, text in enumerate(values)}}
    executions.set_state(tx, NS, number, "failed", reason, outputs=outputs, failed=short, started_at=tx.now)
    return number


def _record(execution: str) -> Record:
    """A prompt and its answer that hold all strings."""
    texts = packs(PACKED)
    messages = [{"role": text[:60], "content": text} for text in texts]
    return Record(
        namespace=NS,
        kind="llm.response",
        execution_id=execution,
        flow_id="order-risk",
        path=PATH,
        via="worker",
        meta={"provider": sample(9)[2], "model": sample(9)[3]},
        content={"request": {"messages": messages}, "answer": {"content": texts[0]}, sample(9)[5]: texts},
    )


def _gate(house: House, execution: str, number: int, text: str, chunks: Sequence[str]) -> Opened:
    lines = text.split("\n")
    order = {
        "order_id": lines[0][:LINE],
        "email": lines[1 % len(lines)],
        "amount": 1200.0,
        "country": lines[2 % len(lines)],
        "purchases_24h": 2,
        "notes": text,
    }
    evidence = (
        Evidence(id="passages", type="rag.search", state="found", value={"text": text, lines[3 % len(lines)]: lines}),
        Evidence(id="gone", type="http.request", state="missing", reason=lines[4 % len(lines)]),
    )
    known = {"collection": NOTES, "document": DOCUMENT, "chunk": chunks[number % len(chunks)], "score": 0.5}
    unknown = dict.fromkeys(("collection", "document", "chunk", "quote"), text)
    citations = ({**known, "quote": lines[0]}, {**unknown, "score": 0.1})
    key = f"{number} {lines[5 % len(lines)][:60]}"
    gate = house.gate(execution, order, key=key, reason=text, evidence=evidence, citations=citations)
    actor = house.actors["Ana"].model_copy(update={"name": lines[6 % len(lines)][:LINE]})
    said = Comment(namespace=NS, gate_id=gate.gate_id, actor=actor, text=text)
    house.db.write_sync(lambda tx: handling.comment(tx, house.journal, said))
    return gate


def _run(house: House, text: str) -> None:
    request = start.Start(
        namespace=NS,
        flow_id="order-risk",
        actor=house.actors["Cleo"],
        via="console",
        inputs={"file": text},
        labels={"note": text},
        reference=text,
    )
    number = house.run(start.start(house.services, request)).result.execution
    reason = {"code": "failed", "message": text, "remedy": text, "task": text[:60]}
    house.db.write_sync(lambda tx: executions.set_state(tx, NS, number, "failed", reason, failed=[text[:60]]))


def _people(tx: Any) -> str:
    """People called like this, in a group called like this. Returns the one who is recognised by every string."""
    principals.create_group(tx, NS, GROUP)
    for number, text in enumerate([*packs(NAMED), *(one.replace("\x00", "")[:120] or "x" for one in sample(30))]):
        person = principals.create_person(tx, NS, text, f"bad{number}@example.com")
        principals.add_member(tx, NS, "fraud", person.id)
        principals.add_member(tx, NS, GROUP, person.id)
        keys.create(tx, NS, person.id, text, ("gates:read",))
    worst = principals.create_person(tx, NS, sample(9)[6], "worst@example.com")
    for text in packs(VALUE):
        principals.add_identity(tx, NS, worst.id, "slack", text)
    keys.create(tx, NS, worst.id, sample(9)[7], ("gates:read",))
    return worst.id
