"""What a reader cannot see is spelled out; everything else stays as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.gates.visible import hides, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pay \u202e001\u202c EUR", "pay ⟨U+202E⟩001⟨U+202C⟩ EUR"),
        ("ap\u200bprove", "ap⟨U+200B⟩prove"),
        ("a\u0000b\u0007", "a⟨U+0000⟩b⟨U+0007⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("line\u2028break", "line⟨U+2028⟩break"),
        ("lone \ud800 half", "lone ⟨U+D800⟩ half"),
        ("a\r\nb", "a⟨U+000D⟩\nb"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert hides(text)


@pytest.mark.parametrize(
    "text", ["", "Plain text", "two\nlines\tand a tab", "Größe 中文 عربى", "👩\u200d💻", "❤\ufe0f\u200d🔥", "é"]
)
def test_honest_text_is_left_alone(text: str) -> None:
    assert visible(text) == text
    assert not hides(text)


def test_a_joiner_between_letters_is_no_emoji() -> None:
    assert visible("a\u200db") == "a⟨U+200D⟩b"


@given(st.text())
def test_no_format_or_control_character_survives(text: str) -> None:
    """Whatever comes in, nothing of the categories Cf, Cc and Cs is left but line ends, tabs and emoji joiners."""
    left = {c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cs")}
    assert left <= {"\n", "\t"}
    assert not set(visible(text)) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\ufeff"
    )


@given(st.text())
def test_showing_twice_changes_nothing(text: str) -> None:
    assert visible(visible(text)) == visible(text)
