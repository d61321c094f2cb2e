"""The only place a document may fetch from: its own bundle, held in memory.

WeasyPrint asks for every style sheet, image and font through here. Anything but a file of the
bundle or a ``data:`` URL is refused; nothing is ever read from the disk or the network.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from fontTools.ttLib import woff2  # type: ignore[import-untyped]  # ships no types
from weasyprint.urls import URLFetcher, URLFetcherResponse

ORIGIN = "https://bundle.invalid/"
"""What relative names are resolved against. The host cannot exist (RFC 6761 section 6.4)."""

# Not the machine's own table of types, which could differ from the next machine's.
_CONTENT_TYPES = {"css": "text/css", "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg"}


class BundleAssets(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
    """Resolves relative names to the files of one bundle."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Serve these files, fonts already unpacked: WeasyPrint would unpack them for each report."""
        super().__init__(allowed_protocols=("data",), allow_redirects=False)
        self._files = {
            name: _unpacked(content) if name.endswith(".woff2") else content
            for name, content in files.items()
        }

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return a file of the bundle or the content of a ``data:`` URL; else raise ``ValueError``."""
        if url.startswith("data:"):
            return super().fetch(url, headers)
        name = unquote(url.removeprefix(ORIGIN)) if url.startswith(ORIGIN) else None
        if name is None or name not in self._files:
            raise ValueError(f"{url[:200]} is not part of the template bundle")
        content_type = _CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return URLFetcherResponse(url, self._files[name], {"Content-Type": content_type})


def _unpacked(font: bytes) -> bytes:
    plain = BytesIO()
    woff2.decompress(BytesIO(font), plain)
    return plain.getvalue()
