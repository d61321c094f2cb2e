"""Promise: a look-up always ends, whatever breaks, and each of its facts replaces the one before."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from lead_service.domain import Draft, Lead
from lead_service.enrichment import enrich, look_up, requeue_unattended
from lead_service.facts import (
    MAX_ATTEMPTS,
    EnrichmentStatus,
    EnrichmentTask,
    Fact,
    FactState,
    Observation,
    Provider,
    Subject,
)
from lead_service.jobs import LeadJobs
from lead_service.leads import create, get, quick_add
from lead_service.memory import MemoryLeadStore, MemoryLeadStores
from lead_service.quota import STANDARD
from services.identity import Actor, current_actor
from services.jobs import Job

WORKER = Actor("system:lead-worker", workload="lead-worker")
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

EXAMPLE = Subject("example.com", "ada@example.com")


def clock() -> datetime:
    return NOW


@dataclass
class Oracle:
    """A provider that answers, breaks or dawdles as it is told."""

    answers: list[Sequence[str] | Exception | float] = field(default_factory=list)
    name: str = "oracle"
    timeout_seconds: float = 0.05
    asked: int = 0
    actors: list[str] = field(default_factory=list)

    async def look_up(self, subject: Subject) -> list[Fact]:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else ["yes"]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return []
        return [self._seen(subject.domain).found(value, [value]) for value in answer]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        return [self._seen(subject.domain).without("yes", state, reason)]

    def _seen(self, domain: str) -> Observation:
        return Observation(self.name, domain, "ASKING", NOW)


class Slow(Oracle):
    """A provider that answers with one value, after a while."""

    def __init__(self, value: str, seconds: float) -> None:
        super().__init__(timeout_seconds=10)
        self._value, self._seconds = value, seconds

    async def look_up(self, domain: str) -> list[Fact]:
        await asyncio.sleep(self._seconds)
        return [self._seen(domain).found("answer", [self._value])]


class Breaking(MemoryLeadStore):
    """A store that cannot keep facts."""

    async def replace_facts(self, *_: object) -> None:
        raise OSError("the disk is gone")


@pytest.fixture
def stores() -> MemoryLeadStores:
    return MemoryLeadStores()


async def added(stores: MemoryLeadStores, name: str = "ada") -> Lead:
    draft = Draft(f"{name}@example.com", is_manual=True)
    return await quick_add(stores, draft, Actor("ada"), STANDARD, clock)


async def run(stores: MemoryLeadStores, lead: Lead, *providers: Provider, task_id: str = "") -> Lead:
    await enrich(
        stores, providers, lead.id, task_id or lead.enrichment.task_id, budget_seconds=1, clock=clock
    )
    return await get(stores, lead.id, WORKER)


async def test_a_quick_added_lead_is_pending_and_its_job_waits(stores: MemoryLeadStores) -> None:
    lead = await added(stores)
    assert lead.enrichment.status is EnrichmentStatus.PENDING
    assert stores.jobs == {lead.enrichment.task_id: EnrichmentTask(lead.id, "ada")}


async def test_a_created_lead_asks_for_no_look_up(stores: MemoryLeadStores) -> None:
    lead = await create(stores, Draft("ada@example.com"), "ada", clock)
    assert (lead.enrichment.task_id, stores.jobs) == ("", {})


async def test_a_look_up_ends_completed_with_its_facts(stores: MemoryLeadStores) -> None:
    lead = await run(stores, await added(stores), Oracle([["b", "a"]]))
    assert lead.enrichment.status is EnrichmentStatus.COMPLETED
    assert [fact.name for fact in lead.facts] == ["a", "b"]
    assert lead.enrichment.ended_at == NOW


async def test_a_job_that_comes_twice_is_carried_out_once(stores: MemoryLeadStores) -> None:
    oracle = Oracle()
    lead = await run(stores, await added(stores), oracle)
    assert await run(stores, lead, oracle) == lead
    assert oracle.asked == 1


async def test_a_job_of_another_request_is_left_alone(stores: MemoryLeadStores) -> None:
    oracle = Oracle()
    lead = await run(stores, await added(stores), oracle, task_id="999")
    assert lead.enrichment.status is EnrichmentStatus.PENDING
    assert oracle.asked == 0


async def test_a_job_whose_lead_is_gone_does_nothing(stores: MemoryLeadStores) -> None:
    lead = Draft("ada@example.com").lead("ada", NOW)
    await enrich(stores, [], lead.id, "1", budget_seconds=1, clock=clock)


async def test_a_killed_look_up_is_taken_up_again(stores: MemoryLeadStores) -> None:
    lead = await added(stores)
    killed = asyncio.create_task(run(stores, lead, Oracle([10.0], timeout_seconds=10)))
    while (await get(stores, lead.id, WORKER)).enrichment.status is not EnrichmentStatus.IN_PROGRESS:  # noqa: ASYNC110
        await asyncio.sleep(0)
    killed.cancel()
    await asyncio.wait([killed])
    assert (await get(stores, lead.id, WORKER)).enrichment.status is EnrichmentStatus.IN_PROGRESS
    assert (await run(stores, lead, Oracle())).enrichment.status is EnrichmentStatus.COMPLETED


async def begun(stores: MemoryLeadStores, lead: Lead, provider: Provider) -> asyncio.Task[Lead]:
    before = (await get(stores, lead.id, WORKER)).enrichment.attempts
    task = asyncio.create_task(run(stores, lead, provider))
    while (await get(stores, lead.id, WORKER)).enrichment.attempts == before:  # noqa: ASYNC110
        await asyncio.sleep(0)
    return task


async def test_a_stalled_attempt_keeps_nothing_once_another_has_begun(stores: MemoryLeadStores) -> None:
    lead = await added(stores)
    stalled = await begun(stores, lead, Slow("stalled", 0.02))
    ended = await (await begun(stores, lead, Slow("taken over", 0.1)))
    assert stalled.done()
    assert [fact.values for fact in ended.facts] == [("taken over",)]
    assert ended.enrichment.attempts == 2


async def test_a_stalled_attempt_does_not_end_a_look_up_that_was_asked_for_later(
    stores: MemoryLeadStores,
) -> None:
    lead = await added(stores)
    stalled = await begun(stores, lead, Slow("stalled", 0.1))
    await run(stores, lead, Slow("first", 0))
    async with stores.write() as leads:
        current = await leads.get_for_change(lead.id)
        again = current.enrichment.requested("77", "ada").begun()
        await leads.change(current.with_enrichment(again, NOW))
    after = await stalled
    assert after.enrichment == again
    assert [fact.values for fact in after.facts] == [("first",)]


async def test_a_look_up_that_is_killed_every_time_ends_failed(stores: MemoryLeadStores) -> None:
    lead = await added(stores)
    for _ in range(MAX_ATTEMPTS):
        async with stores.write() as leads:
            current = await leads.get_for_change(lead.id)
            await leads.change(current.with_enrichment(current.enrichment.begun(), NOW))
    oracle = Oracle()
    ended = (await run(stores, lead, oracle)).enrichment
    assert ended.status is EnrichmentStatus.FAILED
    assert ended.error == "the look-up was begun 5 times and never came to an end"
    assert oracle.asked == 0


async def test_what_breaks_is_tried_again_and_at_last_told(
    stores: MemoryLeadStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await added(stores)
    monkeypatch.setattr("lead_service.memory.MemoryLeadStore", Breaking)
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(OSError, match="the disk is gone"):
            await run(stores, lead, Oracle())
    ended = (await run(stores, lead, Oracle())).enrichment
    assert (ended.status, ended.error) == (
        EnrichmentStatus.FAILED,
        "the look-up broke: the disk is gone",
    )
    assert ended.attempts == MAX_ATTEMPTS


async def test_a_provider_that_breaks_costs_its_own_facts_only(stores: MemoryLeadStores) -> None:
    broken = Oracle([ZeroDivisionError()], name="broken")
    lead = await run(stores, await added(stores), broken, Oracle())
    assert lead.enrichment.status is EnrichmentStatus.COMPLETED
    assert {fact.provider: (fact.state, fact.reason) for fact in lead.facts} == {
        "broken": (FactState.ERROR, "the answer could not be understood (ZeroDivisionError)"),
        "oracle": (FactState.FOUND, ""),
    }


async def test_a_provider_that_dawdles_is_unreachable_and_does_not_hold_up_the_others() -> None:
    facts = await look_up([Oracle([10.0], name="slow"), Oracle()], EXAMPLE, 1)
    assert [(fact.provider, fact.state) for fact in facts] == [
        ("slow", FactState.UNREACHABLE),
        ("oracle", FactState.FOUND),
    ]
    assert facts[0].reason == "slow came to no end within 0.05 s"


async def test_the_budget_binds_every_provider() -> None:
    (fact,) = await look_up([Oracle([10.0], timeout_seconds=100)], EXAMPLE, 0.01)
    assert fact.reason == "oracle came to no end within 0.01 s"


async def test_a_look_up_that_lost_its_job_gets_another_one_and_others_go_on(
    stores: MemoryLeadStores,
) -> None:
    waiting, lost = await added(stores), await added(stores, "bob")
    never_asked = await create(stores, Draft("cy@example.com"), "ada", clock)
    del stores.jobs[lost.enrichment.task_id]
    assert await requeue_unattended(stores, clock) == 1
    assert await requeue_unattended(stores, clock) == 0
    again = await get(stores, lost.id, WORKER)
    assert again.enrichment.task_id != lost.enrichment.task_id
    assert stores.jobs[again.enrichment.task_id] == EnrichmentTask(lost.id, "ada")
    for lead in (waiting, never_asked):
        assert (await get(stores, lead.id, WORKER)).enrichment == lead.enrichment
    oracle = Oracle()
    assert (await run(stores, lost, oracle)).enrichment == again.enrichment
    assert oracle.asked == 0
    assert (await run(stores, again, oracle)).enrichment.status is EnrichmentStatus.COMPLETED


@pytest.mark.parametrize("begins", [True, False])
async def test_a_look_up_whose_jobs_are_lost_every_time_ends_failed(
    stores: MemoryLeadStores, begins: bool
) -> None:
    lead = await added(stores)
    for _ in range(MAX_ATTEMPTS):
        if begins:
            async with stores.write() as leads:
                current = await leads.get_for_change(lead.id)
                await leads.change(current.with_enrichment(current.enrichment.begun(), NOW))
        stores.jobs.clear()
        assert await requeue_unattended(stores, clock) == 1
    if not begins:
        stores.jobs.clear()
        assert await requeue_unattended(stores, clock) == 1
    ended = (await get(stores, lead.id, WORKER)).enrichment
    assert (ended.status, ended.error) == (
        EnrichmentStatus.FAILED,
        "the look-up lost its job, and was tried 5 times",
    )
    assert stores.jobs == {}


async def test_a_worker_acts_for_whoever_asked(stores: MemoryLeadStores) -> None:
    class Curious(Oracle):
        async def look_up(self, subject: Subject) -> list[Fact]:
            actor = current_actor()
            self.actors += [actor.subject, str(actor.workload)]
            return await super().look_up(subject)

    lead, curious = await added(stores), Curious()
    jobs = LeadJobs(stores, [curious], budget_seconds=1, clock=clock)
    await jobs.enrich(Job(lead.enrichment.task_id, EnrichmentTask(lead.id, "ada").to_bytes(), 0))
    assert curious.actors == ["ada", "lead-worker"]


async def test_sweeping_stops_when_it_is_told_to(stores: MemoryLeadStores) -> None:
    lead = await added(stores)
    stores.jobs.clear()
    stop = asyncio.Event()
    sweeping = asyncio.create_task(LeadJobs(stores, [], budget_seconds=1, clock=clock).sweep(stop))
    while not stores.jobs:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert (await get(stores, lead.id, WORKER)).enrichment.task_id in stores.jobs
    stop.set()
    await asyncio.wait_for(sweeping, 5)
