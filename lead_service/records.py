"""Records of a CSV file that comes in pieces of bytes, in bounded memory.

The file is as in RFC 4180, in UTF-8: with or without a byte order mark, its lines ended by CR LF, LF or
CR, its cells separated by commas, semicolons or tabs, whichever the header has most of. Records
are numbered as a spreadsheet numbers rows: a cell with line breaks is in one row, an empty line is one.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_RECORD_CHARACTERS: Final = 256 * 1024
_DELIMITERS: Final = ",;\t"
_ENDLESS: Final = ("unexpected end", "field larger")


class Unreadable(Exception):
    """The file cannot be read beyond this row."""

    def __init__(self, row: int, why: str) -> None:
        """Name the row, and say why."""
        super().__init__(f"row {row}: {why}")


class Record(NamedTuple):
    """One row. `problem` says why it has no cells, if its quoting is wrong; None if it is right."""

    row: int
    cells: list[str]
    problem: str | None = None


class Records:
    """Takes bytes, gives records. A byte that is not UTF-8 comes out as half a surrogate pair."""

    def __init__(self) -> None:
        """Begin at row 1."""
        # Not strict: one bad byte costs its own row, not the file.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._row = 1
        self._delimiter = ""
        self._begun = False

    def feed(self, data: bytes, *, end: bool = False) -> Iterator[Record]:
        """Yield the records that these bytes complete; with `end`, the last one too. Raises Unreadable.

        To be consumed before the next call.
        """
        if data and not self._begun:
            self._begun = True
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise Unreadable(1, "the file is in UTF-16; save it as CSV in UTF-8")
        text = self._text + self._decoder.decode(data, end)
        # Only what a line break ends is complete, and a CR at the very end may be half of one.
        cut = len(text) if end else 1 + max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1))
        self._text = text[cut:]
        if cut:
            yield from self._records(text[:cut], end)
        if len(self._text) > MAX_RECORD_CHARACTERS:
            raise Unreadable(
                self._row, f"is longer than {MAX_RECORD_CHARACTERS} characters; is a quote left open?"
            )

    def _records(self, text: str, end: bool) -> Iterator[Record]:
        if self._row == 1:
            text = text.removeprefix("\ufeff")
            self._delimiter = self._delimiter or _delimiter(text)
        lines = io.StringIO(text, newline="")
        consumed = _Counting(lines)
        reader = csv.reader(consumed, delimiter=self._delimiter, strict=True)
        while True:
            begin, before = consumed.characters, reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if consumed.at_end and not end and "unexpected end" in str(error):
                    # The record goes on in bytes to come: it is read again, as a whole, when they are there.
                    self._text = text[begin:] + self._text
                    return
                # Where a row that broke off in quotes would have ended, nobody knows.
                if reader.line_num - before > 1 or any(each in str(error) for each in _ENDLESS):
                    why = f"{error}; is a quote left open, or is a quote within a cell not doubled?"
                    raise Unreadable(self._row, why) from error
                yield Record(self._row, [], f"its quoting is wrong: {error}")
            else:
                yield Record(self._row, cells)
            self._row += 1


class _Counting:
    """Lines of text, and how many characters of it were handed out."""

    def __init__(self, lines: io.StringIO) -> None:
        self._lines = lines
        self.characters = 0
        self.at_end = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            self.at_end = True
            raise StopIteration
        self.characters += len(line)
        return line


def _delimiter(text: str) -> str:
    """Return the delimiter that the first line has most of, outside of quotes."""
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    unquoted = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=unquoted.count)
