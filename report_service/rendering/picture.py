"""A page of a PDF as a picture."""

from io import BytesIO

import pypdfium2

PIXELS = 24_000_000
"""The largest picture: a page of 2,400 pixels' width may be four times as high."""


def picture(pdf: bytes, page: int, width: int) -> bytes:
    """Return a page, counted from 1, as PNG of a width in pixels.

    Raises ``IndexError`` if there is no such page and ``ValueError`` if it is too high for its width.
    """
    with pypdfium2.PdfDocument(pdf) as document:
        if page > len(document):
            raise IndexError(page)
        across, down = document[page - 1].get_size()
        if width * (width * down / across) > PIXELS:
            raise ValueError("the page is too high to be pictured at this width")
        image = document[page - 1].render(scale=width / across).to_pil()
    png = BytesIO()
    image.save(png, "png", optimize=False)
    return png.getvalue()
