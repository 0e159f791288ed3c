"""The scripted reviewer: a stated policy instead of a person's judgement, applied through the public API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from visto.cli.gates import decision
from visto.demo.orders import CLOSE_EUR, FORBIDDEN, Order

NAME = "Demo reviewer (scripted)"
POLICY = f"""\
The reviewer of this demo is a script, and is recorded as "{NAME}". It
  rejects  orders to {", ".join(sorted(FORBIDDEN))}, and orders whose note tells the reader what to answer;
  edits    a suggested risk that is not what the written policy says, and one of an amount that ends just
           ({CLOSE_EUR} euros or less) below a threshold, as a careful person would;
  approves the rest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the reviewer does with a gate; ``more`` goes into the request."""

    action: str
    more: dict[str, Any] = field(default_factory=dict)


def judge(order: Order, suggested: dict[str, Any]) -> Verdict:
    """Apply the stated policy to a suggestion."""
    if order.country in FORBIDDEN:
        return Verdict("reject", {"reason_code": "policy", "comment": f"No delivery to {order.country}."})
    if order.steers:
        return Verdict("reject", {"reason_code": "policy", "comment": "The note tries to steer the decision."})
    wanted = order.careful_risk
    if suggested.get("risk") != wanted:
        why = f"The written policy says {wanted}." if wanted == order.risk else "Just below the threshold."
        return Verdict("edit", {"fields": {"risk": wanted, "reason": why}, "comment": why})
    return Verdict("approve")


def decide(api: Any, gate: dict[str, Any], orders: dict[str, Order]) -> str:
    """Note that a gate was seen and decide it as it was read; return the action. Raises ``CommandError``."""
    gate_id = gate["id"]
    api.post(f"/gates/{gate_id}/view", {"revision": gate["revision"]})
    verdict = judge(orders[order_id(gate["title"])], gate["view"]["suggestion"])
    more = dict(verdict.more)
    if verdict.action == "edit":
        shown = api.post(
            f"/gates/{gate_id}/preview",
            {"revision": gate["revision"], "fields": more["fields"], "comment": more["comment"]},
        )
        more["new_action_digest"] = shown["action_digest"]
    api.post(f"/gates/{gate_id}/decision", decision(gate, verdict.action, **more) | {"via": "api"})
    return verdict.action


def order_id(title: str) -> str:
    """``Order A-1001 to ES`` is about A-1001."""
    return title.split()[1]
