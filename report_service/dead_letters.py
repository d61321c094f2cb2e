"""What an admin does about captures that can never be delivered as they are: looks, and decides."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from report_service import metrics, pages
from report_service.deliveries import DeadLetterPage, Decision, OutboxStores, Verdict
from services import paging
from services.clock import Clock
from services.errors import NotFound

BINDING = "dead_letters order=-report_id"
# Redriven in one transaction.
BATCH = 200

log = structlog.get_logger(__name__)


async def page(stores: OutboxStores, page_size: int, page_token: str) -> DeadLetterPage:
    """Return one page, newest report first; raises InvalidArgument for a token of another list."""
    asked = paging.request(page_size, page_token, binding=BINDING)
    async with stores.read() as outbox:
        found = await outbox.dead_letters(asked.size + 1, pages.place(asked))
    shown = found[: asked.size]
    more = len(found) > asked.size
    return DeadLetterPage(shown, paging.token([str(shown[-1].report_id)], binding=BINDING) if more else "")


async def redrive(
    stores: OutboxStores, report_ids: Sequence[UUID], decided_by: str, reason: str, clock: Clock
) -> int:
    """Have dead letters delivered again, all of them if none is named; returns how many there were.

    Raises NotFound, and changes nothing, if a report that is named has no dead letter.
    """
    if report_ids:
        async with stores.write() as outbox:
            for each in dict.fromkeys(report_ids):
                if not await outbox.decide(Decision(each, Verdict.REDRIVE, decided_by, clock(), reason)):
                    raise NotFound("dead letter of report", str(each))
        redriven = len(set(report_ids))
    else:
        redriven = await _redrive_all(stores, decided_by, reason, clock)
    log.warning(metrics.LINEAGE_REDRIVEN, count=redriven, decided_by=decided_by, reason=reason)
    return redriven


async def discard(stores: OutboxStores, report_id: UUID, decided_by: str, reason: str, clock: Clock) -> None:
    """Give up a dead letter for good; raises NotFound if the report has none."""
    async with stores.write() as outbox:
        if not await outbox.decide(Decision(report_id, Verdict.DISCARD, decided_by, clock(), reason)):
            raise NotFound("dead letter of report", str(report_id))
    log.warning(metrics.LINEAGE_DISCARDED, report_id=str(report_id), decided_by=decided_by, reason=reason)


async def _redrive_all(stores: OutboxStores, decided_by: str, reason: str, clock: Clock) -> int:
    count, last = 0, None
    while True:
        async with stores.write() as outbox:
            # Each is met once: what dies again meanwhile is not driven in circles.
            found = await outbox.dead_letters(BATCH, last)
            for each in found:
                decision = Decision(each.report_id, Verdict.REDRIVE, decided_by, clock(), reason)
                count += await outbox.decide(decision)
        if not found:
            return count
        last = found[-1].report_id
