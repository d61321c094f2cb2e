"""Promise: nobody but an admin has more look-ups than the quota, however many processes are asked at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from lead_service import leads, lookups
from lead_service.domain import Draft, LeadStores
from lead_service.memory import MemoryLeadStores
from lead_service.quota import Quota
from lead_service.repository import PostgresLeadStore
from services.database import Database, UnitsOfWork
from services.errors import AlreadyExists, ResourceExhausted
from services.identity import Actor, acting_as
from tests.fixtures.postgres import TestDatabase

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ADA = Actor("ada", frozenset({"operator"}))
BOB = Actor("bob", frozenset({"operator"}))
ROOT = Actor("root", frozenset({"admin"}))
WORKER = Actor("system:report-worker", workload="report-worker")


@pytest.fixture(params=["postgres", "memory"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("lead_database").url if request.param == "postgres" else None


@pytest.fixture
async def stores(database_url: str | None) -> AsyncIterator[LeadStores]:
    if database_url is None:
        yield MemoryLeadStores()
        return
    database = Database(database_url, name="test", pool_size=40)
    with acting_as(ADA):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


async def add(
    stores: LeadStores, number: int, quota: Quota, *, actor: Actor = ADA, at: datetime = NOW
) -> ResourceExhausted | None:
    draft = Draft(f"{actor.subject[:3]}-{number}@example.com")
    try:
        await leads.quick_add(stores, draft, actor, quota, lambda: at)
    except ResourceExhausted as refused:
        return refused
    return None


async def test_of_thirty_two_requests_at_once_as_many_pass_as_the_hour_allows(stores: LeadStores) -> None:
    outcomes = await asyncio.gather(*(add(stores, number, Quota(hourly=5)) for number in range(32)))
    assert outcomes.count(None) == 5
    refused = next(each for each in outcomes if each)
    assert refused.reason == "ENRICHMENT_QUOTA_EXCEEDED"
    assert refused.metadata == {"quota": "hourly", "limit": "5", "used": "5"}
    assert refused.retry_after == 3600


async def test_of_thirty_two_requests_at_once_as_many_pass_as_may_be_under_way(stores: LeadStores) -> None:
    outcomes = await asyncio.gather(*(add(stores, number, Quota(at_once=5)) for number in range(32)))
    assert outcomes.count(None) == 5
    refused = next(each for each in outcomes if each)
    assert refused.metadata == {"quota": "at_once", "limit": "5", "used": "5"}
    assert refused.retry_after == 10


async def test_two_processes_count_together(lead_database: TestDatabase) -> None:
    databases = [Database(lead_database.url, name="test", pool_size=16) for _ in range(2)]
    with acting_as(ADA):
        both = [UnitsOfWork(each, PostgresLeadStore) for each in databases]
        outcomes = await asyncio.gather(
            *(add(both[number % 2], number, Quota(hourly=7)) for number in range(32))
        )
    assert outcomes.count(None) == 7
    for each in databases:
        await each.close()


async def test_an_hour_later_there_is_room_again(stores: LeadStores) -> None:
    quota = Quota(hourly=2)
    for number in range(2):
        assert await add(stores, number, quota, at=NOW + timedelta(minutes=10 * number)) is None
    refused = await add(stores, 2, quota, at=NOW + timedelta(minutes=30))
    assert refused is not None
    assert refused.retry_after == 30 * 60
    assert await add(stores, 2, quota, at=NOW + timedelta(minutes=60)) is None
    assert await add(stores, 3, quota, at=NOW + timedelta(minutes=69)) is not None


async def test_each_person_has_a_quota_and_admins_and_processes_have_none(stores: LeadStores) -> None:
    quota = Quota(hourly=1, at_once=1)
    assert await add(stores, 1, quota) is None
    assert await add(stores, 2, quota) is not None
    assert await add(stores, 1, quota, actor=BOB) is None
    for actor in (ROOT, WORKER):
        for number in range(3):
            assert await add(stores, number, quota, actor=actor) is None


async def test_a_request_that_comes_to_nothing_is_not_counted(stores: LeadStores) -> None:
    quota = Quota(hourly=2)
    assert await add(stores, 1, quota) is None
    for _ in range(3):
        with pytest.raises(AlreadyExists):
            await add(stores, 1, quota)
    assert await add(stores, 2, quota) is None


async def test_a_look_up_that_ended_makes_room_for_another(stores: LeadStores) -> None:
    quota = Quota(at_once=1)
    lead = await leads.quick_add(stores, Draft("ada@example.com"), ADA, quota, lambda: NOW)
    # Its own look-up is returned, not counted again.
    assert await lookups.ask(stores, lead.id, (), ADA, quota, lambda: NOW) == lead
    assert await add(stores, 1, quota) is not None
    async with stores.write() as store:
        current = await store.get_for_change(lead.id)
        ended = current.enrichment.begun().completed(NOW)
        await store.change(current.with_enrichment(ended, NOW))
    again = await lookups.ask(stores, lead.id, (), ADA, quota, lambda: NOW)
    assert again.enrichment.is_under_way
    assert await add(stores, 1, quota) is not None


def test_a_refusal_names_when_enough_of_the_past_is_past() -> None:
    """Also after the limit was lowered below what has been asked already."""

    class Store:
        async def asked(self, subject: str) -> tuple[list[datetime], int]:
            return [NOW - timedelta(minutes=each) for each in (50, 40, 30, 70)], 0

        async def note_asked(self, subject: str, moments: object) -> None:
            raise AssertionError("nothing is counted")

    with pytest.raises(ResourceExhausted) as refused:
        asyncio.run(Quota(hourly=2).charge(Store(), ADA, NOW))
    assert refused.value.retry_after == 20 * 60
    assert refused.value.metadata["used"] == "3"
