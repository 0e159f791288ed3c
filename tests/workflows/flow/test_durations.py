"""Durations in both notations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.flow.durations import NotADuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("4h", 14_400_000), ("3d", 259_200_000), ("1w", 604_800_000),
        ("1h30m", 5_400_000), ("PT4H", 14_400_000), ("P1DT12H", 129_600_000), ("P2W", 1_209_600_000),
        ("PT0.5S", 500), ("PT1M", 60_000), ("0s", 0),
    ],
)  # fmt: skip
def test_reads(text, milliseconds):
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5 m",
        "m",
        "-5m",
        "5M",
        "1.5h",
        "30m1h",
        "5m5m",
        "P",
        "PT",
        "P1M",
        "P1Y",
        "PT1H2",
        "\u0665m",
        "99999w",
        "x" * 10_000,
    ],
)
def test_refuses(text):
    with pytest.raises(NotADuration):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**11))
def test_what_is_written_reads_back(milliseconds):
    assert parse_duration(format_duration(milliseconds)) == milliseconds
