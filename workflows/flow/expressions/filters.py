"""The fixed list of filters: numbers, texts and dates. ``filters_lists`` holds those for lists.

A filter is a function of the budget, the value and its arguments; it makes nothing before accounting for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date as Date  # noqa: N812
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from urllib.parse import quote

from workflows.flow.expressions.values import (
    Budget,
    Json,
    Refused,
    is_number,
    json_text,
    kind,
    number,
    text_of,
)

Filter = Callable[..., Json]

_ROUNDING = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
_MAX_DIGITS = 15
_MAX_INDENT = 8
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


def _text(value: Json, name: str) -> str:
    if type(value) is not str:
        raise Refused(f"`{name}` works on texts only, not on {kind(value)}", "make a text of it with `| string`")
    return value


def _number(value: Json, name: str) -> int | float:
    if not is_number(value):
        raise Refused(f"`{name}` works on numbers only, not on {kind(value)}", "make a number of it with `| float`")
    return number(value)


def round_(budget: Budget, value: Json, precision: Json = 0, method: Json = "common") -> Json:
    """Round half away from zero; with ``precision`` 0 the result is a whole number."""
    budget.spend()
    exact = Decimal(repr(_number(value, "round")))
    if type(precision) is not int or not 0 <= precision <= _MAX_DIGITS:
        raise Refused("`round` takes the number of digits, 0 to 15")
    if type(method) is not str or method not in _ROUNDING:
        raise Refused("`round` knows the methods common, ceil and floor")
    if exact.adjusted() >= _MAX_DIGITS + 1:
        return value
    rounded = exact.quantize(Decimal(1).scaleb(-precision), rounding=_ROUNDING[method])
    return int(rounded) if precision == 0 else float(rounded)


def absolute(budget: Budget, value: Json) -> Json:
    budget.spend()
    return abs(_number(value, "abs"))


def to_int(budget: Budget, value: Json) -> int:
    """Make a whole number of a number or a text; the part after the point is cut off."""
    made = to_float(budget, value) if type(value) is not int else value
    return int(number(made))


def to_float(budget: Budget, value: Json) -> int | float:
    """Make a number of a text. A text that is no number is an error."""
    budget.spend()
    if is_number(value):
        return number(value)
    if type(value) is bool:
        return int(value)
    text = _text(value, "float").strip()
    if len(text) > 64 or "_" in text:  # noqa: PLR2004
        raise Refused(f"`{text[:40]}` is not a number")
    try:
        return number(int(text)) if text.lstrip("+-").isdecimal() else number(float(text))
    except ValueError:
        raise Refused(f"`{text[:40]}` is not a number") from None


def string(budget: Budget, value: Json) -> str:
    made = text_of(value, budget)
    budget.text(len(made))
    return made


def _simple(name: str, change: Callable[[str], str]) -> Filter:
    def run(budget: Budget, value: Json) -> str:
        text = _text(value, name)
        budget.text(len(text))
        return change(text)

    return run


def replace(budget: Budget, value: Json, old: Json, new: Json) -> str:
    text, old, new = _text(value, "replace"), _text(old, "replace"), _text(new, "replace")
    budget.text(len(text))
    if not old:
        raise Refused("`replace` needs a text to look for")
    budget.text(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def truncate(budget: Budget, value: Json, length: Json = 255, end: Json = "…") -> str:
    """Cut a text to at most ``length`` characters, its ending included."""
    text, end = _text(value, "truncate"), _text(end, "truncate")
    if type(length) is not int or length < len(end):
        raise Refused("`truncate` takes the length, a whole number not shorter than the ending")
    budget.spend(1 + min(length, len(text)) // 64)
    return text if len(text) <= length else text[: length - len(end)] + end


def split(budget: Budget, value: Json, separator: Json = ",") -> list[str]:
    text, separator = _text(value, "split"), _text(separator, "split")
    if not separator:
        raise Refused("`split` needs a separator")
    budget.text(len(text))
    budget.spend(text.count(separator) + 1)
    return text.split(separator)


def urlencode(budget: Budget, value: Json) -> str:
    """Escape a text for use inside an address, or make ``a=1&b=2`` of a group of fields."""
    if type(value) is dict:
        return "&".join(f"{urlencode(budget, key)}={urlencode(budget, part)}" for key, part in value.items())
    text = text_of(value, budget)
    budget.text(len(text) * 3)
    return quote(text, safe="")


def tojson(budget: Budget, value: Json, indent: Json = None) -> str:
    if indent is not None and (type(indent) is not int or not 0 <= indent <= _MAX_INDENT):
        raise Refused("`tojson` takes an indent of 0 to 8")
    return json_text(value, budget, indent)


def date(budget: Budget, value: Json, format: Json = "%Y-%m-%d") -> str:
    """Write a date: ``%Y %y %m %d %H %M %S %j %B %b %A %a %%``, names in English."""
    budget.spend()
    moment = _moment(value)
    pattern = _text(format, "date")
    if len(pattern) > 64:  # noqa: PLR2004
        raise Refused("the format of `date` is too long")
    made, position = "", 0
    while position < len(pattern):
        if pattern[position] == "%":
            made += _directive(moment, pattern[position + 1 : position + 2])
            position += 2
        else:
            made += pattern[position]
            position += 1
    return made


def _moment(value: Json) -> datetime:
    text = _text(value, "date").strip()
    try:
        if len(text) == len("2026-01-31"):
            day = Date.fromisoformat(text)
            return datetime(day.year, day.month, day.day)  # noqa: DTZ001  only its parts are written
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            f"`{text[:40]}` is not a date", "dates are written like 2026-01-31 or 2026-01-31T09:30:00Z"
        ) from None


def _directive(moment: datetime, letter: str) -> str:
    numbers = {
        "Y": (moment.year, 4),
        "y": (moment.year % 100, 2),
        "m": (moment.month, 2),
        "d": (moment.day, 2),
        "H": (moment.hour, 2),
        "M": (moment.minute, 2),
        "S": (moment.second, 2),
        "j": (moment.timetuple().tm_yday, 3),
    }
    if letter in numbers:
        amount, width = numbers[letter]
        return f"{amount:0{width}d}"
    month, day = _MONTHS[moment.month - 1], _DAYS[moment.weekday()]
    names = {"B": month, "b": month[:3], "A": day, "a": day[:3], "%": "%"}
    if letter not in names:
        raise Refused(f"`date` does not know %{letter}", "it knows %Y %y %m %d %H %M %S %j %B %b %A %a")
    return names[letter]


FILTERS: dict[str, Filter] = {
    "abs": absolute,
    "capitalize": _simple("capitalize", str.capitalize),
    "date": date,
    "float": to_float,
    "int": to_int,
    "lower": _simple("lower", str.lower),
    "replace": replace,
    "round": round_,
    "split": split,
    "string": string,
    "title": _simple("title", str.title),
    "tojson": tojson,
    "trim": _simple("trim", str.strip),
    "truncate": truncate,
    "upper": _simple("upper", str.upper),
    "urlencode": urlencode,
}
