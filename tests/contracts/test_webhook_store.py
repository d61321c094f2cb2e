"""Promise: endpoints and deliveries keep the same rules in PostgreSQL and in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from report_service.session import ReportSession
from report_service.webhooks.domain import (
    Action,
    Change,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    Event,
    Outcome,
    Secret,
    WebhookStores,
)
from report_service.webhooks.memory import MemoryWebhookStores
from report_service.webhooks.repository import PostgresWebhookStore
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import NotFound
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.report_service.builders import NOON

LEASE = timedelta(seconds=60)
PENDING, DELIVERED, FAILED = DeliveryStatus


def an_endpoint(**values: object) -> Endpoint:
    made = Endpoint(uuid7(), "https://hooks.example.com/", "ada", NOON, NOON)
    return replace(made, secrets=(Secret(uuid7(), b"sealed", NOON),), **values)  # type: ignore[arg-type]


def a_delivery(endpoint: Endpoint, **values: object) -> Delivery:
    past = utc_now() - timedelta(seconds=1)
    made = Delivery(uuid7(), endpoint.id, Event.TEST, {"report_id": "7"}, past, past, past)
    return replace(made, **values)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "postgres"])
async def stores(
    request: pytest.FixtureRequest, report_database: TestDatabase
) -> AsyncIterator[WebhookStores]:
    if request.param == "memory":
        yield MemoryWebhookStores()
        return
    database = Database(report_database.url, name="test", session_class=ReportSession)
    yield UnitsOfWork(database, PostgresWebhookStore)
    await database.close()


async def kept(stores: WebhookStores, endpoint: Endpoint, *deliveries: Delivery) -> None:
    async with stores.write() as store:
        await store.add(endpoint)
        for each in deliveries:
            await store.add_delivery(each)


async def claim(stores: WebhookStores, limit: int = 10, of_each: int = 10) -> list[UUID]:
    async with stores.write() as store:
        return [each.delivery.id for each in await store.claim(limit, of_each, LEASE)]


async def test_an_endpoint_comes_back_as_it_was_kept(stores: WebhookStores) -> None:
    endpoint = an_endpoint(events=(Event.BATCH_ENDED,), description="ours")
    await kept(stores, endpoint)
    async with stores.read() as store:
        assert await store.get(endpoint.id) == endpoint
        assert await store.page(5, None) == [endpoint]
        with pytest.raises(NotFound):
            await store.get(uuid7())


async def test_endpoints_are_listed_newest_first_page_by_page(stores: WebhookStores) -> None:
    three = sorted((an_endpoint() for _ in range(3)), key=lambda each: each.id)
    for each in three:
        await kept(stores, each)
    async with stores.read() as store:
        assert [each.id for each in await store.page(2, None)] == [three[2].id, three[1].id]
        assert [each.id for each in await store.page(2, three[1].id)] == [three[0].id]


async def test_a_change_is_another_version_and_leaves_the_secrets(stores: WebhookStores) -> None:
    endpoint = an_endpoint()
    await kept(stores, endpoint)
    async with stores.write() as store:
        held = await store.get(endpoint.id, hold=True)
        changed = await store.change(replace(held, url="https://b.example/", events=(Event.REPORT_FAILED,)))
    assert (changed.url, changed.version, changed.secrets) == ("https://b.example/", 2, endpoint.secrets)
    assert changed.etag != endpoint.etag
    async with stores.read() as store:
        assert await store.get(endpoint.id) == changed


async def test_earlier_secrets_expire_at_the_instant_given_and_no_later_than_before(
    stores: WebhookStores,
) -> None:
    endpoint = an_endpoint()
    await kept(stores, endpoint)
    second, third = (Secret(uuid7(), name, utc_now()) for name in (b"second", b"third"))
    async with stores.write() as store:
        await store.add_secret(endpoint.id, second, NOON + timedelta(hours=1))
        await store.add_secret(endpoint.id, third, NOON + timedelta(hours=2))
        found = (await store.get(endpoint.id)).secrets
    expected = [(b"third", None), (b"second", 2), (b"sealed", 1)]
    assert [(each.sealed, each.expires_at) for each in found] == [
        (sealed, hours and NOON + timedelta(hours=hours)) for sealed, hours in expected
    ]
    signing = replace(endpoint, secrets=found).signing(NOON + timedelta(minutes=90))
    assert [each.sealed for each in signing] == [b"third", b"second"]


async def test_a_delivery_is_leased_to_one_courier_and_counts_its_attempts(stores: WebhookStores) -> None:
    endpoint = an_endpoint()
    delivery = a_delivery(endpoint)
    await kept(stores, endpoint, delivery)
    async with stores.write() as store:
        (posting,) = await store.claim(10, 10, LEASE)
    assert (posting.delivery.attempts, posting.endpoint) == (1, endpoint)
    assert posting.delivery.facts == {"report_id": "7"}
    assert await claim(stores) == []
    async with stores.write() as store:
        assert await store.postpone(posting.delivery, timedelta(0), Outcome(503, "answered 503"))
    assert await claim(stores) == [delivery.id]
    async with stores.read() as store:
        found = await store.delivery(endpoint.id, delivery.id)
    assert (found.attempts, found.response_status, found.error) == (2, 503, "answered 503")


async def test_a_lease_that_ran_out_is_taken_over_and_the_late_courier_changes_nothing(
    stores: WebhookStores,
) -> None:
    endpoint = an_endpoint()
    await kept(stores, endpoint, a_delivery(endpoint))
    async with stores.write() as store:
        (first,) = await store.claim(10, 10, timedelta(seconds=-1))
    async with stores.write() as store:
        (second,) = await store.claim(10, 10, LEASE)
    assert second.delivery.attempts == 2
    async with stores.write() as store:
        assert not await store.settle(first.delivery, FAILED, Outcome(None, "late"))
        assert not await store.postpone(first.delivery, timedelta(0), Outcome(None, "late"))
        assert await store.settle(second.delivery, DELIVERED, Outcome(200))
        assert not await store.settle(second.delivery, FAILED, Outcome(500))
        found = await store.delivery(endpoint.id, second.delivery.id)
    assert (found.status, found.response_status, found.error) == (DELIVERED, 200, "")
    assert found.ended_at is not None
    assert await claim(stores) == []


async def test_one_endpoints_backlog_leaves_room_for_others(stores: WebhookStores) -> None:
    slow, quick = an_endpoint(), an_endpoint()
    await kept(stores, slow, *(a_delivery(slow) for _ in range(5)))
    one = a_delivery(quick)
    await kept(stores, quick, one)
    claimed = await claim(stores, limit=4, of_each=2)
    assert len(claimed) == 3
    assert one.id in claimed
    assert await claim(stores, limit=4, of_each=2) == []
    assert len(await claim(stores, limit=2, of_each=3)) == 1


async def test_what_is_not_due_or_whose_endpoint_is_disabled_waits(stores: WebhookStores) -> None:
    endpoint = an_endpoint()
    later = a_delivery(endpoint, next_attempt_at=utc_now() + timedelta(hours=1))
    off = an_endpoint(status=EndpointStatus.DISABLED)
    await kept(stores, endpoint, later)
    await kept(stores, off, a_delivery(off))
    assert await claim(stores) == []


async def test_a_message_is_sent_again_as_if_it_were_new(stores: WebhookStores) -> None:
    endpoint = an_endpoint()
    delivery = a_delivery(endpoint, started_at=NOON, occurred_at=NOON)
    await kept(stores, endpoint, delivery)
    async with stores.write() as store:
        (posting,) = await store.claim(10, 10, LEASE)
        assert await store.settle(posting.delivery, FAILED, Outcome(None, "no answer"))
        await store.requeue(delivery.id)
        found = await store.delivery(endpoint.id, delivery.id)
    assert (found.status, found.ended_at, found.occurred_at) == (PENDING, None, NOON)
    assert found.started_at > NOON
    assert await claim(stores) == [delivery.id]


async def test_an_endpoint_fails_since_its_first_failure_until_something_arrives(
    stores: WebhookStores,
) -> None:
    endpoint = an_endpoint(failing_since=NOON)
    await kept(stores, endpoint, a_delivery(endpoint))
    async with stores.write() as store:
        assert await store.failing(endpoint.id) == pytest.approx(utc_now() - NOON, abs=timedelta(minutes=5))
        assert (await store.get(endpoint.id, hold=True)).failing_since == NOON
        (posting,) = await store.claim(10, 10, LEASE)
        await store.settle(posting.delivery, DELIVERED, Outcome(204))
        assert (await store.get(endpoint.id, hold=True)).failing_since is None
    async with stores.write() as store:
        assert await store.failing(endpoint.id) < timedelta(minutes=1)
        assert (await store.get(endpoint.id, hold=True)).failing_since is not None
        assert await store.failing(uuid7()) == timedelta(0)


async def test_deliveries_are_listed_by_endpoint_and_status_newest_first(stores: WebhookStores) -> None:
    endpoint, other = an_endpoint(), an_endpoint()
    three = sorted((a_delivery(endpoint) for _ in range(3)), key=lambda each: each.id)
    await kept(stores, endpoint, *three)
    await kept(stores, other, a_delivery(other))
    async with stores.write() as store:
        assert [each.id for each in await store.deliveries(endpoint.id, None, 2, None)] == [
            three[2].id,
            three[1].id,
        ]
        assert [each.id for each in await store.deliveries(endpoint.id, PENDING, 2, three[1].id)] == [
            three[0].id
        ]
        assert await store.deliveries(endpoint.id, FAILED, 2, None) == []
        with pytest.raises(NotFound):
            await store.delivery(other.id, three[0].id)


async def test_a_removed_endpoint_takes_its_deliveries_along_and_leaves_what_was_done(
    stores: WebhookStores,
) -> None:
    endpoint = an_endpoint()
    delivery = a_delivery(endpoint)
    await kept(stores, endpoint, delivery)
    async with stores.write() as store:
        await store.note(Change(endpoint.id, Action.DELETE, "ada", NOON, {"old": {"url": endpoint.url}}))
        await store.remove(endpoint.id)
    async with stores.read() as store:
        for gone in (store.get(endpoint.id), store.delivery(endpoint.id, delivery.id)):
            with pytest.raises(NotFound):
                await gone


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(stores: WebhookStores) -> None:
    endpoint = an_endpoint()
    old = a_delivery(endpoint, status=FAILED, ended_at=NOON - timedelta(days=1))
    new = a_delivery(endpoint, status=DELIVERED, ended_at=NOON + timedelta(days=1))
    waiting = a_delivery(endpoint)
    await kept(stores, endpoint, old, new, waiting)
    async with stores.write() as store:
        await store.add_secret(endpoint.id, Secret(uuid7(), b"new", utc_now()), NOON - timedelta(hours=1))
        assert await store.forget(NOON) == 1
        found = await store.deliveries(endpoint.id, None, 9, None)
        assert {each.id for each in found} == {new.id, waiting.id}
        assert [each.sealed for each in (await store.get(endpoint.id)).secrets] == [b"new"]
