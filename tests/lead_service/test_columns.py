"""Promise: people's own headers are understood, and what is wrong with a row is said by field."""

import pytest

from lead_service.columns import Columns
from services.errors import InvalidArgument


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["email", "domain", "name"], {"email": 0, "domain": 1, "name": 2}),
        (["NAME", "e-mail", "Web Site"], {"email": 1, "domain": 2, "name": 0}),
        (["E-Mail Address", "Website", "Company"], {"email": 0, "domain": 1, "name": 2}),
        # What is called as the field itself counts more than what may be meant.
        (["Company", "Name", "Mail", "URL"], {"email": 2, "domain": 3, "name": 1}),
        (["id", "'=odd", "email", "created_at"], {"email": 2}),
    ],
)
def test_columns_are_found_under_their_usual_names(header: list[str], expected: dict[str, int]) -> None:
    assert Columns.find(header, {}).places == expected


def test_columns_are_found_under_the_names_that_somebody_gives() -> None:
    header = ["Kontakt", "email", "Seite", "Name"]
    found = Columns.find(header, {"email": " kontakt ", "domain": "SEITE", "name": ""})
    assert found.places == {"email": 0, "domain": 2}
    assert found.used == {"email": "Kontakt", "domain": "Seite"}
    assert found.ignored == ["email", "Name"]


@pytest.mark.parametrize(
    ("header", "wanted", "said"),
    [
        ([], {}, "no column of e-mail addresses"),
        (["email"], {"email": ""}, "no column of e-mail addresses"),
        (["a", "b"], {"email": "c"}, "there is no column 'c'; the file has a, b"),
        (["mail", "Mail"], {}, "columns 1 and 2"),
        (["email", "x", "X"], {"name": "x"}, "columns 2 and 3"),
        (["email"] * 1001, {}, "1001 columns"),
        (["email", "a\nb"], {}, "row 1, column 2"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(
    header: list[str], wanted: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidArgument, match=said):
        Columns.find(header, wanted)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("example.com", "example.com"),
        ("https://www.Example.com/a?b#c", "www.example.com"),
        ("http://example.com:8080", "example.com"),
        ("example.com/", "example.com"),
        ("'=x", None),
        ("https://ada:secret@example.com/", None),
        ("ftp://example.com", None),
        ("", "mail.example"),
    ],
)
def test_a_web_site_is_the_host_of_its_url(cell: str, expected: str | None) -> None:
    columns = Columns.find(["email", "website"], {})
    if expected is None:
        with pytest.raises(InvalidArgument, match="domain"):
            columns.draft(["ada@mail.example", cell])
    else:
        assert columns.draft(["ada@mail.example", cell]).domain == expected


@pytest.mark.parametrize(
    ("cells", "fields"),
    [
        (["nobody", "localhost", "a\0b"], {"email", "domain", "name"}),
        (["ada@a.example"], {""}),
        (["ada@a.example", "", "", "more"], {""}),
        (["ada@a.example", "", "J\udcfcrgen"], {"name"}),
    ],
)
def test_everything_that_is_wrong_with_a_row_is_said_at_once(cells: list[str], fields: set[str]) -> None:
    columns = Columns.find(["email", "domain", "name"], {})
    with pytest.raises(InvalidArgument) as refused:
        columns.draft(cells)
    assert {each.field for each in refused.value.violations} == fields
    shown = {columns.text(cells, each) for each in refused.value.violations}
    assert all(value.isprintable() and len(value) <= 200 for _, value in shown)


def test_empty_cells_beyond_the_header_are_nothing() -> None:
    assert Columns.find(["email"], {}).draft(["ada@a.example", "", " "]).email == "ada@a.example"
