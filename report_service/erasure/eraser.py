"""Follows the erasures of the lead context, and carries them out here and in lineage.

Calls point one way, from reports to leads and to lineage, so erasures are not announced: they are asked
for, from the last known number on. Each step may be repeated, and a crash between two is made good the next
time. Whether a lead is held is known to lineage alone, so nothing is removed here before lineage has agreed.
"""

import asyncio
from datetime import timedelta

import structlog

from report_service import metrics
from report_service.deliveries import Decision, OutboxStores, Verdict
from report_service.erasure.domain import (
    ErasedLeads,
    ErasedLineages,
    ErasedObjects,
    ErasureStores,
)
from report_service.records import Erasure, Held
from services.clock import Clock, utc_now
from services.errors import ServiceError
from services.identity import Actor, acting_as
from services.pacing import pause

PROCESS = "report-worker"
INTERVAL_SECONDS = 5.0
PAGE = 200
BATCH = 50
UNSETTLED_DELAY = timedelta(seconds=2)
HELD_DELAY = timedelta(seconds=60)
FAILED_DELAY = timedelta(seconds=15)
REASON = "The lead was erased."

log = structlog.get_logger(__name__)


class Eraser:
    """Carries out what was erased elsewhere."""

    def __init__(
        self,
        stores: ErasureStores,
        outbox: OutboxStores,
        leads: ErasedLeads,
        lineages: ErasedLineages,
        objects: ErasedObjects,
        clock: Clock = utc_now,
    ) -> None:
        """Take where erasures come from, and everything that they reach."""
        self._stores, self._outbox = stores, outbox
        self._leads, self._lineages, self._objects = leads, lineages, objects
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop."""
        while not stop.is_set():
            try:
                with acting_as(Actor(f"system:{PROCESS}", workload=PROCESS)):
                    await self.pull()
                await self.apply()
            except ServiceError as error:
                log.warning(metrics.ERASURES_UNKNOWN, reason=error.message)
            await pause(stop, INTERVAL_SECONDS)

    async def pull(self) -> int:
        """Find the erasures that are not known yet; returns how many there were."""
        count = 0
        while True:
            async with self._stores.read() as store:
                latest = await store.latest()
            found = await self._leads.erasures(latest, PAGE)
            if found:
                async with self._stores.write() as store:
                    await store.add(found)
            count += len(found)
            if len(found) < PAGE:
                return count

    async def apply(self) -> int:
        """Carry out what is due; returns how many erasures were ended."""
        async with self._stores.read() as store:
            due = await store.due(BATCH)
        ended = 0
        for erasure in due:
            # For whoever erased the lead: this process has the right, not the wish.
            with acting_as(Actor(erasure.erased_by, workload=PROCESS)):
                ended += await self._erase(erasure)
        async with self._stores.read() as store:
            left = await store.unfinished()
        metrics.ERASURES_WAITING.set(left.waiting - left.held)
        metrics.ERASURES_HELD.set(left.held)
        metrics.ERASURES_OLDEST_SECONDS.set(left.oldest_seconds)
        return ended

    async def _erase(self, erasure: Erasure) -> bool:
        lead_id = erasure.lead_id
        try:
            async with self._stores.read() as store:
                settled = await store.is_settled(lead_id)
            if not settled:
                await self._put_off(erasure, UNSETTLED_DELAY)
                return False
            payloads = await self._lineages.erase(lead_id)
            await self._give_up_dead_letters(erasure)
            async with self._stores.read() as store:
                keys = await store.object_keys(lead_id)
            for key in keys:
                await self._objects.remove(key)
            async with self._stores.write() as store:
                reports = await store.blank(lead_id, self._clock())
        except Held:
            log.info(metrics.ERASURE_HELD, lead_id=str(lead_id))
            await self._put_off(erasure, HELD_DELAY, held=True)
            return False
        except ServiceError as error:
            log.warning(metrics.ERASURE_POSTPONED, lead_id=str(lead_id), reason=error.message)
            await self._put_off(erasure, FAILED_DELAY)
            return False
        metrics.ERASURES.inc()
        log.info(
            metrics.LEAD_ERASED,
            lead_id=str(lead_id),
            erased_by=erasure.erased_by,
            reports=reports,
            pdfs=len(keys),
            payloads=payloads,
        )
        return True

    async def _give_up_dead_letters(self, erasure: Erasure) -> None:
        """Remove what could not be delivered; its digests and who wanted it stay."""
        async with self._stores.read() as store:
            dead = await store.dead_letters(erasure.lead_id)
        for report_id in dead:
            decision = Decision(report_id, Verdict.DISCARD, erasure.erased_by, self._clock(), REASON)
            async with self._outbox.write() as outbox:
                await outbox.decide(decision)

    async def _put_off(self, erasure: Erasure, delay: timedelta, *, held: bool = False) -> None:
        async with self._stores.write() as store:
            await store.put_off(erasure.lead_id, delay, held=held)
