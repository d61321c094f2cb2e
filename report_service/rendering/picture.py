"""Pages of PDFs as pictures: one to be shown, or all of two to be compared."""

from io import BytesIO

import pypdfium2
from PIL import Image, ImageChops

PIXELS = 24_000_000
"""The largest picture: a page of 2,400 pixels' width may be four times as high."""

COMPARED_WIDTH = 800
"""In pixels; a letter of ordinary text is some ten of them high."""

COMPARED_PAGES = 300
"""Pages of one comparison; each takes about 20 ms."""


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


def compared(first: bytes, second: bytes) -> tuple[int, dict[int, float]]:
    """Return how many pages were compared, and the share of pixels that differ by page, if any do.

    Pages are counted from 1; one that only one of the PDFs has differs as a whole. A difference that cannot
    be seen at ``COMPARED_WIDTH`` is none. Raises what pypdfium2 raises for bytes that are no PDF.
    """
    with pypdfium2.PdfDocument(first) as before, pypdfium2.PdfDocument(second) as after:
        count = min(max(len(before), len(after)), COMPARED_PAGES)
        shares = {number: _share(before, after, number) for number in range(1, count + 1)}
    return count, {number: share for number, share in shares.items() if share}


def _share(before: pypdfium2.PdfDocument, after: pypdfium2.PdfDocument, number: int) -> float:
    if number > len(before) or number > len(after):
        return 1.0
    first, second = (_small(each[number - 1]) for each in (before, after))
    if first.size != second.size:
        return 1.0
    red, green, blue = ImageChops.difference(first, second).split()
    equal = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()[0]
    pixels = first.width * first.height
    return (pixels - equal) / pixels


def _small(page: pypdfium2.PdfPage) -> Image.Image:
    across, down = page.get_size()
    scale = min(COMPARED_WIDTH / across, (PIXELS / across / down) ** 0.5)
    image: Image.Image = page.render(scale=scale).to_pil()
    return image.convert("RGB")
