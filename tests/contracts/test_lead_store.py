"""Promise: leads in PostgreSQL and leads in memory keep the same promises, those of LeadStore."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from lead_service.domain import (
    Draft,
    LeadFilter,
    LeadStores,
)
from lead_service.facts import Enrichment, EnrichmentStatus, EnrichmentTask, Observation
from lead_service.suggestions import SuggestionState, drawn
from services.clock import utc_now
from services.errors import AlreadyExists, NotFound
from services.ids import uuid7
from tests.contracts.leads import FACTS, NOW, keep, new_lead, pages, read


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


async def test_a_lead_as_of_a_moment_is_what_it_was_then(stores: LeadStores) -> None:
    before, lead = utc_now(), new_lead(name="Ada")
    await keep(stores, lead)
    seen = [(utc_now(), lead)]
    for changes in ({"name": "Grace"}, {"deleted_at": NOW}, {"deleted_at": None, "updated_at": NOW}):
        async with stores.write() as inside:
            await inside.replace_facts(lead.id, FACTS)
            lead = await inside.change(replace(lead, **changes))  # type: ignore[arg-type]
        seen.append((utc_now(), lead))
    async with stores.read() as inside:
        for moment, then in seen:
            assert await inside.get_as_of(lead.id, moment) == then
        for lead_id, moment in ((lead.id, before), (uuid7(), utc_now())):
            with pytest.raises(NotFound):
                await inside.get_as_of(lead_id, moment)


async def test_no_two_living_leads_share_address_and_domain(stores: LeadStores) -> None:
    first = new_lead(email="ada@example.com")
    await keep(stores, first)
    with pytest.raises(AlreadyExists) as refused:
        await keep(stores, new_lead(email="ADA@example.com"))
    assert refused.value.metadata == {"resource": "lead", "name": str(first.id)}
    elsewhere = new_lead(email="ada@example.com", domain="other.example")
    await keep(stores, elsewhere)
    with pytest.raises(AlreadyExists) as refused:
        async with stores.write() as store:
            await store.revise(elsewhere.revised(Draft("", first.domain), ["domain"], NOW))
    assert refused.value.metadata["name"] == str(first.id)
    assert await read(stores, elsewhere) == elsewhere


SAME_OWNER = [
    ("example.com", "www.example.com"),
    ("www.example.com", "shop.example.com"),
    ("example.co.uk", "a.b.example.co.uk"),
    ("bücher.example", "www.bücher.example"),
]
OTHER_OWNER = [("a.co.uk", "b.co.uk"), ("ada.github.io", "bob.github.io"), ("example.com", "example.org")]


@pytest.mark.parametrize(("domain", "other"), SAME_OWNER)
async def test_a_lead_stands_for_the_whole_registrable_domain(
    stores: LeadStores, domain: str, other: str
) -> None:
    first = new_lead(email="ada@example.com", domain=domain)
    elsewhere = new_lead(email="Ada@Example.com", domain="elsewhere.example")
    await keep(stores, first, elsewhere)
    assert await read(stores, first) == first
    with pytest.raises(AlreadyExists) as refused:
        await keep(stores, new_lead(email="ADA@example.com", domain=other))
    assert refused.value.metadata["name"] == str(first.id)
    with pytest.raises(AlreadyExists) as refused:
        async with stores.write() as store:
            await store.revise(elsewhere.revised(Draft("", other), ["domain"], NOW))
    assert refused.value.metadata["name"] == str(first.id)
    # To another name of the same owner a lead may move.
    async with stores.write() as store:
        moved = await store.revise(first.revised(Draft("", other), ["domain"], NOW))
    assert moved.domain == new_lead(domain=other).domain
    assert await read(stores, first) == moved


@pytest.mark.parametrize(("domain", "other"), OTHER_OWNER)
async def test_domains_that_are_registered_apart_are_apart(
    stores: LeadStores, domain: str, other: str
) -> None:
    await keep(
        stores,
        new_lead(email="ada@example.com", domain=domain),
        new_lead(email="ada@example.com", domain=other),
    )


async def test_suggestions_are_replaced_as_one_and_stay_when_the_lead_changes(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    page = Observation("homepage", "https://example.com/", "HTTP GET", NOW, b"page")
    found = drawn(
        [page.found("title", ["Zoë"]), page.found("final_url", ["https://new.example/"])], "", lead.domain
    )
    other = drawn([page.found("title", ["ada"])], "", lead.domain)[0]
    decided = other.decided(SuggestionState.DISMISSED, "ada", NOW)
    async with stores.write() as store:
        await store.replace_suggestions(lead.id, [*found, decided])
    known = await read(stores, lead)
    assert [(each.field, each.value) for each in known.suggestions] == [
        ("domain", "new.example"),
        ("name", "Zoë"),
        ("name", "ada"),
    ]
    assert set(known.suggestions) == {*found, decided}
    async with stores.write() as store:
        current = await store.get_for_change(lead.id)
        assert current.suggestions == ()
        await store.change(replace(current, name="Ada"))
    assert (await read(stores, lead)).suggestions == known.suggestions
    async with stores.write() as store:
        await store.replace_suggestions(lead.id, [decided])
    assert (await read(stores, lead)).suggestions == (decided,)
    async with stores.write() as store:
        await store.replace_suggestions(lead.id, [])
    assert (await read(stores, lead)).suggestions == ()


async def test_who_asked_is_kept_and_counted_while_the_look_up_is_under_way(stores: LeadStores) -> None:
    lead = new_lead()
    async with stores.write() as store:
        moments, running = await store.asked("ada")
        assert (list(moments), running) == ([], 0)
        task_id = await store.enqueue(EnrichmentTask(lead.id, "ada"))
        lead = lead.with_enrichment(lead.enrichment.requested(task_id, "ada"), NOW)
        await store.add(lead)
        await store.note_asked("ada", [NOW - timedelta(hours=1), NOW])
    assert await read(stores, lead) == lead
    async with stores.write() as store:
        moments, running = await store.asked("ada")
        assert (list(moments), running) == ([NOW - timedelta(hours=1), NOW], 1)
        assert (await store.asked("bob"))[1] == 0
        await store.change(lead.with_enrichment(lead.enrichment.begun().completed(NOW), NOW))
        assert (await store.asked("ada"))[1] == 0


async def test_a_deleted_lead_is_in_nobody_s_way_until_it_comes_back(stores: LeadStores) -> None:
    first, second = new_lead(email="ada@example.com"), new_lead(email="ada@example.com")
    await keep(stores, first)
    async with stores.write() as store:
        gone = await store.change(first.deleted(NOW))
    await keep(stores, second)
    with pytest.raises(AlreadyExists) as refused:
        async with stores.write() as store:
            await store.revise(gone.undeleted(NOW))
    assert refused.value.metadata["name"] == str(second.id)
    assert await read(stores, first) == gone
    assert await pages(stores, LeadFilter(), 10) == [second]
    assert len(await pages(stores, LeadFilter(show_deleted=True), 10)) == 2
