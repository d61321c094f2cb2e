"""What a pipeline log can be found by: its words, without its numbers and times.

Words are runs of letters and digits in any script, case folded. The same rule parts a log into words
and a question, so that what was copied out of a log finds it. Of each JSON line the keys, texts and
whole numbers are taken; fractions and the time of the line are different in each log and find nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import orjson

from lineage_service.domain import Word
from services.errors import InvalidArgument

LONGEST_WORD = 64
"""In characters; longer ones are cut, in logs and in questions alike."""
MOST_WORDS = 4_000
"""Different words that one log is found by: the first ones. PostgreSQL takes a mebibyte of them."""
MOST_WORDS_ASKED = 16
LONGEST_LINE = 64 * 1024
"""In bytes; a longer line is taken in stretches of this size, as text."""

_WORD = re.compile(r"[^\W_]+(?P<star>\*?)")
_TIME = "time"


def asked(text: str, field: str) -> tuple[Word, ...]:
    """Read a question; raises InvalidArgument that names the field."""
    found = {
        Word(each[0].removesuffix("*")[:LONGEST_WORD], bool(each["star"]))
        for each in _WORD.finditer(_folded(text))
    }
    if len(found) > MOST_WORDS_ASKED:
        raise InvalidArgument(field, f"must be at most {MOST_WORDS_ASKED} words", "TOO_MANY_WORDS")
    if text.strip() and not found:
        raise InvalidArgument(field, "holds no word: words are letters and digits", "NO_WORD")
    return tuple(sorted(found, key=lambda word: (word.text, word.is_prefix)))


class LogWords:
    """Collects the words of one log as it arrives."""

    def __init__(self) -> None:
        """Begin without any."""
        self._found: set[str] = set()
        self._rest = b""

    def add(self, data: bytes) -> None:
        """Take the next bytes of the log."""
        if len(self._found) >= MOST_WORDS:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        while len(self._rest) > LONGEST_LINE:
            self._take(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]

    def found(self) -> frozenset[str]:
        """Return the words of all that was added."""
        self._take(self._rest)
        self._rest = b""
        return frozenset(self._found)

    def _take(self, line: bytes) -> None:
        for text in _texts(line):
            for each in _WORD.finditer(_folded(text)):
                if len(self._found) >= MOST_WORDS:
                    return
                self._found.add(each[0].removesuffix("*")[:LONGEST_WORD])


def _texts(line: bytes) -> Iterator[str]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        yield line.decode(errors="replace")
        return
    if isinstance(value, dict):
        value.pop(_TIME, None)
    yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _folded(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
