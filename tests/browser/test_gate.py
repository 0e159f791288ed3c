"""One gate in the console, as people use it: seen, read, decided, taken back."""

from __future__ import annotations

from tests.browser.conftest import Visitors
from tests.browser.house import House


def test_a_gate_shows_what_a_yes_will_do(house: House, visit: Visitors, shot) -> None:
    """The effect stands on the page with its arguments, before the suggestion."""
    gate = house.gate(house.execute(state="waiting"))
    page = visit("Ana", f"/gates/{gate.gate_id}")
    assert page.get_by_role("heading", name="What a yes will do").is_visible()
    shot(page, "gate", full=True)
