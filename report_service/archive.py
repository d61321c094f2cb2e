"""All PDFs of a batch as one ZIP file, made while it is sent.

PDFs are stored as they are, since they do not compress further, each followed by its checksum (APPNOTE
6.3.9 section 4.3.9). A few hundred kilobytes are in memory at a time, and a line for each report, for
``manifest.json``, which comes last and says what became of every report.
"""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from report_service import batches
from report_service.batch import BatchProgress, BatchStores
from report_service.domain import Objects, Report
from report_service.outlet import Outlet
from services.errors import FailedPrecondition

PAGE = 100
MANIFEST = "manifest.json"


async def ended(stores: BatchStores, batch_id: UUID) -> BatchProgress:
    """Return a batch that has ended; raises NotFound, and FailedPrecondition until it has."""
    progress = await batches.get(stores, batch_id)
    if not progress.is_ended:
        raise FailedPrecondition(
            f"{progress.ended} of {progress.batch.size} reports have ended.", reason="BATCH_NOT_ENDED"
        )
    return progress


async def stream(stores: BatchStores, objects: Objects, progress: BatchProgress) -> AsyncIterator[bytes]:
    """Yield the ZIP file in pieces; raises DataLoss rather than pack a PDF that is not what it was."""
    outlet, lines = Outlet(), list[dict[str, Any]]()
    with ZipFile(outlet, "w", ZIP_STORED) as archive:
        async for report in _reports(stores, progress.batch.id):
            packed = report.pdf is not None and report.erased_at is None
            name = f"{report.batch_position:04d}-{report.filename}" if packed else ""
            lines.append(_line(report, name))
            if report.pdf is None or not packed:
                continue
            with archive.open(_entry(name, report), "w") as entry:
                async for piece in objects.read(report.pdf.object_key, 0, report.pdf.size_bytes):
                    entry.write(piece)
                    yield outlet.taken()
        info = ZipInfo(MANIFEST, progress.batch.created_at.timetuple()[:6])
        info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
        archive.writestr(info, _manifest(progress, lines))
    yield outlet.taken()


async def _reports(stores: BatchStores, batch_id: UUID) -> AsyncIterator[Report]:
    last = 0
    while True:
        async with stores.read() as store:
            page = await store.batch_reports(batch_id, PAGE, last)
        for each in page:
            yield each
        if len(page) < PAGE:
            return
        last = page[-1].batch_position


def _entry(name: str, report: Report) -> ZipInfo:
    # The date that the PDF bears, so that the same batch is the same ZIP file.
    info = ZipInfo(name, (report.render_time or report.created_at).timetuple()[:6])
    info.external_attr = 0o644 << 16
    info.file_size = report.pdf.size_bytes if report.pdf else 0
    return info


def _line(report: Report, name: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "report_id": str(report.id),
        "lead_id": str(report.lead_id),
        "status": report.status,
    }
    if report.pdf is None:
        return line | {"error": report.error}
    if report.erased_at is not None:
        line["erased_at"] = report.erased_at.isoformat().replace("+00:00", "Z")
    return line | {
        "file": name,
        "sha256": report.pdf.sha256,
        "size_bytes": report.pdf.size_bytes,
        "page_count": report.pdf.page_count,
        "lineage_id": str(report.lineage_id),
    }


def _manifest(progress: BatchProgress, lines: list[dict[str, Any]]) -> str:
    batch = progress.batch
    told = {
        "batch_id": str(batch.id),
        "template_version_id": batch.template_version_id,
        "pipeline_run_id": batch.pipeline_run_id,
        "locale": batch.locale,
        "created_by": batch.created_by,
        "created_at": batch.created_at.isoformat().replace("+00:00", "Z"),
        "reports": lines,
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"
