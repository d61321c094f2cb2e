"""Asking for many reports at once, and looking at what becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from uuid import UUID, uuid4

import structlog

from report_service import metrics, offers, pages, payload
from report_service.batch import (
    Batch,
    BatchPage,
    BatchProgress,
    BatchRequest,
    BatchStore,
    BatchStores,
    FoundLead,
    LeadSearch,
)
from report_service.domain import Report, RequestKey
from report_service.rendering.bundles import Templates
from services import paging
from services.clock import Clock
from services.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from services.ids import uuid7

RETRY_AFTER_SECONDS = 60
LOOK_SECONDS = 0.5
BINDING = "report_batches order=-id"

log = structlog.get_logger(__name__)


async def generate(
    stores: BatchStores,
    leads: LeadSearch,
    request: BatchRequest,
    created_by: str,
    clock: Clock,
    *,
    limit: int,
    queue_limit: int,
    templates: Templates,
) -> BatchProgress:
    """Queue a report on each lead: all rows and jobs in one transaction.

    A lead that there is not fails its own report only. Raises FailedPrecondition if there are none or more
    than ``limit``, ResourceExhausted while too many reports of batches wait, and what a single report's
    request raises.
    """
    key = request_key(request, created_by)
    if known := await known_batch(stores, key):
        return known
    choice = await offers.choose(templates, request.template, request.template_version, request.locale)
    found = await _found(leads, request, limit)
    batch = Batch(
        id=uuid7(),
        template_version_id=choice.bundle.template_version_id,
        locale=choice.locale,
        pipeline_run_id=request.pipeline_run_id or str(uuid4()),
        size=len(found),
        created_by=created_by,
        created_at=clock(),
    )
    reports = [_report(batch, choice.bundle.digest, lead, number) for number, lead in enumerate(found, 1)]
    async with stores.write() as store:
        return await queue(store, key, batch, reports, queue_limit)


def require_one_kind(request: BatchRequest) -> None:
    """Raise InvalidArgument unless a request names leads, or a selection, or a re-issue."""
    given = bool(request.lead_ids), request.selection is not None, request.reissue is not None
    if sum(given) != 1:
        raise InvalidArgument("lead_ids", "give either leads, or a filter, or a re-issue", "LEADS_OR_FILTER")


def request_key(request: BatchRequest, created_by: str) -> RequestKey:
    """Return under what a request for a batch may be sent again."""
    asked = {**asdict(request), "request_id": ""}
    digest = payload.sha256(payload.canonical({name: repr(value) for name, value in asked.items()}))
    return RequestKey(created_by, "GenerateReports", request.request_id, digest)


async def known_batch(stores: BatchStores, key: RequestKey) -> BatchProgress | None:
    """Return what the same request made before, None if it was not sent before."""
    if not key.key:
        return None
    async with stores.read() as store:
        known = await store.first_answer(key)
        return await store.batch(known) if known else None


async def queue(
    store: BatchStore, key: RequestKey, batch: Batch, reports: Sequence[Report], queue_limit: int
) -> BatchProgress:
    """Queue a batch, or return what the same request made meanwhile; raises ResourceExhausted."""
    if key.key and (made := await store.remember(key, batch.id, batch.created_at)) != batch.id:
        return await store.batch(made)
    if await store.count_queued(batched=True) + batch.size > queue_limit:
        raise ResourceExhausted(
            f"With these, more than {queue_limit} reports of batches would wait. Try again later.",
            reason="REPORT_QUEUE_FULL",
            retry_after=RETRY_AFTER_SECONDS,
        )
    await store.add_batch(batch, reports)
    return await store.batch(batch.id)


async def get(stores: BatchStores, batch_id: UUID) -> BatchProgress:
    """Return a batch as it is now; raises NotFound."""
    async with stores.read() as store:
        return await store.batch(batch_id)


async def page(stores: BatchStores, page_size: int, page_token: str) -> BatchPage:
    """Return one page, newest first; raises InvalidArgument for a token of another list."""
    asked = paging.request(page_size, page_token, binding=BINDING)
    after = pages.place(asked)
    async with stores.read() as store:
        found = await store.batch_page(asked.size + 1, after)
    shown = found[: asked.size]
    more = len(found) > asked.size
    return BatchPage(shown, paging.token([str(shown[-1].batch.id)], binding=BINDING) if more else "")


async def watch(stores: BatchStores, batch_id: UUID) -> AsyncIterator[BatchProgress]:
    """Yield a batch as it is, and whenever it has come further, until it has ended; raises NotFound."""
    seen = None
    while True:
        now = await get(stores, batch_id)
        if now != seen:
            yield now
        if now.is_ended:
            return
        seen = now
        await asyncio.sleep(LOOK_SECONDS)


async def cancel(stores: BatchStores, batch_id: UUID, clock: Clock) -> BatchProgress:
    """End as CANCELLED whatever of a batch has not ended; raises NotFound."""
    async with stores.write() as store:
        count = await store.cancel_batch(batch_id, clock())
        batch = await store.batch(batch_id)
    metrics.REPORTS.labels("cancelled").inc(count)
    log.info(metrics.BATCH_CANCELLED, batch_id=str(batch_id), count=count)
    return batch


async def _found(leads: LeadSearch, request: BatchRequest, limit: int) -> Sequence[FoundLead]:
    if request.selection is None:
        found = list(dict.fromkeys(request.lead_ids))
        return await leads.find(found) if len(found) <= limit else _refuse(len(found), limit)
    selected = await leads.select(request.selection, limit + 1)
    return selected if 0 < len(selected) <= limit else _refuse(len(selected), limit)


def _refuse(count: int, limit: int) -> Sequence[FoundLead]:
    if count:
        message = f"These are more than {limit} leads: ask for them in several batches."
        raise FailedPrecondition(message, reason="BATCH_TOO_LARGE", metadata={"limit": str(limit)})
    raise FailedPrecondition("No lead matches the filter.", reason="BATCH_EMPTY")


def _report(batch: Batch, template_digest: str, lead: FoundLead, position: int) -> Report:
    return Report(
        id=uuid7(),
        lineage_id=uuid7(),
        lead_id=lead.id,
        domain=lead.domain,
        pipeline_run_id=batch.pipeline_run_id,
        template_version_id=batch.template_version_id,
        template_digest=template_digest,
        locale=batch.locale,
        created_by=batch.created_by,
        created_at=batch.created_at,
        batch_id=batch.id,
        batch_position=position,
    )
