"""Promise: the QR code on the last page leads to the report's lineage, at any size and sharp."""

import re
from io import BytesIO

import pikepdf
import pypdfium2
import pytest
import segno

from report_service.rendering import bundles
from report_service.rendering.document import make_pdf
from report_service.rendering.symbol import Symbol, symbol
from report_service.rendering.template import Template
from tests.report_service.rendering_inputs import LINEAGE, canonical, identity_of, sample, the_bundle


def modules(drawn: Symbol) -> list[list[bool]]:
    """Read a path back into rows of dark and light."""
    rows = [[False] * drawn.size for _ in range(drawn.size)]
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", drawn.path)
    assert "".join(f"M{x} {y}h{width}v1h-{back}z" for x, y, width, back in runs) == drawn.path
    for x, y, width, back in (map(int, run) for run in runs):
        assert width == back
        for each in range(x, x + width):
            assert not rows[y][each]
            rows[y][each] = True
    return rows


@pytest.mark.parametrize("content", ["a", "https://leads.example.com/reports/" + LINEAGE, "é" * 500])
def test_the_path_is_the_code_module_by_module(content: str) -> None:
    expected = segno.make_qr(content, error="q", boost_error=False).matrix
    assert modules(symbol(content)) == [[bool(module) for module in row] for row in expected]


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="data"):
        symbol("x" * 4000)


@pytest.mark.parametrize(
    ("parameters", "content"),
    [
        (
            {"public_url": "https://leads.example.com"},
            "https://leads.example.com/reports/019c1d3f-0a11-7c55-b1d0-94f2c6a83e70",
        ),
        ({}, f"urn:uuid:{LINEAGE}"),
    ],
)
def test_the_last_page_bears_the_code(parameters: dict[str, str], content: str) -> None:
    inputs = canonical(sample(parameters=parameters))
    template = Template(bundles.read(the_bundle().path))
    pdf, pages = make_pdf(template, inputs, identity_of(the_bundle(), inputs), [])
    with pypdfium2.PdfDocument(pdf) as document:
        text = document[pages - 1].get_textpage().get_text_bounded()
        image = document[pages - 1].render(scale=4).to_pil().convert("L")
    assert "7F90-E1B2" in text
    dark = symbol(content)
    # Below the heading's rule, above the table: the code is all the black there is on white.
    left, top, right, bottom = image.crop((0, 600, 1000, 1300)).point(lambda grey: 255 * (grey < 8)).getbbox()
    width = (right - left) / dark.size
    assert abs((bottom - top) - (right - left)) <= 2
    for y, row in enumerate(modules(dark)):
        for x, module in enumerate(row):
            at = (round(left + (x + 0.5) * width), round(600 + top + (y + 0.5) * width))
            assert (image.getpixel(at) < 128) == module
    with pikepdf.open(BytesIO(pdf)) as file:
        links = {str(note.A.URI) for note in file.pages[-1].get("/Annots", []) if "/URI" in note.A}
    assert links == ({content} if parameters else set())
