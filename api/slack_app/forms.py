"""The modals: edit, reject, request changes, and the one that only says something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.slack_app import values
from api.slack_app.clicks import Click
from api.slack_app.values import Field
from connectors.slack import blocks as b
from workflows.gates.model import View
from workflows.gates.visible import visible
from workflows.relay.notices import slack_card as card
from workflows.relay.notices.channel import Told
from workflows.relay.notices.formats import one_line

EDIT, REJECT, CHANGES, SAYS, LOADING = "visto_edit", "visto_reject", "visto_changes", "visto_says", "visto_loading"
REASON, COMMENT, OVERRIDE = "reason", "comment", "override"
COMMENT_MAX = 3000

Json = Any


def loading(title: str) -> b.Block:
    """Shown at once: a trigger is good for three seconds only, and a store may be slow."""
    return {**_modal(title), "callback_id": LOADING, "blocks": [b.section("One moment …")]}


def says(title: str, words: str, link: str | None = None) -> b.Block:
    """Words, and a link to the console."""
    blocks = [*b.sections(words), *([b.link(link, "Open it in the console")] if link else [])]
    return {**_modal(title), "callback_id": SAYS, "blocks": blocks}


def reject(told: Told, click: Click) -> b.Block:
    """A reason of the flow, chosen from a list, or words; or both."""
    reasons = told.detail.reasons[: b.OPTIONS]
    made: list[b.Block] = [_about(told)]
    if reasons:
        options = [b.option(visible(reason), str(number)) for number, reason in enumerate(reasons)]
        element = {"type": "static_select", "action_id": values.ACTION, "options": options}
        made.append(_input(REASON, "Reason", element, optional=True))
    made.append(_words("Why (a reason or words are needed)" if reasons else "Why", optional=bool(reasons)))
    return {**_modal("Reject", "Reject"), "callback_id": REJECT, "private_metadata": click.metadata(), "blocks": made}


def request_changes(told: Told, click: Click) -> b.Block:
    """Words that go back to whoever made the suggestion."""
    made = [_about(told), _words("What should be different", optional=False)]
    view = {**_modal("Request changes", "Send back"), "callback_id": CHANGES, "blocks": made}
    return {**view, "private_metadata": click.metadata()}


def edit(told: Told, click: Click, *, preview: View | None = None, digest: str = "") -> b.Block:
    """The editable fields. With ``preview`` it also shows what will run, and submitting again confirms just that.

    A preview that Slack cannot show whole cannot be confirmed here.
    """
    fields = editable(told)
    shown = [field for field in fields if values.fits(field)]
    if not shown:
        words = "Nothing here can be edited in Slack: its values are too long."
        return says("Edit", words, told.link)
    made = [_about(told), *map(values.block, shown)]
    left_out = [visible(field.name) for field in fields if not values.fits(field)]
    if left_out:
        made.append(b.context(f"Too long for Slack, edit in the console: {', '.join(left_out)}"))
    if told.plan.on_invalid == "escalate" and told.plan.rules:
        accept = b.option("Accept it although rules do not hold (say why below)", "yes")
        box = {"type": "checkboxes", "action_id": values.ACTION, "options": [accept]}
        made.append(_input(OVERRIDE, "Rules", box, optional=True))
    made.append(_words("Comment", optional=True))
    submit = "Preview"
    if preview is not None:
        ahead = _preview(told, preview)
        if ahead is None:
            words = "What would run after this edit is too long to be shown whole here. Finish it in the console."
            return says("Edit", words, told.link)
        made, submit = [*made, *ahead], "Confirm"
    view = {**_modal("Edit", submit), "callback_id": EDIT, "blocks": made}
    return {**view, "private_metadata": click.metadata(new=digest)}


def editable(told: Told) -> list[Field]:
    return values.fields_of(told.plan.output_schema, told.detail.editable, told.view.suggestion)


def read(view: Mapping[str, Json], block_id: str) -> Mapping[str, Json]:
    """What was typed into an input; empty if it is not there."""
    state = (view.get("state") or {}).get("values") or {}
    found = (state.get(block_id) or {}).get(values.ACTION)
    return found if isinstance(found, dict) else {}


def comment_of(view: Mapping[str, Json]) -> str | None:
    text = read(view, COMMENT).get("value")
    return text.strip() or None if isinstance(text, str) else None


def override_of(view: Mapping[str, Json]) -> bool:
    return bool(read(view, OVERRIDE).get("selected_options"))


def reason_of(view: Mapping[str, Json], reasons: Sequence[str]) -> str | None:
    """The chosen code; a choice that we did not offer is none."""
    option = read(view, REASON).get("selected_option")
    number = option.get("value") if isinstance(option, dict) else None
    if not isinstance(number, str) or not number.isdecimal() or int(number) >= len(reasons):
        return None
    return reasons[int(number)]


def errors_at(view: Mapping[str, Json], fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Messages by the input they belong to; what belongs to none stands at the first."""
    inputs = [str(one["block_id"]) for one in view.get("blocks") or () if one.get("type") == "input"]
    found: dict[str, list[str]] = {}
    for name, messages in fields.items():
        wanted = (f"f:{name}", f"f:{name.partition('.')[0]}", OVERRIDE if name == "rules" else name)
        place = next((one for one in wanted if one in inputs), inputs[0] if inputs else "")
        found.setdefault(place, []).extend(visible(message) for message in messages)
    return {place: b.cut("; ".join(messages), 1000) for place, messages in found.items() if place}


def _exact(values: Mapping[str, Json], name: str) -> str:
    return card.exact(values[name]) if name in values else "(nothing)"


def _preview(told: Told, preview: View) -> list[b.Block] | None:
    before, after = told.view.suggestion, preview.suggestion
    changed = [
        f"{visible(name)}: {_exact(before, name)} → {_exact(after, name)}"
        for name in [*after, *(name for name in before if name not in after)]
        if _exact(before, name) != _exact(after, name)
    ]
    effects = [card.effect_text(number, effect) for number, effect in enumerate(preview.effects, start=1)]
    failed = [f"• {visible(rule.message)}" for rule in preview.failed_rules]
    if sum(map(len, [*changed, *effects])) > card.ROOM:
        return None
    made = [b.divider(), b.section(card.effects_line(preview.effects)), *b.sections("\n".join(changed))]
    if failed:
        made += b.sections(b.cut("\n".join(["⚠ Rules that will not hold:", *failed]), b.SECTION - 100))
    return [*made, *(part for text in effects for part in b.sections(text))]


def _about(told: Told) -> b.Block:
    return b.context(one_line(visible(told.view.title), 300))


def _modal(title: str, submit: str | None = None) -> b.Block:
    made: b.Block = {"type": "modal", "title": b.plain(title), "close": b.plain("Close")}
    return made if submit is None else {**made, "submit": b.plain(submit)}


def _input(block_id: str, label: str, element: b.Block, *, optional: bool) -> b.Block:
    return {"type": "input", "block_id": block_id, "label": b.plain(label), "element": element, "optional": optional}


def _words(label: str, *, optional: bool) -> b.Block:
    element = {"type": "plain_text_input", "action_id": values.ACTION, "multiline": True, "max_length": COMMENT_MAX}
    return _input(COMMENT, label, element, optional=optional)
