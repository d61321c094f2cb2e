"""Leads in memory: the same promises as `repository`, for tests and for trying things out."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from lead_service.domain import EnrichmentTask, Fact, Lead, LeadFilter, LeadPage, Position
from services.errors import AlreadyExists, NotFound


@dataclass
class _State:
    leads: dict[UUID, Lead] = field(default_factory=dict)
    jobs: dict[str, EnrichmentTask] = field(default_factory=dict)


class MemoryLeadStore:
    """Leads inside one unit of work."""

    def __init__(self, state: _State, job_ids: Iterable[int]) -> None:
        """Speak about `state`, drawing new jobs' ids from `job_ids`."""
        self._state = state
        self._job_ids = iter(job_ids)

    async def add(self, lead: Lead) -> None:
        """See LeadStore."""
        if lead.id in self._state.leads:
            raise AlreadyExists("lead", str(lead.id), "There is a lead with this id.")
        self._state.leads[lead.id] = replace(lead, facts=())

    async def get(self, lead_id: UUID) -> Lead:
        """See LeadStore."""
        try:
            return self._state.leads[lead_id]
        except KeyError:
            raise NotFound("lead", str(lead_id)) from None

    async def get_for_change(self, lead_id: UUID) -> Lead:
        """See LeadStore. Writes exclude each other here, so every lead is held."""
        return replace(await self.get(lead_id), facts=())

    async def change(self, lead: Lead) -> None:
        """See LeadStore."""
        self._state.leads[lead.id] = replace(lead, facts=(await self.get(lead.id)).facts)

    async def replace_facts(self, lead_id: UUID, facts: Iterable[Fact]) -> None:
        """See LeadStore."""
        ordered = tuple(sorted(facts, key=lambda fact: (fact.provider, fact.name)))
        self._state.leads[lead_id] = replace(await self.get(lead_id), facts=ordered)

    async def page(self, lead_filter: LeadFilter, size: int, after: Position | None) -> LeadPage:
        """See LeadStore. The total is always exact."""
        matching = sorted(
            (lead for lead in self._state.leads.values() if _matches(lead, lead_filter)),
            key=lambda lead: (lead.created_at, lead.id),
            reverse=True,
        )
        behind = [
            replace(lead, facts=())
            for lead in matching
            if after is None or (lead.created_at, lead.id) < (after.created_at, after.id)
        ]
        leads = tuple(behind[:size])
        more = Position(leads[-1].created_at, leads[-1].id) if len(behind) > size else None
        return LeadPage(leads, more, len(matching))

    async def enqueue(self, task: EnrichmentTask) -> str:
        """See LeadStore."""
        job_id = str(next(self._job_ids))
        self._state.jobs[job_id] = task
        return job_id

    async def unattended(self, limit: int) -> list[Lead]:
        """See LeadStore."""
        found = (
            replace(lead, facts=())
            for lead in self._state.leads.values()
            if lead.enrichment.task_id
            and not lead.enrichment.ended
            and lead.enrichment.task_id not in self._state.jobs
        )
        return list(itertools.islice(found, limit))


class MemoryLeadStores:
    """Where units of work on leads in memory begin. Writes happen one after the other."""

    def __init__(self) -> None:
        """Begin with no leads."""
        self._state = _State()
        self._job_ids = itertools.count(1)
        self._writing = asyncio.Lock()

    @property
    def jobs(self) -> dict[str, EnrichmentTask]:
        """Jobs that are waiting, by id. Whoever carries one out takes it away."""
        return self._state.jobs

    @asynccontextmanager
    async def read(self) -> AsyncIterator[MemoryLeadStore]:
        """Open a unit of work whose changes are forgotten."""
        yield MemoryLeadStore(self._copy(), self._job_ids)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[MemoryLeadStore]:
        """Open a unit of work whose changes are kept if it ends well."""
        async with self._writing:
            changed = self._copy()
            yield MemoryLeadStore(changed, self._job_ids)
            self._state = changed

    def _copy(self) -> _State:
        return _State(copy.copy(self._state.leads), copy.copy(self._state.jobs))


def _matches(lead: Lead, wanted: LeadFilter) -> bool:
    return (wanted.is_manual is None or lead.is_manual == wanted.is_manual) and (
        wanted.enrichment_status is None or lead.enrichment.status == wanted.enrichment_status
    )
