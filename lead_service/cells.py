"""Cells of a file that people open in a spreadsheet: text that is never taken for a formula.

What a spreadsheet would evaluate gets an apostrophe in front (OWASP, "CSV injection"), and loses it
again on its way in: `original(harmless(text)) == text` for every text.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# Formulas begin with one of these, their full-width twins too. Apostrophes and space in front do not
# count: so that what was made harmless can be told from what always looked that way.
_FORMULA = re.compile(r"['\s]*[=+\-@\t\r\n＝＋－＠]")


def harmless(text: str) -> str:
    """Return what to write into a cell to show `text`."""
    return f"'{text}" if _FORMULA.match(text) else text


def original(text: str) -> str:
    """Return what a cell was written from."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text, 1) else text


def lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV (RFC 4180), in UTF-8, each cell harmless."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([harmless(cell) for cell in row] for row in rows)
    # Half of a surrogate pair stands for a byte that was no text in a file that came in.
    return written.getvalue().encode("utf-8", "replace")
