"""Promise: leads in PostgreSQL and leads in memory keep the same promises, those of LeadStore."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lead_service import leads
from lead_service.domain import (
    NEWEST_FIRST,
    Draft,
    Lead,
    LeadFilter,
    LeadStores,
    Order,
    OrderKey,
    Position,
    RequestKey,
)
from lead_service.facts import Enrichment, EnrichmentStatus, EnrichmentTask, FactState, Observation
from lead_service.memory import MemoryLeadStores
from lead_service.repository import PostgresLeadStore
from lead_service.suggestions import SuggestionState, drawn
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
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
    database = Database(database_url, name="test", pool_size=64)
    with acting_as(Actor("ada")):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


def new_lead(minutes: int = 0, email: str = "", **draft: Any) -> Lead:
    # No two living leads share an address.
    email = email or f"ada-{uuid7().hex}@example.com"
    return Draft(email, **draft).lead("ada", NOW + timedelta(minutes=minutes))


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


async def pages(stores: LeadStores, wanted: LeadFilter, size: int, order: Order = NEWEST_FIRST) -> list[Lead]:
    found: list[Lead] = []
    after: Position | None = None
    while True:
        async with stores.read() as store:
            page = await store.page(wanted, size, after, order)
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


async def test_every_change_is_another_version_and_an_old_one_is_refused(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    async with stores.write() as store:
        changed = await store.change(replace(lead, name="Ada"))
    assert (changed.name, changed.version) == ("Ada", 2)
    assert changed.etag != lead.etag
    assert await read(stores, lead) == changed
    for write in ("change", "revise"):
        with pytest.raises(Aborted):
            async with stores.write() as store:
                await getattr(store, write)(replace(lead, name="Bob"))
    assert await read(stores, lead) == changed


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


async def test_of_many_who_add_one_lead_at_once_one_succeeds(stores: LeadStores) -> None:
    async def add() -> str:
        lead = new_lead(email="ada@example.com")
        try:
            await keep(stores, lead)
        except AlreadyExists as refused:
            return refused.metadata["name"]
        return str(lead.id)

    assert len(set(await asyncio.gather(*(add() for _ in range(8))))) == 1


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


ASKED = RequestKey("ada", "CreateLead", "key", b"1" * 32)


async def test_an_answered_request_gets_its_first_answer_and_a_different_one_is_refused(
    stores: LeadStores,
) -> None:
    async with stores.write() as store:
        assert await store.claim(ASKED, NOW) is None
        await store.settle(ASKED, b"answer")
    async with stores.write() as store:
        assert await store.claim(ASKED, NOW) == b"answer"
        for other in (replace(ASKED, subject="bob"), replace(ASKED, method="x"), replace(ASKED, key="x")):
            assert await store.claim(other, NOW) is None
    with pytest.raises(FailedPrecondition) as refused:
        async with stores.write() as store:
            await store.claim(replace(ASKED, request_sha256=b"2" * 32), NOW)
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_request_that_failed_was_never_claimed(stores: LeadStores) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stores.write() as store:
            await store.claim(ASKED, NOW)
            raise ZeroDivisionError
    async with stores.write() as store:
        assert await store.claim(replace(ASKED, request_sha256=b"2" * 32), NOW) is None


async def test_the_same_request_sent_many_times_at_once_is_done_once(stores: LeadStores) -> None:
    done: list[int] = []

    async def ask(number: int) -> bytes:
        async with stores.write() as store:
            first = await store.claim(ASKED, NOW)
            if first is not None:
                return first
            await asyncio.sleep(0.01)
            done.append(number)
            await store.settle(ASKED, b"%d" % number)
            return b"%d" % number

    answers = await asyncio.gather(*(ask(number) for number in range(1, 6)))
    assert set(answers) == {b"%d" % done[0]}
    assert len(done) == 1


async def test_old_answers_are_forgotten(stores: LeadStores) -> None:
    async with stores.write() as store:
        for key, minutes in (("old", 0), ("new", 2)):
            asked = replace(ASKED, key=key)
            await store.claim(asked, NOW + timedelta(minutes=minutes))
            await store.settle(asked, b"answer")
    async with stores.write() as store:
        assert await store.forget_answers(NOW + timedelta(minutes=1)) == 1
        assert await store.claim(replace(ASKED, key="new"), NOW) == b"answer"
        assert await store.claim(replace(ASKED, key="old"), NOW) is None


async def test_of_64_editors_of_one_lead_none_loses_what_he_wrote(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)
    fields = ("name", "is_manual")

    async def edit(number: int) -> None:
        while True:
            seen = await read(stores, lead)
            draft = Draft("", name=f"{seen.name} {number}", is_manual=number % 2 == 0)
            try:
                await leads.update(stores, lead.id, draft, fields, [seen.etag], lambda: NOW)
            except Aborted:
                # Whoever comes back at once, with 63 others, meets them all again.
                await asyncio.sleep(random.random())
                continue
            return

    await asyncio.gather(*(edit(number) for number in range(64)))
    edited = await read(stores, lead)
    assert sorted(map(int, edited.name.split())) == list(range(64))
    assert edited.version == 65


async def test_64_editors_of_different_fields_wait_for_each_other(stores: LeadStores) -> None:
    lead = new_lead()
    await keep(stores, lead)

    async def edit(number: int) -> None:
        field = ("name", "domain")[number % 2]
        draft = Draft("", name=f"n{number}", domain=f"d{number}.example")
        await leads.update(stores, lead.id, draft, [field], [], lambda: NOW)

    await asyncio.gather(*(edit(number) for number in range(64)))
    edited = await read(stores, lead)
    assert (edited.name[0], edited.domain[0], edited.version) == ("n", "d", 65)
