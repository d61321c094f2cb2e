"""Strangers' text, made fit to print: visible, bounded and otherwise as it was.

Only the view is changed. The stored inputs keep every character, and a note in the page says
where something was left out.
"""

import re
import unicodedata

LONGEST = 2_000
"""Characters of any one value that a template prints unless it names another limit."""

MARKS = 4
"""Combining marks in a row that are printed; more would climb over the neighbouring lines."""

# Control characters other than line feed and tab, the marks and overrides that reorder their
# neighbours (CVE-2021-42574 shows why they must be seen), lone surrogates and non-characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def visible(text: str) -> str:
    r"""Return the text with unprintable characters written as escapes such as ``\u202E``."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04X}", text.replace("\r\n", "\n"))


def shown(text: str, limit: int = LONGEST) -> str:
    """Return what is printed of a text: its first ``limit`` characters, made visible."""
    printed: list[str] = []
    marks = 0
    for character in visible(text[:limit]):
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MARKS:
            printed.append(character)
    return "".join(printed)
