"""One gate as the templates need it: everything that has to be worked out is worked out here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.console.formats import duration, plural, title_case
from api.console.pages.gate_diff import Change, changes
from api.console.pages.gate_effects import Effect, effects
from api.console.pages.gate_form import FormField, form_fields
from api.console.pages.gate_history import Happening, decided_in_words, history, joined, viewers
from workflows.gates.model import GateError, GateState
from workflows.usecases.gate_reading import Reading, Stage
from workflows.usecases.gate_views import GateDetail
from workflows.usecases.similar import Similar

Json = Any
SOON = timedelta(hours=1)
_THEN = {
    "reject": "then it is rejected",
    "approve": "then it is approved without anybody",
    "fail": "then the execution fails",
}
_AGREEMENT = "the share of several answers of the same model that agreed; not a probability of being right"
_MARGIN = (
    "how far the nearest example stood ahead of the next one; the offline model compares texts, "
    "it is no language model, and this is not a probability of being right"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A refusal or a state, said clearly: what is the case and what to do."""

    title: str
    text: str
    tone: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Confidence:
    """``value`` as it was computed, None where nothing was measured; ``method`` in words; ``means`` what it is not."""

    value: float | None
    method: str
    means: str
    who: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A cited passage. ``quote`` is verbatim; ``number`` names it in addresses."""

    number: int
    collection: str
    document: str
    chunk: str
    score: float | None
    quote: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """``at`` and what happens ``then``; ``late`` when it has passed and nobody has recorded it yet."""

    at: datetime
    then: str
    soon: bool
    late: bool
    dangerous: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """The whole of a gate for one person. ``key`` makes ids of this article its own on a page that has several."""

    reading: Reading
    key: str
    view: Mapping[str, Json]
    effects: tuple[Effect, ...]
    compared_with: int | None
    changes: tuple[Change, ...]
    confidence: Confidence | None
    passages: tuple[Passage, ...]
    deadline: Deadline | None
    happenings: tuple[Happening, ...]
    viewers: tuple[str, ...]
    who_may: str
    standing: Notice | None
    similar: tuple[Similar, ...] = ()
    form: tuple[FormField, ...] = ()
    notice: Notice | None = None
    typed: str = ""
    act: str = ""

    @property
    def gate(self) -> GateDetail:
        return self.reading.gate

    @property
    def may_decide(self) -> bool:
        return self.reading.refusal is None

    @property
    def may_approve(self) -> bool:
        """Whether a yes of theirs would add anything."""
        return self.may_decide and not self.reading.awaits_others

    @property
    def may_edit(self) -> bool:
        return self.reading.edit_refusal is None and bool(self.form)


def shown(
    reading: Reading,
    *,
    similar: tuple[Similar, ...] = (),
    against: int | None = None,
    notice: Notice | None = None,
    typed: str = "",
    act: str = "",
) -> Shown:
    """Put a gate together. ``against`` is the revision to compare with; ``typed`` the words of a refused form."""
    gate = reading.gate
    before = compared(reading, against)
    earlier = next((one.fields for one in reading.revisions if one.revision == before), gate.fields)
    return Shown(
        reading=reading,
        key=gate.id[-8:],
        view=gate.view,
        effects=effects(gate.view),
        compared_with=before,
        changes=changes(earlier, gate.fields),
        confidence=confidence(gate.view.get("meta", {})),
        passages=passages(gate.view.get("meta", {})),
        deadline=deadline(reading),
        happenings=tuple(history(reading)),
        viewers=tuple(viewers(reading)),
        who_may=joined(one.name for one in reading.deciders) or "nobody at present: an admin can change that",
        standing=standing(reading),
        similar=similar,
        form=form_fields(reading.plan.output_schema, gate.editable, gate.fields),
        notice=notice,
        typed=typed,
        act=act,
    )


def compared(reading: Reading, against: int | None) -> int | None:
    """The revision to compare the newest with: the one asked for, else the last suggestion before it, else none."""
    older = [one for one in reading.revisions if one.revision < reading.gate.revision]
    if against is not None and any(one.revision == against for one in older):
        return against
    suggested = [one.revision for one in older if one.kind != "edit"]
    return suggested[-1] if suggested else None


def confidence(meta: Mapping[str, Json]) -> Confidence | None:
    """How sure the answer is and how that was computed; None for a suggestion that no model made."""
    method = str(meta.get("confidence_method") or "").replace(" ", "_")
    value = meta.get("confidence")
    if method == "" and value is None:
        return None
    measured = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    words, means = {
        "agreement": ("agreement", _AGREEMENT),
        "match_margin": ("match margin", _MARGIN),
        "none": ("not measured", "nothing was measured, so nothing is claimed"),
    }.get(method, (title_case(method).lower() or "method not recorded", "not a probability of being right"))
    return Confidence(None if method == "none" else measured, words, means, _generator(meta.get("generator")))


def _generator(made_by: Json) -> str:
    if isinstance(made_by, dict):
        name = " ".join(str(made_by[key]) for key in ("provider", "model") if made_by.get(key))
        return name if made_by.get("is_llm", True) else f"{name} (no language model)"
    return str(made_by or "")


def passages(meta: Mapping[str, Json]) -> tuple[Passage, ...]:
    """What the answer cites."""
    cited = meta.get("citations")
    found = [one for one in cited if isinstance(one, dict)] if isinstance(cited, list) else []
    return tuple(
        Passage(
            number=number,
            collection=str(one.get("collection", "")),
            document=str(one.get("document", "")),
            chunk=str(one.get("chunk", "")),
            score=one.get("score") if isinstance(one.get("score"), int | float) else None,
            quote=str(one.get("quote", "")),
        )
        for number, one in enumerate(found)
    )


def deadline(reading: Reading) -> Deadline | None:
    """When an open gate expires and what then; None without a deadline or when it is closed."""
    at = reading.gate.expires_at
    if at is None or not reading.is_open:
        return None
    then = reading.policy.expire.then if reading.policy.expire else "reject"
    left = at - reading.now
    late = left <= timedelta(0)
    return Deadline(at, _THEN[then], timedelta(0) < left <= SOON, late, then == "approve")


def standing(reading: Reading) -> Notice | None:
    """How a closed gate stands, or why an open one is not for this person."""
    gate, decision, refusal = reading.gate, reading.decision, reading.refusal
    if gate.state == GateState.WITHDRAWN:
        return Notice("Withdrawn", f"{gate.withdrawn_reason or 'Its execution ended'}. Nothing waits for this.", "warn")
    if decision is not None:
        return Notice(f"{decided_in_words(reading)}.", _after(reading), _tone(decision.outcome))
    if refusal is None:
        return _voted(reading) if reading.awaits_others else None
    return _not_for_you(reading, refusal)


def _voted(reading: Reading) -> Notice:
    others = plural(reading.missing, "more person must", "more people must")
    instead = "reject it or ask for changes" if reading.may_ask_changes else "reject it"
    return Notice("You approved this.", f"{others} agree. Until then you can still {instead}.", "info")


def _after(reading: Reading) -> str:
    decision = reading.decision
    assert decision is not None
    said = [title_case(decision.reason_code)] if decision.reason_code and decision.actor_kind == "person" else []
    said += [decision.comment] if decision.comment else []
    if decision.revoked_reason:
        said.append(f"Revoked: {decision.revoked_reason}")
    if decision.outcome == "expired":
        said.append(_THEN.get((decision.reason_code or "").removeprefix("expired_"), "").capitalize())
    left = (decision.effective_at - reading.now).total_seconds()
    if left > 0:
        said.append(f"It takes effect in {duration(max(1.0, left))}")
    return ". ".join(part.rstrip(".") for part in said if part)


def _tone(outcome: str) -> str:
    return {"approved": "ok", "edited": "ok", "auto": "ok", "rejected": "bad"}.get(outcome, "warn")


def _not_for_you(reading: Reading, refusal: GateError) -> Notice:
    others = joined(one.name for one in reading.deciders)
    if refusal.code == "not_permitted":
        who = f"These people may: {others}." if others else "Nobody may at present; an admin can change that."
        return Notice(str(refusal), f"{refusal.remedy} {who}", "info", str(refusal.detail.get("why", "")))
    return Notice(str(refusal), refusal.remedy, "warn", refusal.code)


def refused(error: GateError, reading: Reading, principal_id: str) -> Notice:
    """What to say to this person on top of the present state when an action was refused."""
    decision = reading.decision
    if error.code != "already_decided" or decision is None:
        return Notice(str(error), error.remedy, "bad", error.code)
    if decision.actor_id == principal_id:
        return Notice("You had decided this already.", error.remedy, "info", error.code)
    return Notice("This was decided before you, so your decision was not taken.", error.remedy, "bad", error.code)


def progress(stage: Stage) -> str:
    """``1 of 2 approvals at stage fraud``."""
    if stage.quorum == "all":
        return f"{len(stage.yes)} of {stage.needed} approvals, everybody of {stage.named}"
    return (
        f"{len(stage.yes)} of {stage.needed} {'approval' if stage.needed == 1 else 'approvals'} at stage {stage.named}"
    )
