"""Remembering how a report came to be, and saying it to those who leave their name."""

from collections.abc import AsyncIterator
from uuid import UUID

import structlog
from prometheus_client import Counter

from lineage_service import accesses, payload
from lineage_service.domain import Action, Content, Facts, Limits, Lineage, LineageStores, Reader
from services.clock import Clock
from services.errors import AlreadyExists, NotFound

LINEAGE_RECORDED = "lineage.recorded"
LINEAGE_CONFLICTED = "lineage.conflicted"

RECORDED = Counter("leadfactory_lineage_recorded_total", "Deliveries of lineage that were accepted.")
CONFLICTS = Counter(
    "leadfactory_lineage_conflicts_total", "Deliveries refused because other facts are recorded."
)

log = structlog.get_logger()


async def record(
    stores: LineageStores,
    facts: Facts,
    arrivals: AsyncIterator[tuple[Content, bytes]],
    reader: Reader,
    *,
    limits: Limits,
    clock: Clock,
) -> Lineage:
    """Remember how one report came to be, and enter it in the audit. Saying the same thing twice is harmless.

    Raises InvalidArgument if the bytes are not what the facts announce, and AlreadyExists, loudly,
    if the report or the id is known with other facts; nothing is changed then.
    """
    async with payload.receive(facts, arrivals, limits) as delivery, stores.write() as store:
        new = Lineage(facts, delivery.log_gzip_size, delivery.inputs_gzip_sha256, clock())
        kept = await store.add_if_absent(new, delivery)
        if kept is new:
            await store.note(accesses.view(kept, Action.RECORD, reader, kept.recorded_at))
    if differing := facts.differing(kept.facts):
        CONFLICTS.inc()
        log.error(LINEAGE_CONFLICTED, report_id=str(facts.report_id), differing=differing)
        raise AlreadyExists(
            "lineage", str(facts.lineage_id), f"Recorded with other facts: {', '.join(differing)}."
        )
    RECORDED.inc()
    return kept


async def by_report(stores: LineageStores, report_id: UUID, reader: Reader, *, clock: Clock) -> Lineage:
    """Return the lineage of a report, this reading counted; raises NotFound."""
    async with stores.write() as store:
        lineage = await store.by_report(report_id)
        if lineage is None:
            raise NotFound("lineage of report", str(report_id))
        return await accesses.note(store, lineage, accesses.view(lineage, Action.VIEW, reader, clock()))


async def by_id(stores: LineageStores, lineage_id: UUID, reader: Reader, *, clock: Clock) -> Lineage:
    """Return a lineage, this reading counted; raises NotFound."""
    async with stores.write() as store:
        lineage = await store.by_id(lineage_id)
        if lineage is None:
            raise NotFound("lineage", str(lineage_id))
        return await accesses.note(store, lineage, accesses.view(lineage, Action.VIEW, reader, clock()))


async def reports(stores: LineageStores, after: UUID | None, size: int) -> tuple[list[UUID], int]:
    """Return the next PDFs' reports that have a lineage, by their ids, and how many there are in all."""
    async with stores.read() as store:
        return await store.reports(after, size)
