"""Payloads are read strictly: anything that is not as we made it is nobody's wish, and nothing raises."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from api.slack_app.app import _plausible
from api.slack_app.clicks import Seen, delivery_id, of_action, of_form

GATE = "0192f0c1-aaaa-7bbb-8ccc-1234567890ab"
VALUE = f"{GATE}.3.{'a' * 12}.0"
BODY = {
    "type": "block_actions", "user": {"id": "U1", "name": "ann", "team_id": "T1"}, "team": {"id": "T1"},
    "container": {"channel_id": "C1", "message_ts": "1.5"}, "trigger_id": "1.2.3",
    "actions": [{"value": VALUE, "action_ts": "9.1"}],
}  # fmt: skip

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BODY, "id", "value", "view"]), inner),
    max_leaves=12,
)


def test_a_click_is_read_with_everything_it_is_about():
    click = of_action(BODY)
    assert (click.subject, click.reference, click.seen) == ("T1:U1", "C1:1.5", Seen(GATE, 3, "a" * 12, 0))
    form = of_form({"user": BODY["user"], "view": {"private_metadata": click.metadata(new="x")}})
    assert (form[0].seen, form[0].reference, form[1]["new"]) == (click.seen, click.reference, "x")


def test_a_person_of_another_workspace_is_that_workspace_s():
    """Slack Connect: the user's own workspace counts, not the one where the message stands."""
    click = of_action(BODY | {"user": {"id": "U1", "team_id": "T9"}})
    assert click.subject == "T9:U1"


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(BODY, JSON)) | JSON)
def test_arbitrary_payloads_raise_nothing(part):
    body = BODY | part if isinstance(part, dict) else {"view": part}
    of_action(body)
    of_form(body)
    of_form({**body, "view": {"private_metadata": json.dumps(part)}})
    if _plausible(body):
        delivery_id(body)


@settings(max_examples=300, deadline=None)
@given(st.text() | st.integers() | st.none())
def test_only_our_own_values_are_seen(value):
    assert Seen.read(value) is None


def test_a_repeat_has_the_id_of_the_first_and_another_click_has_not():
    again, other = dict(BODY), BODY | {"actions": [{"value": VALUE, "action_ts": "9.2"}]}
    assert delivery_id(BODY) == delivery_id(again) != delivery_id(other)
    assert delivery_id(BODY) != delivery_id(BODY | {"trigger_id": "4"})
    assert delivery_id({"type": "event_callback", "event_id": "E1"}) == "event:E1"
    assert delivery_id({"type": "url_verification"}) is None
