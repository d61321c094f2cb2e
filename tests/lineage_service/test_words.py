"""Promise: what stands in a log finds it, and what is different in every log is no burden to it."""

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage_service.domain import Word
from lineage_service.words import LONGEST_LINE, LONGEST_WORD, MOST_WORDS, LogWords, asked
from services.errors import InvalidArgument


def words_of(*lines: object) -> frozenset[str]:
    words = LogWords()
    words.add(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return words.found()


def test_keys_texts_and_whole_numbers_are_found() -> None:
    line = {"event": "Render.Warning", "facts": [{"glyph_missing": "ﬁancé"}, 404], "ok": True, "none": None}
    assert words_of(line) == frozenset(
        {"event", "render", "warning", "facts", "glyph", "missing", "fiancé", "404", "ok", "none"}
    )


def test_times_and_fractions_are_left_out() -> None:
    assert words_of({"time": "2026-11-21T12:00:00Z", "seconds": 0.125}) == frozenset({"seconds"})


def test_a_line_that_is_no_json_is_taken_as_text() -> None:
    words = LogWords()
    words.add(b"plain text\n{broken\n\xff\xfe")
    assert words.found() == frozenset({"plain", "text", "broken"})


def test_a_line_without_end_costs_no_more_than_a_stretch() -> None:
    words = LogWords()
    for _ in range(30):
        words.add(b"endless " * (LONGEST_LINE // 80))
    assert "endless" in words.found()


def test_there_is_a_most_and_a_longest() -> None:
    words = LogWords()
    words.add(" ".join(f"w{number}" for number in range(2 * MOST_WORDS)).encode() + b"\n" + b"x" * 1000)
    found = words.found()
    assert len(found) == MOST_WORDS
    assert max(map(len, found)) <= LONGEST_WORD


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=8), st.integers(1, 40)
)
def test_the_words_do_not_hang_on_where_the_log_is_cut(texts: list[str], size: int) -> None:
    log = b"".join(json.dumps({"event": text}).encode() + b"\n" for text in texts)
    whole, cut = LogWords(), LogWords()
    whole.add(log)
    for start in range(0, len(log), size):
        cut.add(log[start : start + size])
    assert whole.found() == cut.found()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0*"), max_size=100))
def test_what_is_copied_out_of_a_line_finds_it(text: str) -> None:
    held = words_of({"reason": text})
    with suppress(InvalidArgument):
        question = asked(text, "q")
        assert all(word.is_in(held) for word in question)


@given(st.text(max_size=60))
def test_a_word_of_a_question_is_letters_and_digits_and_nothing_else(text: str) -> None:
    with suppress(InvalidArgument):
        question = asked(text, "q")
        assert all(re.fullmatch(r"[^\W_]{1,64}", word.text) for word in question)


def test_a_star_stands_for_the_rest_of_a_word() -> None:
    assert asked("Rend* warning", "q") == (Word("rend", True), Word("warning"))
    assert Word("rend", True).is_in(frozenset({"render"}))
    assert not Word("rend").is_in(frozenset({"render"}))


def test_no_question_is_no_words() -> None:
    assert asked("  ", "q") == ()


@pytest.mark.parametrize(
    ("text", "reason"), [("...", "NO_WORD"), (" ".join("abcdefghijklmnopq"), "TOO_MANY_WORDS")]
)
def test_a_bad_question_names_its_field(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        asked(text, "q")
    assert (refused.value.violations[0].field, refused.value.violations[0].reason) == ("q", reason)
