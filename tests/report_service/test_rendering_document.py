"""Promise: a PDF says what it was made from, is tagged, and prints strangers' text as text.

Nothing outside its bundle gets in: neither files nor the network.
"""

import re
import socket
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from jinja2 import TemplateError

from report_service.rendering import bundles
from report_service.rendering.bundles import Bundle
from report_service.rendering.document import Line, make_pdf
from report_service.rendering.metadata import NAMESPACE
from report_service.rendering.template import Template
from tests.report_service.rendering_inputs import (
    HOSTILE,
    LINEAGE,
    a_bundle,
    canonical,
    identity_of,
    sample,
    the_bundle,
)


def rendered(inputs: dict[str, Any], bundle: Bundle | None = None, log: list[Line] | None = None) -> bytes:
    bundle, body = bundle or the_bundle(), canonical(inputs)
    template = Template(bundles.read(bundle.path))
    return make_pdf(template, body, identity_of(bundle, body), log if log is not None else [])[0]


def pages_of(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(pages_of(pdf)))


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return rendered(sample())


def test_a_pdf_carries_its_whole_identity(pdf: bytes) -> None:
    inputs = canonical(sample())
    identity = identity_of(the_bundle(), inputs)
    with pikepdf.open(BytesIO(pdf)) as file, file.open_metadata() as xmp:
        for name, value in vars(identity).items():
            assert xmp[f"{{{NAMESPACE}}}{name}"] == value
        assert bytes(file.trailer.ID[0]) == LINEAGE.replace("-", "").encode()
        assert "pdfuaid:part" not in xmp
        assert "pdfaid:part" not in xmp


def test_a_pdf_is_dated_by_its_render_time(pdf: bytes) -> None:
    with pikepdf.open(BytesIO(pdf)) as file, file.open_metadata() as xmp:
        assert str(file.docinfo.CreationDate) == str(file.docinfo.ModDate) == "D:20261121080000Z"
        assert xmp["xmp:CreateDate"] == "2026-11-21T08:00:00Z"
    assert "21 November 2026" in pages_of(pdf)[0]


def elements(node: pikepdf.Object, kind: str) -> list[pikepdf.Object]:
    found = [node] if node.get("/S") == kind else []
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary):
            found += elements(kid, kind)
    return found


def test_a_pdf_is_tagged_titled_and_has_bookmarks(pdf: bytes) -> None:
    with pikepdf.open(BytesIO(pdf)) as file:
        assert file.Root.Lang == "en"
        assert file.Root.MarkInfo.Marked
        assert file.Root.ViewerPreferences.DisplayDocTitle
        assert str(file.docinfo.Title) == "Website audit: northwind-bakery.example"
        with file.open_outline() as outline:
            chapters = [item.title for item in outline.root[0].children]
        assert chapters[:3] == ["Contents", "Summary", "Everything to mend"]
        assert chapters[-2:] == ["Evidence", "Where this report comes from"]
        figures = elements(file.Root.StructTreeRoot, "/Figure")
        said = [str(figure.Alt) for figure in figures]
        areas = (
            "Mail: 26 of 40 points; Domain name: 8 of 12 points; Encryption: 36 of 36 points; "
            "Security headers: 7 of 21 points; Home page: 14 of 17 points."
        )
        assert said[:5] == [
            "Score: 72 out of 100",
            f"Points by area. {areas}",
            "Outcome of the checks. 13 passed; 5 can be improved; 4 failed; 1 unknown.",
            "Score today 72, with the priorities mended 87, out of 100",
            f"Points by area. {areas}",
        ]
        assert "67 days were left" in said[5]
        assert said[6] == f"QR code: urn:uuid:{LINEAGE}"
        for table in elements(file.Root.StructTreeRoot, "/Table"):
            assert elements(table, "/TH")


def kinds(node: pikepdf.Object) -> list[str]:
    """The structure types of a PDF in reading order."""
    kids = node.get("/K", [])
    inner = [kinds(kid) for kid in kids if isinstance(kid, pikepdf.Dictionary)] if len(kids) else []
    return [str(node.get("/S", "")), *(kind for each in inner for kind in each)]


def test_a_reader_aloud_finds_every_word_in_order(pdf: bytes) -> None:
    with pikepdf.open(BytesIO(pdf)) as file:
        order = kinds(file.Root.StructTreeRoot)
        levels = [int(kind[2]) for kind in order if re.fullmatch("/H[1-6]", kind)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        # No level of heading is left out on the way down.
        assert all(below <= above + 1 for above, below in pairwise(levels))
        assert order.count("/L") == 2
        assert order.count("/LBody") == order.count("/LI") > 10
        for page in file.pages:
            assert page.Tabs == "/S"
            depth = 0
            for instruction in pikepdf.parse_content_stream(page):
                operator = str(instruction.operator)
                depth += operator in ("BDC", "BMC")
                depth -= operator == "EMC"
                assert depth or operator not in ("Tj", "TJ")
            for font in page.resources.get("/Font", {}).values():
                assert "/ToUnicode" in font
                (descendant,) = font.DescendantFonts
                assert {"/FontFile2", "/FontFile3"} & set(descendant.FontDescriptor.keys())


def test_a_report_tells_score_priorities_checks_facts_and_origin(pdf: bytes) -> None:
    pages = pages_of(pdf)
    assert 10 <= len(pages) <= 15
    for number, page in enumerate(pages, 1):
        assert (f"Page {number} of {len(pages)}" in page) == (number > 1)  # the cover has no number
        assert LINEAGE in page
        assert "7F90-E1B2" in page
    inputs, text = sample(), text_of(pdf)
    for check in inputs["assessment"]["checks"]:
        assert check["title"] in text
    unbroken = re.sub(r"[^\w.]", "", text)  # without the breaks of long names
    for fact in inputs["lead"]["facts"]:
        assert re.sub(r"[^\w.]", "", fact["name"]) in unbroken
        assert fact["evidence_sha256"][:16] in text
    assert "account_manager Ines Okafor" in text
    assert "package.includes mail, web site, certificate" in text


def test_a_report_on_an_unreachable_domain_says_so_and_gives_no_score() -> None:
    from report_service.assessment import assess, to_json

    inputs = sample()
    for fact in inputs["lead"]["facts"]:
        fact |= {"state": "UNREACHABLE", "values": [], "reason": "no route to host", "evidence_sha256": ""}
    inputs["assessment"] = to_json(assess(inputs["lead"]))
    text = text_of(rendered(inputs))
    assert "None of the sources gave an answer" in text
    assert "No score" in text
    assert "Unreachable: no route to host" in text
    assert "Today" not in text
    assert "Points by area" not in text


def hostile_inputs() -> dict[str, Any]:
    inputs = sample()
    lead, checks = inputs["lead"], inputs["assessment"]["checks"]
    lead["name"] = "<b>Name</b> {{7*7}} \u202egnp.exe"
    lead["domain"] = "d" * 250
    clean = HOSTILE.replace("\ud800", "")  # canonical JSON has no lone surrogates
    for fact in lead["facts"]:
        fact["values"] = [clean, "x" * 1_000_000] if fact["state"] == "FOUND" else []
    for check in checks:
        check["finding"] = clean * 50
    inputs["assessment_data"] = {
        clean: {"deep": [{"a": clean}, ["b"] * 3000]},
        "items": "w " * 500_000,
        "values": [],
    }
    return inputs


def test_hostile_text_is_printed_literally_and_bounded() -> None:
    log: list[Line] = []
    pdf = rendered(hostile_inputs(), log=log)
    text = text_of(pdf)
    assert "<b>Name</b> {{7*7}} \\u202Egnp.exe" in text
    assert "<script>alert(1)</script><img src=file:///etc/passwd> {{7*7}} {% raw %}" in text
    assert "\\u0000\\u001B[31m" in text
    assert "1,000,000 characters in the raw inputs" in text
    assert len(pages_of(pdf)) < 40
    # Nothing was even asked for.
    assert [line for line in log if "bundle" in line.get("message", "")] == []


def test_no_line_of_hostile_text_leaves_the_page() -> None:
    with pypdfium2.PdfDocument(rendered(hostile_inputs())) as document:
        for page in document:
            width, height = page.get_size()
            for kind in page.get_objects(max_depth=1):  # a drawing has a scale of its own
                left, bottom, right, top = kind.get_bounds()
                assert min(left, bottom) > -2
                assert right < width + 2
                assert top < height + 2


REFUSED = [
    '<img src="file:///etc/passwd">',
    '<img src="http://127.0.0.1:{port}/a.png">',
    '<img src="//127.0.0.1:{port}/a.png">',
    '<img src="../../../../../etc/passwd">',
    '<img src="%2e%2e/%2e%2e/etc/passwd">',
    '<base href="http://127.0.0.1:{port}/"><img src="a.png">',
    '<link rel="stylesheet" href="http://127.0.0.1:{port}/a.css">',
    '<link rel="attachment" href="file:///etc/passwd">',
    '<a rel="attachment" href="file:///etc/passwd">x</a>',
    "<style>@import url(http://127.0.0.1:{port}/a.css);</style>",
    "<style>@import url(file:///etc/passwd);</style>",
    "<style>@font-face {{ font-family: F; src: url(//127.0.0.1:{port}/a.ttf) }} p {{ font: 9pt F }}</style>",
    "<style>p {{ background: url(ftp://127.0.0.1:{port}/a.png) }}</style>",
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd" width="9" height="9"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><use href="http://127.0.0.1:{port}/a.svg#b"/></svg>',
    '<object data="http://127.0.0.1:{port}/a.svg"></object>',
    '<embed src="file:///etc/passwd">',
]


@pytest.mark.parametrize("page", REFUSED)
def test_a_template_reaches_neither_files_nor_the_network(tmp_path: Path, page: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        bundle = a_bundle(tmp_path, page.format(port=server.getsockname()[1]) + "<p>Text")
        pdf = rendered(sample(), bundle)
        with pytest.raises(TimeoutError):
            server.accept()
    with pikepdf.open(BytesIO(pdf)) as file:
        assert not file.attachments
        for item in file.objects:
            if isinstance(item, pikepdf.Stream) and "/Filter" not in item.stream_dict:
                assert b"root:" not in item.read_bytes()
    assert text_of(pdf).strip().startswith(("Text", "x"))


def test_files_of_the_bundle_and_data_urls_are_found(tmp_path: Path) -> None:
    dot = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    page = "<link rel=stylesheet href=look.css><img src=dot.svg alt=a><img alt=b src='data:image/svg+xml,{}'>"
    log: list[Line] = []
    rendered(
        sample(),
        a_bundle(
            tmp_path, page.format(dot.decode().replace("'", '"')), dot__svg=dot, look__css=b"p {color: red}"
        ),
        log,
    )
    assert [line["step"] for line in log] == ["fill", "layout", "write"]


def test_inputs_other_than_the_identity_names_are_refused() -> None:
    bundle = the_bundle()
    inputs = canonical(sample())
    with pytest.raises(ValueError, match="digest"):
        make_pdf(Template(bundles.read(bundle.path)), inputs + b" ", identity_of(bundle, inputs), [])


@pytest.mark.parametrize(
    "page",
    [
        "{{ lead.nickname }}",
        "{{ nobody }}",
        "{{ lead.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ text.__globals__ }}",
        "{{ t.__init__.__globals__ }}",
        "{{ '%s' | format(lead.__class__) }}",
        "{{ lead.update({}) }}",
        "{% include 'elsewhere.j2' %}",
    ],
)
def test_a_template_that_asks_for_more_than_its_inputs_is_stopped(tmp_path: Path, page: str) -> None:
    with pytest.raises(TemplateError):
        rendered(sample(), a_bundle(tmp_path, page))
