"""From a bundle and canonical inputs to the bytes of a PDF.

The bytes depend on nothing but the inputs, the bundle, the identity and the environment (see
``environment``): the clock, the locale, the time zone and the hash seed have no say.
"""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pydyf
from weasyprint import HTML
from weasyprint.document import Document
from weasyprint.logger import LOGGER
from weasyprint.text.fonts import FontConfiguration

from report_service.rendering.assets import ORIGIN
from report_service.rendering.metadata import PdfIdentity, packet
from report_service.rendering.template import Template
from report_service.rendering.text import shown

Line = dict[str, Any]
"""One structured line of the render's log."""

LOG_LINES = 200
"""Lines kept of one render's log."""


def make_pdf(template: Template, inputs: bytes, identity: PdfIdentity, log: list[Line]) -> tuple[bytes, int]:
    """Return the PDF and its number of pages; each step and each warning is added to ``log``.

    Raises ``ValueError`` if the inputs are not those that the identity names: a PDF never carries
    a digest of something else. A fault of the template raises ``jinja2.TemplateError``.
    """
    if sha256(inputs).hexdigest() != identity.inputs_sha256:
        raise ValueError("the inputs do not match the digest they came with")
    data = json.loads(inputs)
    with _warnings_into(log):
        with _step("fill", log):
            page = template.html(data, identity)
        with _step("layout", log):
            source = HTML(string=page, base_url=ORIGIN, url_fetcher=template.assets)
            # A configuration of its own for each document: what one report made Pango remember
            # must not show in the next.
            document = source.render(font_config=FontConfiguration())
        with _step("write", log):
            _describe(document, data["render_time"])
            pdf = document.write_pdf(
                finisher=lambda document, file: _identify(document, file, identity),
                pdf_identifier=identity.file_identifier,
                pdf_version="1.7",
                pdf_tags=True,
            )
    return pdf, len(document.pages)


def warm() -> None:
    """Set a first, empty document, so that libraries are loaded and fonts found before a report waits."""
    HTML(string="<p>Warm").write_pdf()


def _describe(document: Document, render_time: str) -> None:
    """Date the document by its render time and make its title fit for XML."""
    metadata = document.metadata
    moment = datetime.fromisoformat(render_time).astimezone(UTC)
    metadata.created = metadata.modified = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    metadata.generator = "LeadFactory"
    metadata.title = shown(metadata.title or "", 200)
    metadata.description = shown(metadata.description or "", 500)


def _identify(document: Document, file: pydyf.PDF, identity: PdfIdentity) -> None:
    """Put the XMP packet into the file, uncompressed so that any tool finds it."""
    stream = pydyf.Stream([packet(document.metadata, identity)], {"Type": "/Metadata", "Subtype": "/XML"})
    file.add_object(stream)
    file.catalog["Metadata"] = stream.reference


@contextmanager
def _step(name: str, log: list[Line]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    log.append({"event": "render.step", "step": name, "seconds": round(time.perf_counter() - started, 6)})


@contextmanager
def _warnings_into(log: list[Line]) -> Iterator[None]:
    """Collect what WeasyPrint complains about."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(log) < LOG_LINES:
                message = shown(record.getMessage(), 500)
                log.append({"event": "render.warning", "level": record.levelname.lower(), "message": message})

    collector = Collector(logging.WARNING)
    LOGGER.addHandler(collector)
    try:
        yield
    finally:
        LOGGER.removeHandler(collector)
