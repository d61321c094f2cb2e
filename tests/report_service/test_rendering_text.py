"""Promise: what is printed of strangers' text is visible, bounded and otherwise unchanged."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_service.rendering.template import leaves, plain
from report_service.rendering.text import MARKS, shown, visible


@pytest.mark.parametrize(
    "text", ["Grüße, Ωμέγα, мир", "שלום עולם", "مرحبا", "日本語 한국어", "👩‍👩‍👧 🇸🇪", "a\tb\nc", "é e\u0301"]
)
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a\x00b", r"a\u0000b"),
        ("\x1b[31mred", r"\u001B[31mred"),
        ("cod\u202egnp.exe", r"cod\u202Egnp.exe"),
        ("\u2066isolated\u2069", r"\u2066isolated\u2069"),
        ("half \ud83d", r"half \uD83D"),
        ("\uffff \U0001fffe", r"\uFFFF \u1FFFE"),
        ("one\r\ntwo\rthree", "one\ntwo\\u000Dthree"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, printed: str) -> None:
    assert shown(text) == printed


def test_a_tower_of_marks_is_cut_down() -> None:
    assert shown("Z" + "\u0351" * 100 + "a") == "Z" + "\u0351" * MARKS + "a"


@given(st.text(st.characters()))
def test_any_text_becomes_printable_and_stays_bounded(text: str) -> None:
    printed = shown(text, 100)
    assert visible(printed) == printed
    assert not any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\t" for each in printed)
    assert len(printed) <= 100 * len(r"\u10FFFF")


def test_the_leaves_of_a_value_have_paths_and_keep_their_order() -> None:
    value = {"a": [{"b": 1}, [2, 3]], "c": {}, "d": [], "e": None, "items": {"keys": True}}
    assert leaves(value) == [
        ("a[0].b", 1),
        ("a[1]", [2, 3]),
        ("c", {}),
        ("d", []),
        ("e", None),
        ("items.keys", True),
    ]


def test_a_value_nested_without_end_does_not_exhaust_the_stack() -> None:
    value: object = 1
    for _ in range(50_000):
        value = [{"x": value}]
    assert len(leaves(value)) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (True, "true"), (None, "null"), (18400, "18400"), (0.5, "0.5"), (["a", 1], "a, 1")],
)
def test_simple_values_are_written_as_people_write_them(value: object, text: str) -> None:
    assert plain(value) == text
