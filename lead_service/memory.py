"""Leads in memory: the same promises as `repository`, for tests and for trying things out."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lead_service.domain import (
    NEWEST_FIRST,
    Lead,
    LeadFilter,
    LeadPage,
    Order,
    Position,
    RequestKey,
    duplicate,
)
from lead_service.facts import EnrichmentTask, Fact
from lead_service.merges import Merge
from lead_service.suggestions import Suggestion
from services.clock import Clock, utc_now
from services.errors import Aborted, AlreadyExists, NotFound


@dataclass
class _State:
    leads: dict[UUID, Lead] = field(default_factory=dict)
    jobs: dict[str, EnrichmentTask] = field(default_factory=dict)
    asked: dict[str, tuple[datetime, ...]] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], "_Answer"] = field(default_factory=dict)
    merges: dict[UUID, Merge] = field(default_factory=dict)
    past: dict[UUID, tuple[tuple[datetime, Lead], ...]] = field(default_factory=dict)


@dataclass
class _Answer:
    request_sha256: bytes
    claimed_at: datetime
    answer: bytes = b""


class MemoryLeadStore:
    """Leads inside one unit of work."""

    def __init__(self, state: _State, job_ids: Iterable[int]) -> None:
        """Speak about `state`, drawing new jobs' ids from `job_ids`."""
        self._state = state
        self._job_ids = iter(job_ids)

    async def claim(self, request: RequestKey, now: datetime) -> bytes | None:
        """See LeadStore. Writes exclude each other here, so nobody has to wait."""
        known = self._state.answers.setdefault(_name(request), _Answer(request.request_sha256, now))
        request.require_same(known.request_sha256)
        return known.answer or None

    async def settle(self, request: RequestKey, answer: bytes) -> None:
        """See LeadStore."""
        claimed = self._state.answers[_name(request)]
        self._state.answers[_name(request)] = replace(claimed, answer=answer)

    async def forget_answers(self, before: datetime) -> int:
        """See LeadStore."""
        old = [name for name, kept in self._state.answers.items() if kept.claimed_at < before]
        for name in old:
            del self._state.answers[name]
        return len(old)

    async def add(self, lead: Lead) -> None:
        """See LeadStore."""
        if lead.id in self._state.leads:
            raise AlreadyExists("lead", str(lead.id), "There is a lead with this id.")
        self._refuse_duplicate(lead)
        self._state.leads[lead.id] = replace(lead, facts=(), suggestions=())

    async def get(self, lead_id: UUID) -> Lead:
        """See LeadStore."""
        try:
            return self._state.leads[lead_id]
        except KeyError:
            raise NotFound("lead", str(lead_id)) from None

    async def get_as_of(self, lead_id: UUID, moment: datetime) -> Lead:
        """See LeadStore."""
        for since, lead in reversed(self._state.past.get(lead_id, ())):
            if since <= moment:
                return replace(lead, facts=(), suggestions=())
        raise NotFound("lead", str(lead_id))

    async def get_for_change(self, lead_id: UUID) -> Lead:
        """See LeadStore. Writes exclude each other here, so every lead is held."""
        return replace(await self.get(lead_id), facts=(), suggestions=())

    async def change(self, lead: Lead) -> Lead:
        """See LeadStore."""
        known = await self.get(lead.id)
        if known.version != lead.version:
            raise Aborted("Somebody else changed this lead. Read it again, then retry.")
        self._state.leads[lead.id] = replace(
            lead, facts=known.facts, suggestions=known.suggestions, version=lead.version + 1
        )
        return replace(lead, version=lead.version + 1)

    async def revise(self, lead: Lead) -> Lead:
        """See LeadStore."""
        self._refuse_duplicate(lead)
        return await self.change(lead)

    async def keep_merge(self, merge: Merge) -> None:
        """See LeadStore."""
        self._state.merges[merge.other_id] = merge

    async def merge_of(self, other_id: UUID) -> Merge | None:
        """See LeadStore."""
        return self._state.merges.get(other_id)

    async def forget_merge(self, other_id: UUID) -> None:
        """See LeadStore."""
        self._state.merges.pop(other_id, None)

    async def replace_facts(self, lead_id: UUID, facts: Iterable[Fact]) -> None:
        """See LeadStore."""
        ordered = tuple(sorted(facts, key=lambda fact: (fact.provider, fact.name)))
        self._state.leads[lead_id] = replace(await self.get(lead_id), facts=ordered)

    async def replace_suggestions(self, lead_id: UUID, suggestions: Iterable[Suggestion]) -> None:
        """See LeadStore."""
        ordered = tuple(sorted(suggestions, key=lambda each: (each.field, each.value)))
        self._state.leads[lead_id] = replace(await self.get(lead_id), suggestions=ordered)

    async def asked(self, subject: str) -> tuple[Sequence[datetime], int]:
        """See QuotaStore. Writes exclude each other here, so nobody has to wait."""
        running = sum(
            lead.enrichment.is_under_way and lead.enrichment.asked_by == subject
            for lead in self._state.leads.values()
        )
        return self._state.asked.get(subject, ()), running

    async def note_asked(self, subject: str, moments: Sequence[datetime]) -> None:
        """See QuotaStore."""
        self._state.asked[subject] = tuple(moments)

    async def page(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> LeadPage:
        """See LeadStore. The total is always exact."""
        leads, more = await self.following(lead_filter, size, after, order)
        total = sum(_matches(lead, lead_filter) for lead in self._state.leads.values())
        return LeadPage(leads, more, total)

    async def following(
        self, lead_filter: LeadFilter, size: int, after: Position | None, order: Order = NEWEST_FIRST
    ) -> tuple[tuple[Lead, ...], Position | None]:
        """See LeadStore."""

        def place(lead: Lead) -> tuple[Any, UUID]:
            return getattr(lead, order.key), lead.id

        def is_behind(lead: Lead) -> bool:
            if after is None:
                return True
            start = (after.value, after.id)
            return place(lead) < start if order.descending else place(lead) > start

        matching = sorted(
            (lead for lead in self._state.leads.values() if _matches(lead, lead_filter)),
            key=place,
            reverse=order.descending,
        )
        behind = [replace(lead, facts=(), suggestions=()) for lead in matching if is_behind(lead)]
        leads = tuple(behind[:size])
        return leads, Position(*place(leads[-1])) if len(behind) > size else None

    async def enqueue(self, task: EnrichmentTask) -> str:
        """See LeadStore."""
        job_id = str(next(self._job_ids))
        self._state.jobs[job_id] = task
        return job_id

    async def unattended(self, limit: int) -> list[Lead]:
        """See LeadStore."""
        found = (
            replace(lead, facts=(), suggestions=())
            for lead in self._state.leads.values()
            if lead.enrichment.is_under_way and lead.enrichment.task_id not in self._state.jobs
        )
        return list(itertools.islice(found, limit))

    def _refuse_duplicate(self, lead: Lead) -> None:
        for other in self._state.leads.values():
            if other.identity == lead.identity and other.id != lead.id and other.deleted_at is None:
                raise duplicate(lead, other.id)


class MemoryLeadStores:
    """Where units of work on leads in memory begin. Writes happen one after the other."""

    def __init__(self, clock: Clock = utc_now) -> None:
        """Begin with no leads. The clock tells since when a lead is as it is."""
        self._clock = clock
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
            now = self._clock()
            for lead_id, lead in changed.leads.items():
                if lead is not self._state.leads.get(lead_id):
                    changed.past[lead_id] = (*changed.past.get(lead_id, ()), (now, lead))
            self._state = changed

    def _copy(self) -> _State:
        return _State(*(copy.copy(each) for each in vars(self._state).values()))


def _matches(lead: Lead, wanted: LeadFilter) -> bool:
    texts = (lead.email.lower(), lead.domain.lower(), lead.name.lower())
    return all(
        (
            wanted.is_manual is None or lead.is_manual == wanted.is_manual,
            wanted.enrichment_status is None or lead.enrichment.status == wanted.enrichment_status,
            any(wanted.q.lower() in text for text in texts),
            not wanted.email or lead.email.lower() == wanted.email.lower(),
            not wanted.domain or lead.domain == wanted.domain,
            not wanted.created_by or lead.created_by == wanted.created_by,
            wanted.created_after is None or lead.created_at >= wanted.created_after,
            wanted.created_before is None or lead.created_at < wanted.created_before,
            wanted.import_id is None or lead.import_id == wanted.import_id,
            wanted.show_deleted or lead.deleted_at is None,
        )
    )


def _name(request: RequestKey) -> tuple[str, str, str]:
    return request.subject, request.method, request.key
