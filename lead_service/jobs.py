"""The lead context's background work: decode, one call."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from lead_service import answers, enrichment
from lead_service.domain import LeadStores
from lead_service.facts import EnrichmentTask, Provider
from services.clock import Clock
from services.identity import Actor, acting_as
from services.jobs import Job
from services.pacing import pause

PROCESS: Final = "lead-worker"
ENRICHMENTS_REQUEUED: Final = "enrichments.requeued"

# How soon a look-up is noticed that has lost its job.
_SWEEP_SECONDS: Final = 15.0

log = structlog.get_logger(__name__)


class LeadJobs:
    """Runs look-ups, each for the person who asked, and gives those that lost their job another one."""

    def __init__(
        self, stores: LeadStores, providers: Sequence[Provider], *, budget_seconds: float, clock: Clock
    ) -> None:
        """Take where leads are kept, whom to ask, and how long one look-up may take."""
        self._stores = stores
        self._providers = providers
        self._budget_seconds = budget_seconds
        self._clock = clock

    async def enrich(self, job: Job) -> None:
        """Carry out one look-up."""
        task = EnrichmentTask.from_bytes(job.payload)
        with acting_as(Actor(task.asked_by, workload=PROCESS)):
            await enrichment.enrich(
                self._stores,
                self._providers,
                task.lead_id,
                job.id,
                budget_seconds=self._budget_seconds,
                clock=self._clock,
            )

    async def sweep(self, stop: asyncio.Event) -> None:
        """Take up look-ups that lost their job, and forget old answers, until `stop` is set."""
        while not stop.is_set():
            with acting_as(Actor(f"system:{PROCESS}", workload=PROCESS)):
                if requeued := await enrichment.requeue_unattended(self._stores, self._clock):
                    log.warning(ENRICHMENTS_REQUEUED, leads=requeued)
                await answers.forget_old(self._stores, self._clock)
            await pause(stop, _SWEEP_SECONDS)
