"""Captures on their way from the outbox to the lineage service.

The outbox row is its own queue entry. A job beside it would be a second opinion on whether a
delivery is still due, and the two could come to disagree: here a delivery is due exactly as long as
the row exists, and the row is deleted in the transaction that marks its report RECORDED.

At least once is what a relay can do; the lineage service makes it exactly once, because the same
facts again are answered with the first record. So nothing here needs an order, and a reply that was
lost costs one more call.

While the service is out, one delivery at a time, whichever is next, finds out when it is back; the
first that gets an answer makes all others due.
"""

import asyncio
from datetime import timedelta

import structlog

from report_service import metrics
from report_service.deliveries import Delivery, Fault, Lineages, OutboxStores, Undelivered
from services.identity import Actor, acting_as
from services.pacing import full_jitter, pause

IN_FLIGHT = 4
# A wake-up may be lost, and another worker's completion is not heard of here.
POLL_SECONDS = 1.0
DEADLINE_SECONDS = 5.0
SECONDS_PER_MEBIBYTE = 1.0
# The lease outlasts the deadline, so that a delivery is sent twice at once only by a stalled worker.
LEASE = timedelta(seconds=DEADLINE_SECONDS + 5)
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 60.0
# How long after its return an absent service goes unnoticed, at most.
LONGEST_PROBE_SECONDS = 3.0

ACTOR = Actor("system:report-worker", workload="report-worker")

log = structlog.get_logger(__name__)


class Relay:
    """Delivers what the outbox holds."""

    def __init__(self, stores: OutboxStores, lineages: Lineages) -> None:
        """Take the outbox and the service that acknowledges."""
        self._stores = stores
        self._lineages = lineages
        self._awake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        # Failures of the service in a row. Before the first answer it counts as out: what an
        # earlier process postponed is then tried at once.
        self._failures = 0
        self._is_out = True

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop, then let what is under way end."""
        stopper = asyncio.create_task(stop.wait())
        stopper.add_done_callback(lambda _: self.wake())
        try:
            with acting_as(ACTOR):
                while not stop.is_set():
                    self._awake.clear()
                    if self._failures and not self._running:
                        # Nothing that completes meanwhile makes an absent service answer any sooner.
                        delay = full_jitter(self._failures, FIRST_DELAY_SECONDS, LONGEST_PROBE_SECONDS)
                        if await pause(stop, delay):
                            break
                    await self.start_due()
                    await pause(self._awake, POLL_SECONDS)
        finally:
            stopper.cancel()
            await asyncio.gather(*self._running)

    async def start_due(self) -> int:
        """Begin to deliver what is due, as far as there is room; returns how many were begun."""
        room = (1 if self._is_out else IN_FLIGHT) - len(self._running)
        if room <= 0:
            return 0
        async with self._stores.write() as outbox:
            claimed = await outbox.claim(room, LEASE, eager=self._is_out)
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(claimed)

    async def idle(self) -> None:
        """Wait for every delivery that is under way."""
        await asyncio.gather(*self._running)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _deliver(self, delivery: Delivery) -> None:
        mebibytes = delivery.capture.payload_size_bytes / (1024 * 1024)
        try:
            await self._lineages.record(delivery, DEADLINE_SECONDS + mebibytes * SECONDS_PER_MEBIBYTE)
        except Undelivered as error:
            await self._failed(delivery, error.fault, error.reason)
        except Exception as error:
            log.exception(metrics.LINEAGE_POSTPONED, report_id=str(delivery.report_id))
            await self._failed(delivery, Fault.PASSING, repr(error))
        else:
            await self._delivered(delivery)

    async def _delivered(self, delivery: Delivery) -> None:
        try:
            async with self._stores.write() as outbox:
                recorded = await outbox.acknowledge(delivery.report_id)
            await self._answered()
        except Exception:
            # Acknowledged there, unknown here: the lease runs out and the row is delivered again.
            log.exception(metrics.LINEAGE_POSTPONED, report_id=str(delivery.report_id))
            return
        if recorded:
            metrics.DELIVERIES.labels("recorded").inc()
            log.info(
                metrics.LINEAGE_RECORDED,
                report_id=str(delivery.report_id),
                lineage_id=str(delivery.lineage_id),
                attempt=delivery.attempt,
            )

    async def _failed(self, delivery: Delivery, fault: Fault, reason: str) -> None:
        facts = {"report_id": str(delivery.report_id), "attempt": delivery.attempt, "reason": reason}
        if fault is Fault.SERVICE:
            self._is_out, self._failures = True, self._failures + 1
        try:
            if fault is not Fault.SERVICE:
                await self._answered()
            async with self._stores.write() as outbox:
                if fault is Fault.FINAL:
                    await outbox.bury(delivery.report_id, delivery.attempt, reason)
                else:
                    seconds = full_jitter(delivery.attempt, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS)
                    delay = timedelta(seconds=seconds)
                    await outbox.postpone(delivery.report_id, delivery.attempt, delay, reason)
        except Exception:
            log.exception(metrics.LINEAGE_POSTPONED, **facts)
            return
        if fault is Fault.FINAL:
            metrics.DELIVERIES.labels("buried").inc()
            log.error(metrics.LINEAGE_BURIED, **facts)
        else:
            metrics.DELIVERIES.labels("postponed").inc()
            log.warning(metrics.LINEAGE_POSTPONED, **facts)

    async def _answered(self) -> None:
        """Take it that the service is there, whatever it said; if it was out, all that waits is due now."""
        if self._is_out:
            self._is_out, self._failures = False, 0
            async with self._stores.write() as outbox:
                await outbox.hasten()
