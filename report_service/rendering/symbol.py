"""QR codes (ISO/IEC 18004), drawn as a path so that a page prints them sharp at any size."""

from typing import NamedTuple

import segno
from markupsafe import Markup


class Symbol(NamedTuple):
    """One QR code without its quiet zone, which the page must leave: four modules on each side."""

    size: int
    """Modules on each side; the path is in these units."""
    path: Markup
    """The dark modules as SVG path data, one run of a row after the other; digits and letters alone."""


def symbol(content: str) -> Symbol:
    """Return the QR code of a text, with a quarter of it dispensable (error correction level Q).

    Raises ``ValueError`` for more text than a QR code holds.
    """
    rows = [bytes(row) for row in segno.make_qr(content, error="q", boost_error=False).matrix]
    runs = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            width = len(row[x:]) - len(row[x:].lstrip(b"\x01"))
            if width:
                runs.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width or 1
    return Symbol(len(rows), Markup("").join(runs))
