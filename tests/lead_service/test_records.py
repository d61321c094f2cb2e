"""Promise: a CSV file reads the same however it is cut into pieces, and no file takes unbounded memory."""

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service.records import MAX_RECORD_CHARACTERS, Record, Records, Unreadable


def read(*pieces: bytes) -> list[Record]:
    records = Records()
    found = [record for piece in pieces for record in records.feed(piece)]
    return found + list(records.feed(b"", end=True))


def cells_of(*pieces: bytes) -> list[list[str]]:
    return [record.cells for record in read(*pieces)]


_CELL = st.text("ab,;\t\"'\r\n ü€😀=", max_size=6)
_ROWS = st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=1, max_size=6)


@given(_ROWS, st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n", "\r"]), st.booleans(), st.data())
def test_a_file_reads_the_same_in_whatever_pieces_it_comes(
    rows: list[list[str]], delimiter: str, ending: str, mark: bool, data: st.DataObject
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["x", "y", "z"])
    writer.writerows(rows)
    content = ("\ufeff" if mark else "").encode() + written.getvalue().encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    pieces = [content[a:b] for a, b in itertools.pairwise([0, *cuts, len(content)])]
    found = read(*pieces)
    assert [record.cells for record in found] == [["x", "y", "z"], *rows]
    assert [record.row for record in found] == list(range(1, len(rows) + 2))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [[]]),
        (b"a,b", [["a", "b"]]),
        (b"a;b,c;d\n1;2;3\n", [["a", "b,c", "d"], ["1", "2", "3"]]),
        (b'"a;b;c",d\n1,2\n', [["a;b;c", "d"], ["1", "2"]]),
        (b"a\tb\n1\t2\n", [["a", "b"], ["1", "2"]]),
        (b"a\n\nb\n", [["a"], [], ["b"]]),
        (b'a\n"x\r\ny"\nz', [["a"], ["x\r\ny"], ["z"]]),
        (b'a\nsay "hi"\n', [["a"], ['say "hi"']]),
        (b"a\n\xe4\n", [["a"], ["\udce4"]]),
        (b"a\n\0\n", [["a"], ["\0"]]),
    ],
)
def test_files_as_they_come_in(content: bytes, expected: list[list[str]]) -> None:
    assert cells_of(content) == expected
    assert cells_of(*(content[at : at + 1] for at in range(len(content)))) == expected


def test_a_row_that_is_quoted_wrongly_costs_itself_alone() -> None:
    found = read(b'a,b\n"x"y,1\nz,2\n')
    assert [(each.row, each.cells, bool(each.problem)) for each in found] == [
        (1, ["a", "b"], False),
        (2, [], True),
        (3, ["z", "2"], False),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'a\n"open\n1\n2\n',
        b'a\n"' + b"x\n" * MAX_RECORD_CHARACTERS,
        b"a\n" + b"x" * (MAX_RECORD_CHARACTERS + 1),
        b'a\n"' + b"x" * 140_000 + b'\n"x\n',
    ],
    ids=["open until the end", "open for ever", "no line break", "a cell of many lines that is too long"],
)
def test_where_a_row_ends_nobody_knows_the_file_ends_too(content: bytes) -> None:
    pieces = [content[at : at + 65_536] for at in range(0, len(content), 65_536)]
    with pytest.raises(Unreadable, match=r"^row 2: "):
        read(*pieces)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_called_so(coding: str) -> None:
    with pytest.raises(Unreadable, match="UTF-16"):
        read("\ufeffemail\n".encode(coding) if coding != "utf-16" else "email\n".encode(coding))


def test_what_is_held_between_two_pieces_is_bounded() -> None:
    records = Records()
    held = 0
    with pytest.raises(Unreadable):
        for _ in range(1000):
            list(records.feed(b"x" * 65_536))
            held = max(held, len(records._text))
    assert held <= MAX_RECORD_CHARACTERS
