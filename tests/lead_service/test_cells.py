"""Promise: no cell is taken for a formula, and every text comes back as it was."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service import cells

# The characters that decide, and some that do not.
_TEXT = st.text("=+-@\t\r\n＝＋－＠' \"a,;", max_size=8) | st.text(max_size=20)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", " =1",
        "'=1", "''=1",
        "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.example","y")',
    ],
)  # fmt: skip
def test_a_formula_is_shown_and_not_evaluated(text: str) -> None:
    assert cells.harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ada", "'", "'Ada'", "a=b", "O'Neil", "1-2"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cells.harmless(text) == text
    assert cells.original(text) == text


@given(_TEXT)
def test_every_text_comes_back(text: str) -> None:
    assert cells.original(cells.harmless(text)) == text


@given(
    st.lists(
        st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")), min_size=1),
        max_size=5,
    )
)
def test_lines_are_csv_that_reads_as_what_was_written(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(cells.lines(rows).decode(), newline="")))
    assert [[cells.original(cell) for cell in row] for row in read] == [
        row if row != [""] else [""] for row in rows
    ]
    assert not any(cell[:1] in tuple("=+-@\t\r\n") for row in read for cell in row if cell)
