"""Promise: of two leads one is made, with the values chosen, and two again; in PostgreSQL and in memory."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from sqlalchemy import text

from lead_service import leads, merging
from lead_service.domain import EDITABLE, Draft, Lead, LeadStores
from lead_service.facts import Enrichment, EnrichmentStatus, EnrichmentTask
from lead_service.memory import MemoryLeadStores
from lead_service.quota import STANDARD
from lead_service.repository import PostgresLeadStore
from services.database import Database, UnitsOfWork
from services.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ServiceError,
)
from services.identity import Actor, acting_as
from services.ids import uuid7
from tests.contracts.leads import ADA, FACTS, keep, new_lead, read
from tests.fixtures.postgres import TestDatabase

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHOICES = [
    frozenset(each)
    for each in chain.from_iterable(combinations(EDITABLE, size) for size in range(len(EDITABLE) + 1))
]


@pytest.fixture(params=["postgres", "memory"])
def url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("lead_database").url if request.param == "postgres" else None


@pytest.fixture
async def stores(url: str | None) -> AsyncIterator[LeadStores]:
    if url is None:
        yield MemoryLeadStores()
        return
    database = Database(url, name="test", pool_size=40)
    with acting_as(Actor("ada")):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


def clock() -> datetime:
    return NOW


async def two(stores: LeadStores) -> tuple[Lead, Lead]:
    """Keep two leads that differ in everything; only the second was looked up."""
    mine = new_lead(name="Ada", is_manual=True)
    theirs = replace(
        new_lead(domain="other.example", name="Grace"),
        enrichment=Enrichment(EnrichmentStatus.COMPLETED, "7", 1, "", NOW - timedelta(hours=1)),
    )
    await keep(stores, mine, theirs)
    async with stores.write() as store:
        await store.replace_facts(mine.id, FACTS[:1])
        await store.replace_facts(theirs.id, FACTS[1:])
    return await read(stores, mine), await read(stores, theirs)


async def merge(
    stores: LeadStores, mine: Lead, theirs: Lead, taken: Collection[str] = (), **etags: Any
) -> Lead:
    given = {"etags": (), "other_etags": (), **etags}
    return await merging.merge(stores, mine.id, theirs.id, taken, **given, clock=clock)


async def unmerge(stores: LeadStores, lead: Lead, etags: Collection[str] = ()) -> Lead:
    return await merging.unmerge(stores, lead.id, etags, clock)


async def edit(stores: LeadStores, lead: Lead, **values: Any) -> Lead:
    draft = Draft(**{"email": lead.email, **values})
    return await leads.update(stores, lead.id, draft, values, (), ADA, STANDARD, clock)


def values(lead: Lead) -> Lead:
    """What of a lead a merge and its undoing leave alone: everything but how often it was written."""
    return replace(lead, version=0, updated_at=NOW)


async def unchanged(stores: LeadStores, *before: Lead) -> bool:
    return [await read(stores, each) for each in before] == [*before]


@pytest.mark.parametrize("taken", CHOICES, ids=lambda taken: "+".join(sorted(taken)) or "none")
async def test_the_lead_that_stays_has_the_values_chosen_and_both_are_restored(
    stores: LeadStores,
    taken: frozenset[str],
) -> None:
    mine, theirs = await two(stores)
    merged = await merge(stores, mine, theirs, taken)
    assert merged == await read(stores, mine)
    for name in EDITABLE:
        assert getattr(merged, name) == getattr(theirs if name in taken else mine, name)
    # What is known is about the domain.
    source = theirs if "domain" in taken else mine
    assert (merged.enrichment, merged.facts) == (source.enrichment, source.facts)
    gone = await read(stores, theirs)
    assert (gone.deleted_at, gone.merged_into) == (NOW, mine.id)
    assert values(replace(gone, deleted_at=None, merged_into=None)) == values(theirs)
    assert await unmerge(stores, theirs) == await read(stores, theirs)
    for before in (mine, theirs):
        assert values(await read(stores, before)) == values(before)
    # Once more, to see that nothing was left behind.
    await merge(stores, mine, theirs, taken)


async def test_who_takes_nothing_is_not_written(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    assert (await merge(stores, mine, theirs)).etag == mine.etag


async def test_one_lead_is_not_two(stores: LeadStores) -> None:
    mine, _ = await two(stores)
    with pytest.raises(InvalidArgument) as refused:
        await merge(stores, mine, mine)
    assert refused.value.violations[0].reason == "SAME_LEAD"
    unknown = replace(mine, id=uuid7())
    for pair in ((mine, unknown), (unknown, mine)):
        with pytest.raises(NotFound):
            await merge(stores, *pair)
    with pytest.raises(NotFound):
        await unmerge(stores, unknown)
    assert await unchanged(stores, mine)


async def test_what_is_gone_is_not_merged(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    third = new_lead()
    await keep(stores, third)
    await leads.delete(stores, third.id, (), clock)
    third = await read(stores, third)
    for pair in ((mine, third), (third, mine)):
        with pytest.raises(FailedPrecondition) as refused:
            await merge(stores, *pair)
        assert (refused.value.reason, refused.value.metadata["id"]) == ("LEAD_DELETED", str(third.id))
    await merge(stores, mine, theirs)
    for pair in ((mine, theirs), (theirs, mine)):
        with pytest.raises(FailedPrecondition) as refused:
            await merge(stores, *pair)
        assert refused.value.reason == "LEAD_MERGED"
        assert refused.value.metadata == {"id": str(theirs.id), "merged_into": str(mine.id)}


async def test_a_merged_lead_is_neither_edited_nor_undeleted_alone(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    await merge(stores, mine, theirs)
    gone = await read(stores, theirs)
    with pytest.raises(FailedPrecondition, match="merged into"):
        await leads.undelete(stores, theirs.id, (), clock)
    with pytest.raises(FailedPrecondition, match="merged into"):
        await edit(stores, theirs, name="x")
    assert await leads.delete(stores, theirs.id, (), clock) == gone
    assert await unchanged(stores, gone)


async def test_what_was_never_merged_is_not_taken_apart(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    await merge(stores, mine, theirs)
    for each in (mine, new_lead()):
        if each is not mine:
            await keep(stores, each)
        with pytest.raises(FailedPrecondition) as refused:
            await unmerge(stores, each)
        assert refused.value.reason == "NOT_MERGED"
    await unmerge(stores, theirs)
    with pytest.raises(FailedPrecondition):
        await unmerge(stores, theirs)


async def test_nobody_is_merged_whom_the_caller_knows_otherwise(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    for etags in ({"etags": {theirs.etag}}, {"other_etags": {mine.etag}}):
        with pytest.raises(Aborted) as refused:
            await merge(stores, mine, theirs, **etags)
        assert refused.value.reason == "ETAG_MISMATCH"
    assert await unchanged(stores, mine, theirs)
    await merge(stores, mine, theirs, etags={mine.etag}, other_etags={theirs.etag})
    with pytest.raises(Aborted):
        await unmerge(stores, theirs, {theirs.etag})
    await unmerge(stores, theirs, {(await read(stores, theirs)).etag})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"email": "new@example.com"}, "email"),
        ({"domain": "new.example"}, "domain"),
        ({"name": "New"}, "name"),
        ({"is_manual": False}, "is_manual"),
        ({"name": "New", "is_manual": False}, "name,is_manual"),
        (None, "delete_time"),
    ],
)
async def test_what_has_changed_since_is_named_and_nothing_is_touched(
    stores: LeadStores,
    change: dict[str, Any] | None,
    named: str,
) -> None:
    mine, theirs = await two(stores)
    await merge(stores, mine, theirs)
    if change is None:
        await leads.delete(stores, mine.id, (), clock)
    else:
        await edit(stores, mine, **change)
    before = [await read(stores, each) for each in (mine, theirs)]
    with pytest.raises(FailedPrecondition) as refused:
        await unmerge(stores, theirs)
    assert refused.value.reason == "CHANGED_SINCE_MERGE"
    assert refused.value.metadata == {"id": str(mine.id), "fields": named}
    assert await unchanged(stores, *before)


async def test_a_lead_that_goes_on_into_a_third_has_changed(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    third = new_lead()
    await keep(stores, third)
    await merge(stores, mine, theirs)
    await merge(stores, third, mine)
    with pytest.raises(FailedPrecondition):
        await unmerge(stores, theirs)
    await unmerge(stores, mine)
    await unmerge(stores, theirs)
    for before in (mine, theirs, third):
        assert values(await read(stores, before)) == values(before)


async def test_a_look_up_since_has_changed_what_the_merge_moved_only(stores: LeadStores) -> None:
    for taken, refused in (({"name"}, False), ({"domain"}, True)):
        mine, theirs = await two(stores)
        await merge(stores, mine, theirs, taken)
        async with stores.write() as store:
            lead = await store.get_for_change(mine.id)
            await store.change(
                lead.with_enrichment(Enrichment(EnrichmentStatus.FAILED, "9", 1, "x", NOW), NOW)
            )
        if refused:
            with pytest.raises(FailedPrecondition) as told:
                await unmerge(stores, theirs)
            assert told.value.metadata["fields"] == "enrichment"
        else:
            await unmerge(stores, theirs)


@pytest.mark.parametrize("whose", ["mine", "theirs"])
async def test_a_domain_is_not_taken_while_it_is_looked_up(stores: LeadStores, whose: str) -> None:
    mine, theirs = await two(stores)
    busy = mine if whose == "mine" else theirs
    async with stores.write() as store:
        task_id = await store.enqueue(EnrichmentTask(busy.id, "ada"))
        lead = await store.get_for_change(busy.id)
        await store.change(replace(lead, enrichment=Enrichment(task_id=task_id)))
    before = [await read(stores, each) for each in (mine, theirs)]
    with pytest.raises(FailedPrecondition) as refused:
        await merge(stores, mine, theirs, {"domain"})
    assert refused.value.reason == "ENRICHMENT_UNDER_WAY"
    assert await unchanged(stores, *before)
    await merge(stores, mine, theirs, {"email", "name"})


async def test_a_third_lead_in_the_way_is_named_and_nothing_is_touched(stores: LeadStores) -> None:
    mine, theirs = await two(stores)
    third = new_lead(email=theirs.email, domain=mine.domain)
    await keep(stores, third)
    with pytest.raises(AlreadyExists) as refused:
        await merge(stores, mine, theirs, {"email"})
    assert refused.value.metadata["name"] == str(third.id)
    assert await unchanged(stores, mine, theirs)
    await merge(stores, mine, theirs, {"name"})
    taker = new_lead(email=theirs.email, domain=theirs.domain)
    await keep(stores, taker)
    before = [await read(stores, each) for each in (mine, theirs)]
    with pytest.raises(AlreadyExists) as refused:
        await unmerge(stores, theirs)
    assert refused.value.metadata["name"] == str(taker.id)
    assert await unchanged(stores, *before)


async def test_of_merges_in_both_directions_one_succeeds(stores: LeadStores) -> None:
    pairs = [await two(stores) for _ in range(12)]

    async def attempt(mine: Lead, theirs: Lead) -> str:
        try:
            await merge(stores, mine, theirs, {"email", "domain"})
        except ServiceError as error:
            return error.reason
        return "merged"

    outcomes = await asyncio.gather(*(attempt(*each) for pair in pairs for each in (pair, pair[::-1])))
    # Who waited in a circle would have been told ABORTED.
    assert sorted(outcomes) == ["LEAD_MERGED"] * len(pairs) + ["merged"] * len(pairs)


async def test_erasing_either_forgets_the_merge(lead_database: TestDatabase) -> None:
    database = Database(lead_database.url, name="test")
    kept = UnitsOfWork(database, PostgresLeadStore)
    with acting_as(Actor("ada")):
        for erased in (0, 1):
            pair = await two(kept)
            await merge(kept, *pair, {"domain"})
            async with database.write() as session:
                await session.execute(text("SELECT lead_audit_erase(:id)"), {"id": pair[erased].id})
            async with database.read() as session:
                assert await session.scalar(text("SELECT count(*) FROM lead_merges")) == 0
            left = await read(kept, pair[1 - erased])
            assert left.merged_into is None
    await database.close()
