"""One gate as a Slack card: what will happen if somebody says yes, and the buttons to say it; or how it ended.

What takes effect (the suggestion's values, the effects' arguments) is never cut: a card that cannot show it whole has no
Approve button and says where to decide. Everything that is data is ``plain_text``, with invisible characters spelled out.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from connectors.slack import blocks as b
from workflows.arbiter.outgoing import audience
from workflows.gates.model import ResolvedEffect
from workflows.gates.visible import visible
from workflows.relay.notices.channel import Told
from workflows.relay.notices.formats import confidence, money_and_dates, one_line
from workflows.usecases.gate_views import DecisionShown

ROOM = 9_000
"""Characters of what takes effect that one card shows; beyond that nobody reads it in a chat."""
SHOWN_FIELD = 600
SHORT = 60
QUOTES = 2
QUOTE = 300
RULES = 10
COMMENT = 600
TOP = 300

APPROVE, EDIT, REJECT, CHANGES, OPEN = "visto_approve", "visto_edit", "visto_reject", "visto_changes", "visto_open"
PERMITTED = {"approved": "Approved", "edited": "Approved with changes", "auto": "Approved by policy"}
OUTCOMES = PERMITTED | {"rejected": "Rejected", "expired": "Expired", "changes_requested": "Changes requested"}

Json = Any


def value_of(told: Told) -> str:
    """What a button carries: which gate, and what was seen of it. Nothing in it gives a right."""
    detail = told.detail
    return f"{detail.id}.{detail.revision}.{detail.action_digest[:12]}.{len(detail.decisions)}"


def open_card(told: Told) -> dict[str, Json]:
    """The card of a gate that waits for a decision: ``{text, blocks}``."""
    executing = _executing(told)
    whole = sum(len(text) for text in executing) <= ROOM
    consequence = _consequence(told)
    blocks = [
        b.header(one_line(visible(told.view.title))),
        b.section(consequence),
        *_failed_rules(told),
        *_shown(told),
        *_suggestion(told, executing, whole=whole),
        *_evidence(told),
        *_effects(told, executing, whole=whole),
    ]
    last = [*_people(told), *_deadline(told), _buttons(told, whole=whole), _footer(told)]
    room = b.MESSAGE_BLOCKS - len(last)
    if len(blocks) > room:
        return too_long(told, last)
    return {"text": _top(f"{told.view.title} — {consequence}"), "blocks": blocks + last}


def too_long(told: Told, last: list[b.Block] | None = None) -> dict[str, Json]:
    """A card for a gate that Slack cannot show: no Approve button, only the way to where it can be decided."""
    rest = last or [*_people(told), *_deadline(told), _footer(told)]
    rest = [block for block in rest if block.get("type") != "actions"]
    blocks = [
        b.header(one_line(visible(told.view.title))),
        b.section("This is too long to be shown whole here, so it cannot be approved here. Open it in the console."),
        _buttons(told, whole=False),
        *rest,
    ]
    return {"text": _top(f"{told.view.title} — open it in the console"), "blocks": blocks}


def closed_card(told: Told) -> dict[str, Json]:
    """The card of a gate that is decided or withdrawn: outcome, who, when, reason, link; no buttons."""
    detail = told.detail
    headline = outcome_line(told)
    blocks = [b.section(headline), b.header(one_line(visible(detail.title)))]
    decision = told.decision
    if decision is not None:
        blocks += _reason(decision)
        if decision.outcome == "edited":
            blocks += _edited(told, decision)
    elif detail.withdrawn_reason:
        blocks.append(b.section(f"Reason: {b.cut(visible(detail.withdrawn_reason), COMMENT)}"))
    blocks += [b.link(told.link, "See it in the console"), _footer(told)]
    return {"text": _top(f"{headline} {detail.title}"), "blocks": blocks}


def moved_card(told: Told) -> dict[str, Json]:
    """For somebody whom the gate was assigned to before: nothing to do here any more."""
    now = "It is not assigned to you any more."
    if told.assignee is not None:
        now = f"It is assigned to {one_line(visible(told.assignee.principal.name), SHORT)} now."
    blocks = [b.header(one_line(visible(told.view.title))), b.section(now), b.link(told.link, "See it in the console")]
    return {"text": _top(f"{told.view.title}: {now}"), "blocks": [*blocks, _footer(told)]}


def long_comment(decision: DecisionShown) -> str | None:
    """The decider's words if the card shows only their beginning."""
    comment = visible(decision.comment or "")
    return comment if len(comment) > COMMENT else None


def outcome_line(told: Told) -> str:
    """``Approved by Ana at 2026-11-22 10:00 UTC.``"""
    decision = told.decision
    if decision is None:
        return "Withdrawn: nothing waits for a decision any more."
    who = "" if decision.actor_kind in ("policy", "timeout") else f" by {one_line(visible(decision.by), SHORT)}"
    what = OUTCOMES.get(decision.outcome, decision.outcome)
    if decision.outcome == "expired":
        then = told.plan.approve.expire.then if told.plan.approve.expire else "reject"
        what = {
            "reject": "Expired: nobody decided in time, so it is rejected",
            "approve": "Expired: nobody decided in time, so it goes ahead, as the flow says",
            "fail": "Expired: nobody decided in time, so the task fails",
        }[then]
    return f"{what}{who} at {stamp(decision.decided_at)}."


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def exact(value: Json) -> str:
    """A value as it will be used: JSON, with invisible characters spelled out."""
    return visible(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True))


def effect_text(number: int, effect: ResolvedEffect) -> str:
    return f"{number}. {effect.type}\n{exact(effect.properties)}"


def effects_line(effects: tuple[ResolvedEffect, ...]) -> str:
    """What a yes does, and whether that can be taken back."""
    if not effects:
        return "If approved: nothing is sent anywhere by this step; the flow goes on with these values."
    names = ", ".join(dict.fromkeys(effect.type for effect in effects))
    count = "1 action runs" if len(effects) == 1 else f"{len(effects)} actions run"
    return f"If approved: {count} ({names}). What has run cannot be taken back."


def _consequence(told: Told) -> str:
    targets = [_target(effect) for effect in told.view.effects]
    named = ", ".join(dict.fromkeys(one for one in targets if one))
    line = effects_line(told.view.effects)
    return line + (f" To: {b.cut(named, SHOWN_FIELD)}" if named else "")


def _target(effect: ResolvedEffect) -> str:
    """To whom: what an effect's arguments name as their destination."""
    for name in ("to", "channel", "url", "spreadsheet", "topic", "path", "key", "connection"):
        found = effect.properties.get(name)
        if isinstance(found, str) and found:
            return one_line(visible(found), 2 * SHORT)
    return ""


def _executing(told: Told) -> list[str]:
    """Every text of the view that takes effect: the suggestion's values, then the effects."""
    values = [f"{visible(name)}: {_plainly(value)}" for name, value in told.view.suggestion.items()]
    return [*values, *(effect_text(n, effect) for n, effect in enumerate(told.view.effects, start=1))]


def _plainly(value: Json) -> str:
    """A value whole. Further lines are marked, so that none of them looks like a field of its own."""
    text = visible(value) if isinstance(value, str) else exact(value)
    return text.replace("\n", "\n│ ")


def _shown(told: Told) -> list[b.Block]:
    short: list[tuple[str, str]] = []
    long: list[b.Block] = []
    for field in told.view.show:
        label, text = one_line(visible(field.label), SHORT), visible(money_and_dates(field.value, field.format))
        if len(text) <= SHORT and "\n" not in text:
            short.append((label, text))
        else:
            long.append(b.section(f"{label}\n{b.cut(text, SHOWN_FIELD, ' … (cut; whole in the console)')}"))
    return [*b.pairs(short), *long[:10]]


def _suggestion(told: Told, executing: list[str], *, whole: bool) -> list[b.Block]:
    if not told.view.suggestion:
        return []
    sure = visible(confidence(told.view.meta))
    head = "Suggestion" + (f" · {sure}" if sure else "")
    if not whole:
        return [b.context(head)]
    values = executing[: len(told.view.suggestion)]
    return [b.context(head), *b.sections("\n".join(values))]


def _evidence(told: Told) -> list[b.Block]:
    citations = [one for one in told.view.meta.get("citations") or () if isinstance(one, dict)]
    made: list[b.Block] = []
    if citations:
        count = "1 passage" if len(citations) == 1 else f"{len(citations)} passages"
        quotes = [
            f"“{b.cut(one_line(visible(str(one.get('quote', '')))), QUOTE)}” — {one_line(visible(str(one.get('document', ''))), SHORT)}"
            for one in citations[:QUOTES]
        ]
        made.append(b.section("\n".join([f"Rests on {count}:", *quotes])))
    for label, state in (("Looked up (see the console)", "found"), ("Could not be looked up", "missing")):
        names = [one_line(visible(one.id), SHORT) for one in told.view.evidence if one.state == state]
        if names:
            made.append(b.context(f"{label}: {', '.join(names[:RULES])}"))
    return made


def _failed_rules(told: Told) -> list[b.Block]:
    failed = told.view.failed_rules
    if not failed:
        return []
    lines = [f"• {b.cut(one_line(visible(rule.message)), 200)}" for rule in failed[:RULES]]
    more = [f"… and {len(failed) - RULES} more"] if len(failed) > RULES else []
    return [b.section("\n".join(["⚠ Rules that do not hold:", *lines, *more]))]


def _effects(told: Told, executing: list[str], *, whole: bool) -> list[b.Block]:
    effects = executing[len(told.view.suggestion) :]
    if not whole:
        words = "What would run or be used is too long to be shown whole here, so it cannot be approved here."
        return [b.section(f"{words} Open it in the console.")]
    if not effects:
        return []
    return [b.context("Runs exactly like this"), *(part for text in effects for part in b.sections(text))]


def _people(told: Told) -> list[b.Block]:
    detail, policy = told.detail, told.plan.approve
    stage = policy.stages[min(detail.stage, len(policy.stages) - 1)]
    parts = [f"Asked: {visible(audience(stage))}"]
    if stage.quorum != 1:
        parts.append("all of them must agree" if stage.quorum == "all" else f"{stage.quorum} must agree")
    if len(policy.stages) > 1:
        parts.append(f"stage {detail.stage + 1} of {len(policy.stages)}")
    if told.assignee is not None:
        parts.append(f"assigned to {visible(told.assignee.principal.name)}")
    if told.claimer is not None and detail.claim_until is not None:
        parts.append(f"{visible(told.claimer.principal.name)} is working on it until {stamp(detail.claim_until)}")
    cast = [one for one in detail.votes if one.voided_at is None and one.revision == detail.revision]
    parts += [f"{visible(one.by)}: {one.action.replace('_', ' ')}" for one in cast]
    return [b.context(" · ".join(parts))]


def _deadline(told: Told) -> list[b.Block]:
    if told.detail.expires_at is None:
        return []
    then = told.plan.approve.expire.then if told.plan.approve.expire else "reject"
    words = {"reject": "it is rejected", "approve": "it goes ahead without anybody's yes", "fail": "the task fails"}
    return [b.context(f"Decide by {stamp(told.detail.expires_at)}; after that {words[then]}.")]


def _buttons(told: Told, *, whole: bool) -> b.Block:
    value = value_of(told)
    detail, effects = told.detail, told.view.effects
    buttons: list[b.Block] = []
    if whole:
        asked = None
        if effects:
            many = "1 action runs" if len(effects) == 1 else f"{len(effects)} actions run"
            asked = b.confirm("Approve?", f"{many} at once. What has run cannot be taken back.", "Approve", "Not yet")
        buttons.append(b.button(APPROVE, "Approve", value, style="primary", confirm=asked))
        if detail.editable:
            buttons.append(b.button(EDIT, "Edit", value))
    buttons.append(b.button(REJECT, "Reject", value))
    if can_change(told):
        buttons.append(b.button(CHANGES, "Request changes", value))
    buttons.append(b.button(OPEN, "Open in the console", value, url=told.link))
    return b.actions(f"gate:{detail.revision}:{len(detail.decisions)}:{int(whole)}", buttons)


def can_change(told: Told) -> bool:
    """Whether a request for changes can lead to another suggestion."""
    suggest = told.plan.suggest
    rounds = sum(one.outcome == "changes_requested" and one.undone_at is None for one in told.detail.decisions)
    return suggest is not None and suggest.kind == "agent" and rounds < told.plan.approve.max_rounds


def _reason(decision: DecisionShown) -> list[b.Block]:
    made: list[b.Block] = []
    if decision.reason_code and decision.actor_kind == "person":
        made.append(b.section(f"Reason: {one_line(visible(decision.reason_code), SHOWN_FIELD)}"))
    if decision.comment:
        made.append(b.section(f"“{b.cut(visible(decision.comment), COMMENT, ' … (whole in the thread)')}”"))
    return made


def _edited(told: Told, decision: DecisionShown) -> list[b.Block]:
    fields = decision.fields or {}
    lines = [f"{visible(name)}: {_plainly(value)}" for name, value in fields.items() if name in told.detail.editable]
    without = set(told.plan.output_schema.get("properties", {})) - set(fields)
    lines += [f"{visible(name)}: (nothing)" for name in told.detail.editable if name in without]
    return [b.section(b.cut("\n".join(lines), 2 * COMMENT, " … (whole in the console)"))] if lines else []


def _footer(told: Told) -> b.Block:
    detail = told.detail
    return b.context(
        f"{visible(detail.flow)} · revision {detail.revision} · {detail.action_digest[:12]} · {detail.execution}"
    )


def _top(text: str) -> str:
    """The fallback that notifications show: escaped, since Slack reads markup there."""
    return b.escape(b.cut(one_line(visible(text)), TOP, "…"))
