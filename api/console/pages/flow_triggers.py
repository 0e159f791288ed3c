"""What starts a flow by itself: each trigger with its address, how messages prove themselves, and what arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import Response
from markupsafe import Markup, escape

from api.console.formats import title_case
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import flow_curl, flow_page
from connectors.base import ConnectorError
from workflows.flow.planned import FlowPlan, TriggerPlan
from workflows.journal.read import Entry, search
from workflows.store.db import Tx
from workflows.store.repositories import flow_facts
from workflows.store.repositories.inbound import Inbound

router = console_router(prefix="/flows")

DELIVERIES = 10
OWN = frozenset({"auth", "when", "enabled", "description"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A trigger as the page shows it. ``facts`` are its own keys; ``ready`` is None where no secret is needed."""

    id: str
    type: str
    description: str
    enabled: bool
    when: str
    inputs: dict[str, Any]
    facts: list[tuple[str, Any]]
    address: str = ""
    auth: str = ""
    open: bool = False
    secret: str = ""
    ready: bool | None = None
    curl: str = ""
    deliveries: list[Inbound] = field(default_factory=list)
    refusals: list[Entry] = field(default_factory=list)

    @property
    def raw(self) -> Markup:
        """The command for the clipboard: escaped, and otherwise as it is."""
        return escape(self.curl)


@router.get("/{flow_id}/triggers")
async def flow_triggers_page(flow_id: str, page: PageDep) -> Response:
    """The triggers of the current revision."""
    opened = await flow_page.open_flow(page, flow_id)
    plan = flow_page.plan(page, opened)

    def read(tx: Tx) -> list[Shown]:
        refusals = search(tx, page.namespace, kinds=["webhook.rejected"], flow_id=flow_id, limit=DELIVERIES).items
        return [_shown(page, tx, plan, one, refusals) for one in plan.triggers]

    return await flow_page.render(
        page, opened, "triggers", "flows/triggers.html", triggers=await page.services.db.read(read)
    )


def _shown(page: Page, tx: Tx, plan: FlowPlan, trigger: TriggerPlan, refusals: tuple[Entry, ...]) -> Shown:
    own = trigger.properties
    facts = [(title_case(name), value) for name, value in own.items() if name not in OWN and value is not None]
    common: dict[str, Any] = {
        "id": trigger.id,
        "type": trigger.type,
        "description": str(own.get("description") or ""),
        "enabled": own.get("enabled", True) is not False,
        "when": str(own.get("when") or ""),
        "inputs": trigger.inputs,
        "facts": facts,
    }
    if trigger.type != "webhook":
        return Shown(**common)
    auth = own.get("auth") or {}
    address = f"{page.services.settings.api_url}/api/v1/hooks/{page.namespace}/{plan.flow_id}/{trigger.id}"
    return Shown(
        **common,
        address=address,
        auth=flow_curl.how(auth),
        open=auth.get("type") == "none",
        secret=str(auth.get("secret") or ""),
        ready=_ready(page, str(auth.get("secret") or "")),
        curl=flow_curl.command(address, plan, trigger),
        deliveries=flow_facts.messages(tx, page.namespace, f"webhook:{plan.flow_id}:{trigger.id}", limit=DELIVERIES),
        refusals=[one for one in refusals if one.meta.get("trigger") == trigger.id],
    )


def _ready(page: Page, secret: str) -> bool | None:
    """Whether the secret is set here; its value is never looked at further."""
    if not secret:
        return None
    try:
        page.services.secrets.get(page.namespace, secret)
    except ConnectorError:
        return False
    return True
