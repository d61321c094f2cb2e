"""Promise: any bytes are parsed, in the charset they are in, without holding a worker up."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service.providers.markup import decode, parse


def title(body: bytes, content_type: str = "text/html") -> str | None:
    found = parse(body, content_type).tree.css_first("title")
    return found.text() if found else None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<title>Café</title>".encode(), "text/html"),
        ("<title>Café</title>".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ("<title>Café</title>".encode("utf-16"), "text/html"),
        ("\ufeff<title>Café</title>".encode(), "text/html; charset=latin-1"),
        ('<meta charset="windows-1252"><title>Café</title>'.encode("cp1252"), "text/html"),
        ("<title>Café</title>".encode(), "text/html; charset=no-such-charset"),
        # Python's own codecs that are no charsets of the Web are not used.
        ("<title>Café</title>".encode(), "text/html; charset=punycode"),
    ],
)
def test_text_is_read_in_the_charset_it_is_in(body: bytes, content_type: str) -> None:
    assert title(body, content_type) == "Café"


@given(st.binary(max_size=500), st.text(max_size=40))
def test_no_bytes_and_no_content_type_can_break_it(body: bytes, content_type: str) -> None:
    assert isinstance(decode(body, content_type), str)
    parse(body, content_type)


def test_a_page_is_read_as_deep_as_browsers_read_it() -> None:
    deep = parse(b"<title>x</title>" + b"<div>" * 512 + b"<meta name=a>", "")
    assert (deep.problem, bool(deep.tree.css_first("meta"))) == ("", True)
    deeper = parse(b"<title>x</title>" + b"<div>" * 513 + b"<meta name=a>", "")
    assert deeper.problem == "nested deeper than 512 elements; the rest was not read"
    assert deeper.tree.css_first("meta") is None
    assert deeper.tree.css_first("title")


def test_long_pages_of_ordinary_markup_are_read_whole() -> None:
    rows = b"<tr><td>a<td><p>b<p>c<br><img src=x>" * 2000 + b"<ul><li>a<li>b</ul>" * 2000
    drawings = b"<svg><title>icon</title>" + b"<path d='M0 0'/>" * 2000 + b"</svg>"
    page = parse(drawings + b"<table>" + rows + b"</table><meta name=last>", "")
    assert page.problem == ""
    assert page.tree.css_first("meta[name=last]")
    # Letters whose lower case is longer do not shift what is cut out.
    assert title("İ".encode() * 99 + drawings.upper() + b"<title>page</title>") == "page"


@pytest.mark.parametrize(
    "unit",
    [b"<div>", b"<ul><li>", b"<a><p>", b"<x/>", b"<svg><g>", b"<b><i><u>", b"<table><tr><td>", b"<", b"<!--"],
)
def test_no_nesting_holds_a_worker_up(unit: bytes) -> None:
    started = time.process_time()
    parse(unit * (4 * 1024 * 1024 // len(unit)), "")
    # Without the bound it is minutes; this is no measurement, only what is certainly too much.
    assert time.process_time() - started < 30
