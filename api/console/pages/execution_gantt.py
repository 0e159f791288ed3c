"""An execution over time as bars: lanes for tasks, work filled, waiting for people hatched. Pure; units are pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from api.console.formats import clock, duration
from api.console.pages.execution_marks import word
from workflows.usecases.execution_spans import Level, Sort, Span

WIDTH, NAMES = 960, 176
LANE, ROOM, AXIS = 26, 5, 24
BAR, THIN, MOST_ROWS = 16, 8, 12
LEAST = 3
"""No bar is narrower: what took a millisecond is still seen."""
MOST_TICKS = 7
_TICK_TEXT = 40
SORTS: dict[Sort, str] = {
    "run": "Execution", "model": "Model call", "tool": "Tool", "search": "Look-up", "effect": "Effect",
    "people": "Waiting for people",
}  # fmt: skip
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800,
        604800, 2592000, 31536000,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """``share`` is how much of a lane's most is meant, for many elements together; 1 for a single one.

    ``row`` counts within the lane: bars that overlap stand one below the other.
    """

    x: float
    width: float
    sort: Sort
    state: str
    says: str
    share: float = 1.0
    row: int = 0


@dataclass(slots=True)
class Lane:
    """``path`` is a task's, empty for the execution. ``depth`` is how deep the task stands in others."""

    path: str
    name: str
    depth: int
    y: float = AXIS
    bars: list[Bar] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return max((bar.row for bar in self.bars), default=0) + 1

    @property
    def height(self) -> float:
        return LANE if self.rows == 1 else 2 * ROOM + self.rows * (THIN + 2)

    @property
    def thickness(self) -> int:
        """How high its bars are."""
        return BAR if self.rows == 1 else THIN

    def top(self, bar: Bar) -> float:
        return self.y + ROOM + bar.row * (self.thickness + 2)


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


@dataclass(slots=True)
class Chart:
    """``rows`` tell the same as the bars: what, when, how long, how it ended."""

    lanes: list[Lane]
    ticks: list[Tick]
    start: datetime
    end: datetime
    rows: list[tuple[Span, str]] = field(default_factory=list)

    @property
    def height(self) -> float:
        return AXIS + sum(lane.height for lane in self.lanes) + 1

    @property
    def sorts(self) -> list[Sort]:
        """The sorts of bars that occur, for the legend."""
        found = {bar.sort for lane in self.lanes for bar in lane.bars}
        return [sort for sort in SORTS if sort in found]


class _Scale:
    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.length = max((end - start).total_seconds(), 0.001)

    def x(self, at: datetime) -> float:
        share = (at - self.start).total_seconds() / self.length
        return round(NAMES + (WIDTH - NAMES) * min(1.0, max(0.0, share)), 1)

    def bar(self, start: datetime, end: datetime) -> tuple[float, float]:
        x = min(self.x(start), WIDTH - LEAST)
        return x, round(max(LEAST, self.x(end) - x), 1)


def chart(spans: Sequence[Span], paths: Iterable[str], now: datetime) -> Chart:
    """Lanes for the execution and for each task path that has a span, in the order of ``paths``."""
    start = min((span.start for span in spans), default=now)
    end = max((span.end or now for span in spans), default=now)
    scale = _Scale(start, end)
    made = _lanes([span.path for span in spans], paths)
    by_path = {lane.path: lane for lane in made}
    free: dict[str, list[float]] = {}
    for span in spans:
        x, width = scale.bar(span.start, span.end or now)
        row = _row(free.setdefault(span.path, []), x, width)
        by_path[span.path].bars.append(Bar(x, width, span.sort, span.state, _says(span, now), row=row))
    _stack(made)
    return Chart(made, _ticks(scale, start, end), start, end, [(span, _took(span, now)) for span in spans])


def levels_chart(
    levels: Mapping[tuple[str, Sort], Sequence[Level]], whole: Sequence[Span], paths: Iterable[str], now: datetime
) -> Chart:
    """The same for many elements: how strong a bar is says how many were under way. ``whole`` are the runs."""
    times = [level.at for some in levels.values() for level in some]
    start = min([*times, *(span.start for span in whole)], default=now)
    end = max([*times, *(span.end or now for span in whole)], default=now)
    scale = _Scale(start, end)
    made = _lanes([*(span.path for span in whole), *(path for path, _ in levels)], paths)
    by_path = {lane.path: lane for lane in made}
    for span in whole:
        x, width = scale.bar(span.start, span.end or now)
        by_path[span.path].bars.append(Bar(x, width, span.sort, span.state, _says(span, now)))
    for (path, sort), some in levels.items():
        row = len({bar.sort for bar in by_path[path].bars})
        by_path[path].bars.extend(_level_bars(scale, sort, some, end, row))
    _stack(made)
    return Chart(made, _ticks(scale, start, end), start, end)


def _row(free: list[float], x: float, width: float) -> int:
    """The first row with room at ``x``; when there are too many, the last one takes the rest. ``free`` is where each
    row's bars end."""
    row = next((row for row, end in enumerate(free) if end <= x), len(free))
    row = min(row, MOST_ROWS - 1)
    if row == len(free):
        free.append(0)
    free[row] = max(free[row], x + width)
    return row


def _stack(lanes: Iterable[Lane]) -> None:
    y: float = AXIS
    for lane in lanes:
        lane.y, y = y, y + lane.height


def _level_bars(scale: _Scale, sort: Sort, levels: Sequence[Level], end: datetime, row: int) -> Iterable[Bar]:
    most = max(level.count for level in levels)
    for level, following in zip(levels, [*levels[1:], None], strict=True):
        if level.count:
            until = following.at if following else end
            x, width = scale.bar(level.at, until)
            verb = "waited for people" if sort == "people" else "were under way"
            says = f"{level.count} {verb} from {clock(level.at)}, for {duration(until - level.at)}"
            yield Bar(x, width, sort, "running", says, round(0.25 + 0.75 * level.count / most, 2), row)


def _lanes(found: Iterable[str], paths: Iterable[str]) -> list[Lane]:
    present = set(found)
    order = list(dict.fromkeys([*([""] if "" in present else []), *paths, *sorted(present)]))
    shown = [path for path in order if path in present]
    return [Lane(path, path.rpartition("/")[2] if path else "Execution", path.count("/")) for path in shown]


def _ticks(scale: _Scale, start: datetime, end: datetime) -> list[Tick]:
    length = end - start
    step = next((step for step in _STEPS if length / step <= MOST_TICKS), _STEPS[-1])
    made = [Tick(scale.x(start + step * n), duration(step * n) if n else "0") for n in range(int(length / step) + 1)]
    return [tick for tick in made if tick.x < WIDTH - _TICK_TEXT]


def _says(span: Span, now: datetime) -> str:
    element = f", element {span.key}" if span.key else ""
    return f"{SORTS[span.sort]}{element}: {word(span.state)}, {_took(span, now)}, from {clock(span.start)}"


def _took(span: Span, now: datetime) -> str:
    if span.end is None:
        return f"{duration(now - span.start)} so far"
    return duration(span.end - span.start)
