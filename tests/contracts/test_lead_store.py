"""Promise: leads in PostgreSQL and leads in memory keep the same promises, those of LeadStore."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lead_service.domain import (
    Draft,
    Enrichment,
    EnrichmentStatus,
    EnrichmentTask,
    FactState,
    Lead,
    LeadFilter,
    LeadStores,
    Observation,
    Position,
)
from lead_service.memory import MemoryLeadStores
from lead_service.repository import PostgresLeadStore
from services.database import Database, UnitsOfWork
from services.errors import NotFound
from services.identity import Actor, acting_as
from services.ids import uuid7

NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
SEEN = Observation("dns", "A example.com", "DNS", NOW, b"answer")
FACTS = [
    SEEN.found("mx", ["10 b.example", "5 a.example"]),
    SEEN.without("a", FactState.NOT_FOUND, "the name has no A record"),
    Observation("Dns", "x", "DNS", NOW).found("a", ["ü'\"\\{},"]),
]


@pytest.fixture(params=["postgres", "memory"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("lead_database").url if request.param == "postgres" else None


@pytest.fixture
async def stores(database_url: str | None) -> AsyncIterator[LeadStores]:
    if database_url is None:
        yield MemoryLeadStores()
        return
    database = Database(database_url, name="test")
    with acting_as(Actor("ada")):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


def new_lead(minutes: int = 0, **draft: Any) -> Lead:
    return Draft("ada@example.com", **draft).lead("ada", NOW + timedelta(minutes=minutes))


async def keep(stores: LeadStores, *leads: Lead) -> None:
    async with stores.write() as store:
        for lead in leads:
            await store.add(lead)


async def read(stores: LeadStores, lead: Lead) -> Lead:
    async with stores.read() as store:
        return await store.get(lead.id)


async def test_what_is_added_is_returned(stores: LeadStores) -> None:
    lead = new_lead(name="Ada", domain="bücher.example", is_manual=True)
    await keep(stores, lead)
    assert await read(stores, lead) == lead


async def test_an_unknown_lead_is_not_found(stores: LeadStores) -> None:
    unknown = uuid7()
    async with stores.write() as store:
        for get in (store.get, store.get_for_change):
            with pytest.raises(NotFound, match=str(unknown)):
                await get(unknown)


async def test_a_unit_of_work_that_raises_leaves_nothing(stores: LeadStores) -> None:
    lead = new_lead()
    with pytest.raises(ZeroDivisionError):
        async with stores.write() as store:
            await store.add(lead)
            await store.enqueue(EnrichmentTask(lead.id, "ada"))
            raise ZeroDivisionError
    with pytest.raises(NotFound):
        await read(stores, lead)


async def test_changes_are_kept_and_facts_stay(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    async with stores.write() as store:
        await store.replace_facts(lead.id, FACTS)
    later = NOW + timedelta(seconds=1)
    states: list[Callable[[Enrichment], Enrichment]] = [
        lambda state: state.begun(),
        lambda state: state.begun(),
        lambda state: state.failed(later, "it broke"),
    ]
    for step in states:
        async with stores.write() as store:
            current = await store.get_for_change(lead.id)
            assert current.facts == ()
            await store.change(current.with_enrichment(step(current.enrichment), later))
    changed = await read(stores, lead)
    assert changed.enrichment == Enrichment(
        EnrichmentStatus.FAILED, attempts=2, error="it broke", ended_at=later
    )
    assert changed.updated_at == later
    assert len(changed.facts) == 3


async def test_facts_are_replaced_as_one_and_ordered_by_provider_and_name(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    async with stores.write() as store:
        await store.replace_facts(lead.id, FACTS)
    assert (await read(stores, lead)).facts == (FACTS[2], FACTS[1], FACTS[0])
    with pytest.raises(ZeroDivisionError):
        async with stores.write() as store:
            await store.replace_facts(lead.id, [])
            raise ZeroDivisionError
    assert len((await read(stores, lead)).facts) == 3
    async with stores.write() as store:
        await store.replace_facts(lead.id, FACTS[:1])
    assert (await read(stores, lead)).facts == (FACTS[0],)
    async with stores.write() as store:
        await store.replace_facts(lead.id, [])
    assert (await read(stores, lead)).facts == ()


async def pages(stores: LeadStores, wanted: LeadFilter, size: int) -> list[Lead]:
    found: list[Lead] = []
    after: Position | None = None
    while True:
        async with stores.read() as store:
            page = await store.page(wanted, size, after)
        assert len(page.leads) <= size
        found += page.leads
        if page.next is None:
            return found
        assert len(page.leads) == size
        after = page.next


async def test_walking_the_pages_shows_each_lead_once_newest_first(stores: LeadStores) -> None:
    # Times repeat, so that ids have to decide.
    leads = [new_lead(minutes=number // 3) for number in range(20)]
    await keep(stores, *leads)
    async with stores.write() as store:
        await store.replace_facts(leads[0].id, FACTS)
    ordered = sorted(leads, key=lambda lead: (lead.created_at, lead.id), reverse=True)
    for size in (1, 3, 19, 20, 21):
        assert await pages(stores, LeadFilter(), size) == ordered


async def test_a_lead_added_while_walking_disturbs_nobody(stores: LeadStores) -> None:
    leads = [new_lead(minutes=number) for number in range(4)]
    await keep(stores, *leads)
    async with stores.read() as store:
        first = await store.page(LeadFilter(), 2, None)
    await keep(stores, new_lead(minutes=9))
    async with stores.read() as store:
        second = await store.page(LeadFilter(), 2, first.next)
    assert [*first.leads, *second.leads] == leads[::-1]
    assert second.next is None
    assert second.total_estimate == 5


async def test_filters_select_and_count(stores: LeadStores) -> None:
    manual, imported, failed = new_lead(0, is_manual=True), new_lead(1), new_lead(2, is_manual=True)
    failed = failed.with_enrichment(failed.enrichment.begun().failed(NOW, "no"), NOW)
    await keep(stores, manual, imported, failed)
    pending = EnrichmentStatus.PENDING
    for wanted, expected in [
        (LeadFilter(), [failed, imported, manual]),
        (LeadFilter(is_manual=True), [failed, manual]),
        (LeadFilter(is_manual=False), [imported]),
        (LeadFilter(enrichment_status=pending), [imported, manual]),
        (LeadFilter(is_manual=True, enrichment_status=pending), [manual]),
        (LeadFilter(enrichment_status=EnrichmentStatus.COMPLETED), []),
    ]:
        async with stores.read() as store:
            page = await store.page(wanted, 10, None)
        assert list(page.leads) == expected
        assert (page.total_estimate, page.next) == (len(expected), None)


async def test_a_look_up_is_attended_exactly_as_long_as_its_job_lives(stores: LeadStores) -> None:
    lead, finished, never_asked = new_lead(0), new_lead(1), new_lead(2)
    async with stores.write() as store:
        task_id = await store.enqueue(EnrichmentTask(lead.id, "ada"))
        assert task_id
        lead = lead.with_enrichment(Enrichment(task_id=task_id), NOW)
        done = Enrichment(task_id="987654321").begun().completed(NOW)
        for each in (lead, finished.with_enrichment(done, NOW), never_asked):
            await store.add(each)
        assert await store.unattended(10) == []
    lost = new_lead(3)
    lost = lost.with_enrichment(Enrichment(task_id="123456789").begun(), NOW)
    await keep(stores, lost)
    async with stores.write() as store:
        assert await store.unattended(10) == [lost]
        assert await store.unattended(0) == []


async def test_two_who_change_one_lead_wait_for_each_other(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)

    async def begin() -> None:
        async with stores.write() as store:
            current = await store.get_for_change(lead.id)
            await asyncio.sleep(0.01)
            await store.change(current.with_enrichment(current.enrichment.begun(), NOW))

    await asyncio.gather(*(begin() for _ in range(5)))
    assert (await read(stores, lead)).enrichment.attempts == 5
