"""Everything about one report in one ZIP file that proves itself: its evidence pack.

What it was made from, and all proofs, come from the lineage service, which notes who reads them before it
sends anything; the PDF comes from the object store. The file is made while it is sent.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from report_service.domain import LineageStatus, Objects, Report
from report_service.failures import erased
from report_service.outlet import Outlet
from services.errors import FailedPrecondition

PDF = "report.pdf"
GZIP = ".gz"


class KeptEvidence(Protocol):
    """The lineage context, as far as evidence is concerned."""

    def evidence(self, report_id: UUID) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield the files of a report's pack but the PDF, in pieces, each with its name."""


def require_recorded(report: Report) -> None:
    """Raise FailedPrecondition if the lineage has not arrived, or never will, or the report was erased."""
    if report.erased_at is not None:
        raise erased(report.erased_at)
    if report.lineage_status is not LineageStatus.RECORDED:
        raise FailedPrecondition(
            f"The lineage of the report is {report.lineage_status}: there is nothing to prove it by.",
            reason="LINEAGE_NOT_RECORDED",
            metadata={"lineage_status": report.lineage_status},
        )


async def stream(report: Report, lineages: KeptEvidence, objects: Objects) -> AsyncIterator[bytes]:
    """Yield the ZIP file in pieces; raises what the lineage service answers, and DataLoss."""
    outlet = Outlet()
    with ZipFile(outlet, "w", ZIP_STORED) as archive:
        async with aclosing(lineages.evidence(report.id)) as pieces:
            entry, opened = None, ""
            async for name, data in pieces:
                if entry is None or name != opened:
                    if entry is not None:
                        entry.close()
                    entry, opened = archive.open(_info(name, report), "w", force_zip64=True), name
                entry.write(data)
                if made := outlet.taken():
                    yield made
            if entry is not None:
                entry.close()
        if report.pdf is not None:
            with archive.open(_info(PDF, report), "w", force_zip64=True) as entry:
                async for piece in objects.read(report.pdf.object_key, 0, report.pdf.size_bytes):
                    entry.write(piece)
                    yield outlet.taken()
    yield outlet.taken()


def _info(name: str, report: Report) -> ZipInfo:
    info = ZipInfo(name, (report.render_time or report.created_at).timetuple()[:6])
    # What is packed already is stored as it is.
    info.compress_type = ZIP_STORED if name.endswith(GZIP) else ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
