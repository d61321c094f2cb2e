"""Asking for reports and looking at them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import astuple, dataclass, replace
from functools import partial
from uuid import UUID, uuid4

import structlog

from report_service import metrics, offers, pages, payload
from report_service.domain import (
    ENDED,
    MAXIMUM_ASSESSMENT_BYTES,
    Leads,
    Objects,
    Pdf,
    Report,
    ReportFilter,
    ReportPage,
    ReportRequest,
    ReportStores,
    RequestKey,
    Status,
)
from report_service.failures import erased
from report_service.rendering.bundles import Templates
from services import paging
from services.clock import Clock
from services.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.ids import uuid7

# About what a render process needs for a full queue to move noticeably.
RETRY_AFTER_SECONDS = 5
# How late a watcher hears of a change, at most, about.
LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Download:
    """A completed report's PDF."""

    filename: str
    pdf: Pdf
    read: Callable[[int, int], AsyncIterator[bytes]]
    """Yields so many bytes from a position on: ``read(start, length)``."""


async def generate(
    stores: ReportStores,
    leads: Leads,
    request: ReportRequest,
    created_by: str,
    clock: Clock,
    *,
    queue_limit: int,
    templates: Templates,
) -> Report:
    """Queue a report: the row and its job in one transaction.

    A request that was sent before under the same name is answered with the report that it made. Raises
    NotFound for an unknown lead or template version, InvalidArgument for assessment data of more than
    1 MiB, FailedPrecondition for another request under the same name and for a template version that is
    not published, and ResourceExhausted while ``queue_limit`` reports wait for a worker.
    """
    if len(request.assessment_data or b"") > MAXIMUM_ASSESSMENT_BYTES:
        raise InvalidArgument("assessment_data", "must be at most 1 MiB of canonical JSON", "TOO_LARGE")
    key = RequestKey(created_by, "GenerateReport", request.request_id, _digest(request))
    if (known := await _known(stores, key)) is not None:
        return known
    report = await _ordered(templates, leads, request, created_by, clock)
    return await _queue(stores, report, request.assessment_data, key, clock, queue_limit)


async def retry(
    stores: ReportStores,
    leads: Leads,
    report_id: UUID,
    request_id: str,
    created_by: str,
    clock: Clock,
    *,
    queue_limit: int,
    templates: Templates,
) -> Report:
    """Queue a new report from the request of one that failed or was cancelled.

    Raises NotFound, FailedPrecondition for a report that is neither, and what ``generate`` raises.
    """
    key = RequestKey(created_by, "RetryReport", request_id, payload.sha256(report_id.bytes))
    if (known := await _known(stores, key)) is not None:
        return known
    async with stores.read() as store:
        before = await store.get(report_id)
        given = await store.assessment_data(report_id)
    if before.status not in (Status.FAILED, Status.CANCELLED):
        raise FailedPrecondition(
            f"The report is {before.status}: only one that failed or was cancelled is made again.",
            reason="REPORT_NOT_FAILED",
            metadata={"status": before.status},
        )
    template, _, version = before.template_version_id.partition("@")
    request = ReportRequest(before.lead_id, template, version, before.pipeline_run_id, locale=before.locale)
    report = replace(await _ordered(templates, leads, request, created_by, clock), retry_of=report_id)
    return await _queue(stores, report, given, key, clock, queue_limit)


async def _known(stores: ReportStores, key: RequestKey) -> Report | None:
    if not key.key:
        return None
    async with stores.read() as store:
        made = await store.first_answer(key)
        return await store.get(made) if made else None


async def _ordered(
    templates: Templates, leads: Leads, request: ReportRequest, created_by: str, clock: Clock
) -> Report:
    bundle, locale = await offers.choose(
        templates, request.template, request.template_version, request.locale
    )
    lead = await leads.get(request.lead_id)
    return Report(
        id=uuid7(),
        lineage_id=uuid7(),
        lead_id=request.lead_id,
        domain=str(lead.get("domain", "")),
        pipeline_run_id=request.pipeline_run_id or str(uuid4()),
        template_version_id=bundle.template_version_id,
        template_digest=bundle.digest,
        locale=locale,
        created_by=created_by,
        created_at=clock(),
    )


async def _queue(
    stores: ReportStores,
    report: Report,
    assessment_data: bytes | None,
    key: RequestKey,
    clock: Clock,
    queue_limit: int,
) -> Report:
    async with stores.write() as store:
        if key.key and (made := await store.remember(key, report.id, clock())) != report.id:
            return await store.get(made)
        # Counted, not locked: a burst may overshoot by as many calls as run at once.
        if await store.count_queued() >= queue_limit:
            raise ResourceExhausted(
                f"{queue_limit} reports are waiting already. Try again later.",
                reason="REPORT_QUEUE_FULL",
                retry_after=RETRY_AFTER_SECONDS,
            )
        await store.add(report, assessment_data)
    return report


async def cancel(stores: ReportStores, report_id: UUID, clock: Clock) -> Report:
    """End a report as CANCELLED; raises NotFound, and FailedPrecondition if it has ended otherwise."""
    async with stores.write() as store:
        cancelled = await store.cancel(report_id, clock())
        report = await store.get(report_id)
    if report.status is not Status.CANCELLED:
        raise FailedPrecondition(
            f"The report is {report.status} already.",
            reason="REPORT_ENDED",
            metadata={"status": report.status},
        )
    if cancelled:
        metrics.REPORTS.labels("cancelled").inc()
        log.info(metrics.REPORT_CANCELLED, report_id=str(report_id))
    return report


async def watch(stores: ReportStores, report_id: UUID) -> AsyncIterator[Report]:
    """Yield a report as it is, and whenever it has changed, until it has ended; raises NotFound."""
    seen = None
    while True:
        # No transaction is open while nothing happens, or while the reader takes its time.
        report = await get(stores, report_id)
        if report.version != seen:
            yield report
        if report.status in ENDED:
            return
        seen = report.version
        await asyncio.sleep(LOOK_SECONDS)


async def get(stores: ReportStores, report_id: UUID) -> Report:
    """Return a report; raises NotFound."""
    async with stores.read() as store:
        return await store.get(report_id)


async def page(stores: ReportStores, wanted: ReportFilter, page_size: int, page_token: str) -> ReportPage:
    """Return one page, newest first; raises InvalidArgument for a token of another list."""
    asked = paging.request(page_size, page_token, binding=wanted.binding)
    after = pages.place(asked)
    async with stores.read() as store:
        found = await store.page(wanted, asked.size + 1, after)
        estimate = await store.estimate(wanted)
    shown = found[: asked.size]
    more = len(found) > asked.size
    token = paging.token([str(shown[-1].id)], binding=wanted.binding) if more else ""
    return ReportPage(shown, token, estimate)


async def download(stores: ReportStores, objects: Objects, report_id: UUID) -> Download:
    """Return what is needed to send a PDF; raises FailedPrecondition until there is one."""
    report = await issued(stores, report_id)
    assert report.pdf is not None
    return Download(report.filename, report.pdf, partial(objects.read, report.pdf.object_key))


async def issued(stores: ReportStores, report_id: UUID) -> Report:
    """Return a report that has a PDF; raises NotFound, and FailedPrecondition until there is one."""
    report = await get(stores, report_id)
    if report.pdf is None:
        why = f" ({report.error})" if report.error else ""
        raise FailedPrecondition(
            f"The report is {report.status}: there is no PDF{why}.",
            reason="REPORT_NOT_COMPLETED",
            metadata={"status": report.status},
        )
    if report.erased_at is not None:
        raise erased(report.erased_at)
    return report


def _digest(request: ReportRequest) -> str:
    asked = [str(each) for each in astuple(replace(request, assessment_data=None, request_id=""))]
    data = request.assessment_data
    return payload.sha256(payload.canonical([*asked, payload.sha256(data) if data else ""]))
