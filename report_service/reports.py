"""Asking for reports and looking at them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from report_service.domain import (
    DEFAULT_LOCALE,
    DEFAULT_TEMPLATE,
    MAXIMUM_ASSESSMENT_BYTES,
    Leads,
    Objects,
    Pdf,
    Report,
    ReportFilter,
    ReportPage,
    ReportRequest,
    ReportStores,
)
from report_service.rendering import bundles
from services import paging
from services.clock import Clock
from services.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.ids import uuid7

# About what a render process needs for a full queue to move noticeably.
RETRY_AFTER_SECONDS = 5


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
    templates: bundles.Templates,
) -> Report:
    """Queue a report: the row and its job in one transaction.

    Raises NotFound for an unknown lead or template version, FailedPrecondition for a version that is not
    published, InvalidArgument for assessment data of
    more than 1 MiB, and ResourceExhausted while ``queue_limit`` reports wait for a worker.
    """
    if len(request.assessment_data or b"") > MAXIMUM_ASSESSMENT_BYTES:
        raise InvalidArgument("assessment_data", "must be at most 1 MiB of canonical JSON", "TOO_LARGE")
    bundle = await templates.choose(request.template or DEFAULT_TEMPLATE, request.template_version)
    locale = request.locale or DEFAULT_LOCALE
    if bundle.locales.isdisjoint({locale, locale.partition("-")[0].lower()}):
        spoken = ", ".join(sorted(bundle.locales))
        raise InvalidArgument(
            "locale", f"{bundle.template_version_id} speaks {spoken} only", "LOCALE_UNKNOWN"
        )
    lead = await leads.get(request.lead_id)
    report = Report(
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
    async with stores.write() as store:
        # Counted, not locked: a burst may overshoot by as many calls as run at once.
        if await store.count_queued() >= queue_limit:
            raise ResourceExhausted(
                f"{queue_limit} reports are waiting already. Try again later.",
                reason="REPORT_QUEUE_FULL",
                retry_after=RETRY_AFTER_SECONDS,
            )
        await store.add(report, request.assessment_data)
    return report


async def get(stores: ReportStores, report_id: UUID) -> Report:
    """Return a report; raises NotFound."""
    async with stores.read() as store:
        return await store.get(report_id)


async def page(stores: ReportStores, wanted: ReportFilter, page_size: int, page_token: str) -> ReportPage:
    """Return one page, newest first; raises InvalidArgument for a token of another list."""
    asked = paging.request(page_size, page_token, binding=wanted.binding)
    after = _position(asked)
    async with stores.read() as store:
        found = await store.page(wanted, asked.size + 1, after)
        estimate = await store.estimate(wanted)
    shown = found[: asked.size]
    more = len(found) > asked.size
    token = paging.token([str(shown[-1].id)], binding=wanted.binding) if more else ""
    return ReportPage(shown, token, estimate)


async def download(stores: ReportStores, objects: Objects, report_id: UUID) -> Download:
    """Return what is needed to send a PDF; raises FailedPrecondition until there is one."""
    report = await get(stores, report_id)
    if report.pdf is None:
        why = f" ({report.error})" if report.error else ""
        raise FailedPrecondition(
            f"The report is {report.status}: there is no PDF{why}.",
            reason="REPORT_NOT_COMPLETED",
            metadata={"status": report.status},
        )
    return Download(report.filename, report.pdf, partial(objects.read, report.pdf.object_key))


def _position(asked: paging.PageRequest) -> UUID | None:
    if asked.after is None:
        return None
    try:
        (last,) = asked.after
        return UUID(last)
    except ValueError:
        raise InvalidArgument("page_token", "is not one that a page returned", "PAGE_TOKEN_INVALID") from None
