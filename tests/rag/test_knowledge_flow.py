from pathlib import Path

from rag.knowledge import Knowledge

POLICY = """# Fraud policy

Every order is rated.

## Amounts

Orders over 5000 EUR are never low risk.

## Countries

Shipments to a country other than the card's are checked by a person.
"""


async def test_what_was_ingested_is_found_with_its_place(knowledge: Knowledge, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text(POLICY)
    report = await knowledge.ingest(namespace, "fraud", [tmp_path])
    assert (report.documents, report.chunks, report.added, report.embedded) == (1, 3, 1, 3)

    hits = await knowledge.search(namespace, "fraud", "order amount above 5000", top_k=2)

    assert hits[0].document == "policy.md"
    assert hits[0].heading == "Fraud policy > Amounts"
    assert hits[0].text == "Orders over 5000 EUR are never low risk."
    assert 0 < hits[1].score < hits[0].score <= 1
