"""What a worker looks after beside its reports: none may be forgotten, in either queue.

A report is unattended if it has not ended and no job stands for it: its job was dropped after
failing too often, or was lost. It gets a new job; the claim counts its attempts, so it ends at last.
"""

import asyncio
from datetime import timedelta

import structlog

from report_service import metrics
from report_service.deliveries import OutboxStores
from report_service.domain import ReportStores
from services.clock import Clock, utc_now
from services.pacing import pause

INTERVAL_SECONDS = 5.0
BATCH = 200
ALARM_SECONDS = 300.0
REQUESTS_KEPT = timedelta(days=1)

log = structlog.get_logger(__name__)


class Upkeep:
    """Looks after unattended reports and watches the outbox."""

    def __init__(self, reports: ReportStores, outbox: OutboxStores, clock: Clock = utc_now) -> None:
        """Take both stores."""
        self._clock = clock
        self._reports = reports
        self._outbox = outbox

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.is_set():
            await self.requeue()
            await self.measure()
            await self.forget()
            await pause(stop, INTERVAL_SECONDS)

    async def requeue(self) -> int:
        """Give every unattended report a job again; returns how many there were."""
        async with self._reports.write() as reports:
            count = await reports.requeue_unattended(BATCH)
        if count:
            log.warning(metrics.REPORTS_REQUEUED, count=count)
        return count

    async def forget(self) -> int:
        """Forget requests that nobody sends again; returns how many."""
        async with self._reports.write() as reports:
            return await reports.forget_requests(self._clock() - REQUESTS_KEPT)

    async def measure(self) -> None:
        """Publish what the outbox holds, and say loudly what should not be."""
        async with self._outbox.read() as outbox:
            backlog = await outbox.backlog()
        metrics.OUTBOX_WAITING.set(backlog.waiting)
        metrics.OUTBOX_DEAD.set(backlog.dead)
        metrics.OUTBOX_OLDEST_SECONDS.set(backlog.oldest_seconds)
        if backlog.oldest_seconds > ALARM_SECONDS:
            log.warning(
                metrics.LINEAGE_OVERDUE,
                seconds=round(backlog.oldest_seconds),
                waiting=backlog.waiting,
            )
