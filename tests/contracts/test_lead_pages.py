"""Promise: leads in PostgreSQL and leads in memory are listed alike, by every filter and order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lead_service.domain import (
    LeadFilter,
    LeadStores,
    Order,
    OrderKey,
)
from lead_service.facts import EnrichmentStatus
from tests.contracts.leads import FACTS, NOW, keep, new_lead, pages


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


FOUND = [
    (LeadFilter(q="ADA"), {"ada", "adaline"}),
    (LeadFilter(q="bücher"), {"bob"}),
    (LeadFilter(q="other.ex"), {"adaline"}),
    (LeadFilter(q="100%_\\"), {"bob"}),
    (LeadFilter(q="0_"), set()),
    (LeadFilter(email="ADA@example.com"), {"ada"}),
    (LeadFilter(email="ada"), set()),
    (LeadFilter(domain="other.example"), {"adaline"}),
    (LeadFilter(created_by="grace"), {"bob"}),
    (LeadFilter(created_after=NOW + timedelta(minutes=1)), {"bob", "adaline"}),
    (LeadFilter(created_before=NOW + timedelta(minutes=1)), {"ada"}),
    (LeadFilter(q="a", created_after=NOW, domain="example.com"), {"ada", "bob"}),
    (LeadFilter(q="gone"), set()),
    (LeadFilter(q="gone", show_deleted=True), {"gone"}),
]


@pytest.mark.parametrize(("wanted", "expected"), FOUND, ids=[str(number) for number in range(len(FOUND))])
async def test_each_filter_finds_what_it_says(
    stores: LeadStores, wanted: LeadFilter, expected: set[str]
) -> None:
    await keep(
        stores,
        new_lead(0, email="ada@example.com"),
        replace(new_lead(1, email="bob@example.com", name="Bücher 100%_\\"), created_by="grace"),
        new_lead(2, email="adaline@example.com", domain="other.example"),
        new_lead(3, email="gone@example.com").deleted(NOW),
    )
    if "gone" not in expected and not wanted.q:
        wanted = replace(wanted, created_before=wanted.created_before or NOW + timedelta(minutes=3))
    found = await pages(stores, wanted, 2)
    assert {lead.email.partition("@")[0] for lead in found} == expected


@pytest.mark.parametrize("key", list(OrderKey))
@pytest.mark.parametrize("descending", [True, False])
async def test_walking_the_pages_in_any_order_shows_each_lead_once(
    stores: LeadStores, key: OrderKey, descending: bool
) -> None:
    names = ["b", "Z", "ü", "a", "b-b", "bb", "1"]
    leads = [
        new_lead(number // 2, email=f"{name}@example.com", domain=f"d{number % 3}.example")
        for number, name in enumerate(names)
    ]
    await keep(stores, *leads)
    ordered = sorted(leads, key=lambda lead: (getattr(lead, key), lead.id), reverse=descending)
    for size in (1, 3, 10):
        assert await pages(stores, LeadFilter(), size, Order(key, descending)) == ordered
