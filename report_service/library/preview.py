"""What a version makes of inputs: the sample's, or those of a past report."""

import asyncio
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from report_service import payload
from report_service.library.domain import Document, PastInputs
from report_service.library.shelf import Shelf
from report_service.rendering.bundles import Bundle
from report_service.rendering.metadata import NIL
from report_service.rendering.pool import PdfIdentity, Picture, RenderFailed, Rendering
from services.errors import FailedPrecondition, InvalidArgument, Unavailable

WIDTH = 1000


class Studio(Protocol):
    """What makes previews."""

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Make a PDF; raises RenderFailed."""

    async def picture(
        self, bundle: Bundle, inputs: bytes, identity: PdfIdentity, page: int, width: int
    ) -> Picture:
        """Make a picture of one page; raises RenderFailed."""


@dataclass(frozen=True)
class PreviewRequest:
    """What a caller wants to see; empty text means the default."""

    version_id: str
    report_id: UUID | None = None
    """A past report whose inputs are used; the sample if None."""
    locale: str = ""
    pictured: bool = False
    """A PNG of one page instead of the PDF."""
    page: int = 0
    width: int = 0


async def preview(shelf: Shelf, studio: Studio, past: PastInputs, request: PreviewRequest) -> Document:
    """Make a preview.

    Raises NotFound for an unknown version or a report without inputs, InvalidArgument for a locale
    or page that there is not, and FailedPrecondition if the template fails on the inputs.
    """
    version = await shelf.find(request.version_id)
    bundle = await shelf.bundle(version)
    if request.report_id is not None:
        inputs = await past.of(request.report_id)
    else:
        inputs = await asyncio.to_thread(bundle.path.joinpath("sample.json").read_bytes)
    inputs = await asyncio.to_thread(_canonical, inputs, request.locale)
    # Nil, so that nobody takes what was made here for a report, or finds another's lineage by it.
    identity = PdfIdentity(NIL, NIL, NIL, "preview", version.id, version.digest, sha256(inputs).hexdigest())
    name = f"{version.name}-{version.version}-preview"
    try:
        if not request.pictured:
            made = await studio.render(bundle, inputs, identity)
            return Document("application/pdf", made.pdf, f"{name}.pdf")
        picture = await studio.picture(bundle, inputs, identity, request.page or 1, request.width or WIDTH)
    except RenderFailed as failure:
        if failure.transient:
            raise Unavailable(f"The preview could not be made: {failure}.", retry_after=1) from failure
        raise FailedPrecondition(
            f"{version.id} fails on these inputs: {failure}.",
            reason="TEMPLATE_FAILED",
            metadata={"template_version_id": version.id},
        ) from failure
    if not picture.png:
        pages = f"{picture.page_count} page{'' if picture.page_count == 1 else 's'}"
        raise InvalidArgument("page", f"the document has {pages} only", "PAGE_UNKNOWN")
    return Document("image/png", picture.png, f"{name}.png")


def _canonical(inputs: bytes, locale: str) -> bytes:
    value = json.loads(inputs)
    return payload.canonical(value | {"locale": locale} if locale else value)
