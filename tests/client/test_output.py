"""What people are shown fits their terminal: no column pushes another one out."""

import pytest
from rich.cells import cell_len
from rich.console import Console

from client.output import table

ID = "0192f0c1-7e4a-7004-8c3d-5b1f0a9d0004"
LONG = [ID, "a" * 254, "b" * 200, "C" * 120, "COMPLETED"]
SHORT = [ID, "ada@example.org", "example.org", "株式会社リード", "FAILED"]


def drawn(width: int, *rows: list[str]) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table(["ID", "E-MAIL", "DOMAIN", "NAME", "LOOK-UP"], rows))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 132])
def test_the_column_that_names_rows_is_whole_and_all_others_are_there(width: int):
    heading, *lines = drawn(width, LONG, SHORT)
    assert len(lines) == 2
    assert all(cell_len(each) <= width and each.startswith(ID) for each in lines)
    assert heading.split()[0] == "ID"
    assert len(heading.split()) == 5
    assert [each[len(ID) :].split()[0][0] for each in lines] == ["a", "a"]
    assert "…" in lines[0]


def test_what_is_short_is_not_cut_for_what_is_long():
    lines = drawn(132, LONG, SHORT)
    assert "COMPLETED" in lines[1]
    assert all(text in lines[2] for text in SHORT)


def test_where_there_is_room_nothing_is_cut():
    assert drawn(10_000, LONG)[1].split() == LONG
