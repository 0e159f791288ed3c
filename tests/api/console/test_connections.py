"""Connections: names and states, and under no circumstances a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import HOOK_SECRET, NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from workflows.store.repositories import flows
from workflows.usecases.services import Services

BOOK = """
default:
  crm:
    type: http
    config: {base_url: https://user-part@crm.example.com/v1, auth: bearer, note: "config-value-stays-here"}
    secrets: {token: CRM_TOKEN, other: ORDERS_HOOK}
    environments:
      development: {config: {base_url: "https://dev.example.com"}}
  plain: {type: http, config: {base_url: https://plain.example.com}}
elsewhere:
  of-another-tenant: {type: http}
"""


def _write(services: Services, book: str | None, secrets: str = "", mode: int = 0o600) -> None:
    home = services.settings.home
    home.mkdir(parents=True, exist_ok=True)
    if book is not None:
        (home / "connections.yaml").write_text(book)
    if secrets:
        file = home / "secrets.env"
        file.write_text(secrets)
        file.chmod(mode)


def _flow(services: Services, flow_id: str, plan: dict[str, Any]) -> None:
    services.db.write_sync(
        lambda tx: (
            flows.save_revision(
                tx, NS, flow_id, sha256="0" * 64, source_text="", bundle={}, plan=plan, author_id=None, source="api"
            )
            and None
        )
    )


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("reviewer", 403), ("author", 200), ("admin", 200)])
async def test_authors_and_admins_see_them(desk: Desk, who: str, status: int) -> None:
    assert (await desk(who, "/connections")).status_code == status


async def test_without_a_file_the_page_says_exactly_where_to_write_one(desk: Desk, services: Services) -> None:
    page = (await desk("author", "/connections")).text
    assert "No connections yet" in page
    assert str(Path(services.settings.home) / "connections.yaml") in page
    assert str(Path(services.settings.home) / "secrets.env") in page


async def test_names_hosts_and_states_are_shown_and_no_value_is(desk: Desk, services: Services) -> None:
    _write(services, BOOK, "CRM_TOKEN=very-secret-value\n")
    page = (await desk("author", "/connections")).text
    assert "crm" in page
    assert "dev.example.com" in page
    assert "CRM_TOKEN" in page
    assert "plain.example.com" in page
    for hidden in ("very-secret-value", HOOK_SECRET, "config-value-stays-here", "user-part", "of-another-tenant"):
        assert hidden not in page


async def test_what_was_written_after_the_start_says_that_a_restart_is_needed(desk: Desk, services: Services) -> None:
    _write(services, BOOK, "CRM_TOKEN=x\n")
    page = (await desk("author", "/connections")).text
    assert page.count("Restart to use") == 3  # both connections, and the token
    assert "Set</span>" in page  # the hook's secret was there at the start


async def test_a_missing_secret_is_named(desk: Desk, services: Services) -> None:
    _write(services, BOOK)
    page = (await desk("author", "/connections")).text
    assert 'data-state="missing">Missing' in page


async def test_flows_that_use_a_connection_or_a_secret_are_named(desk: Desk, services: Services) -> None:
    _write(services, BOOK)
    task = {"properties": {"connection": "crm", "headers": {"x": {"$secret": ["Bearer ", {"name": "CRM_KEY"}]}}}}
    _flow(services, "uses-both", {"tasks": [{"foreach": {"tasks": [task]}}]})
    _flow(services, "uses-nobody-knows", {"tasks": [{"properties": {"connection": "no-such"}}]})
    page = (await desk("author", "/connections")).text
    assert '<a href="/flows/uses-both">uses-both</a>' in page
    assert "CRM_KEY" in page
    absent = page[page.index("Named by flows, and not there") :]
    assert "no-such" in absent
    assert "uses-nobody-knows" in absent


@pytest.mark.parametrize(
    ("book", "secrets", "mode", "words"),
    [
        ("default: [1, 2", "", 0o600, "is not readable as YAML"),
        ("[1]", "", 0o600, "is not a mapping"),
        ("default: {crm: {typo: http}}", "", 0o600, "The connections file is wrong at default.crm"),
        (BOOK, "CRM_TOKEN=leaked-by-mode\n", 0o644, "can be read by others"),
        (BOOK, "not a secret, though-it-is\n", 0o600, "line 1: not a secret"),
    ],
)
async def test_a_broken_file_is_told_with_its_remedy_and_breaks_nothing_else(
    desk: Desk, services: Services, book: str, secrets: str, mode: int, words: str
) -> None:
    _write(services, book, secrets, mode)
    page = await desk("author", "/connections")
    assert page.status_code == 200
    assert words in page.text
    assert "leaked-by-mode" not in page.text
    assert "though-it-is" not in page.text
