"""Promise: what was captured waits in an outbox, which keeps the same rules in PostgreSQL and in memory."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from report_service.domain import LineageStatus
from tests.contracts.report_store.conftest import LEASE, Stores, completed, get
from tests.report_service.builders import a_capture, a_pdf

EXPIRED = timedelta(seconds=-30)


async def test_a_delivery_says_everything_about_its_report(stores: Stores) -> None:
    capture = a_capture(b'{"a":1}' * 500, limit=200)
    report = await completed(stores, capture)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(4, LEASE)
    assert delivery.capture == capture
    assert (delivery.report_id, delivery.lineage_id) == (report.id, report.lineage_id)
    assert (delivery.lead_id, delivery.pipeline_run_id) == (report.lead_id, report.pipeline_run_id)
    assert delivery.template_version_id == report.template_version_id
    assert delivery.template_digest == report.template_digest
    assert delivery.pdf_sha256 == a_pdf().sha256
    assert delivery.created_by == "ada"
    assert delivery.attempt == 1


async def test_a_leased_delivery_is_held_back_until_the_lease_ends(stores: Stores) -> None:
    await completed(stores)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(4, EXPIRED)) == 1
    async with stores.outbox.write() as outbox:
        (again,) = await outbox.claim(4, LEASE)
    assert again.attempt == 2
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(4, LEASE, eager=True) == []


async def test_a_claim_takes_no_more_than_asked_for(stores: Stores) -> None:
    for _ in range(3):
        await completed(stores)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(2, LEASE)) == 2
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(2, LEASE)) == 1


async def test_two_relays_never_hold_the_same_delivery(stores: Stores) -> None:
    for _ in range(8):
        await completed(stores)

    async def take() -> list[UUID]:
        async with stores.outbox.write() as outbox:
            return [each.report_id for each in await outbox.claim(3, LEASE)]

    taken = [each for some in await asyncio.gather(*(take() for _ in range(4))) for each in some]
    assert len(taken) == len(set(taken)) >= 6


async def test_an_acknowledged_delivery_is_gone_and_its_report_recorded(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        await outbox.claim(1, LEASE)
        assert await outbox.acknowledge(report.id)
    async with stores.outbox.write() as outbox:
        assert not await outbox.acknowledge(report.id)
        assert (await outbox.backlog()).waiting == 0
    assert (await get(stores, report)).lineage_status is LineageStatus.RECORDED


async def test_a_postponed_delivery_waits_unless_somebody_is_eager(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(1, LEASE)
        await outbox.postpone(report.id, delivery.attempt, timedelta(seconds=60), "UNAVAILABLE")
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(1, LEASE) == []
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE, eager=True)) == 1


async def test_hastened_deliveries_are_due(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(1, LEASE)
        await outbox.postpone(report.id, delivery.attempt, timedelta(seconds=60), "UNAVAILABLE")
        await outbox.hasten()
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE)) == 1


async def test_an_outdated_lease_neither_postpones_nor_buries(stores: Stores) -> None:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        (outdated,) = await outbox.claim(1, EXPIRED)
    async with stores.outbox.write() as outbox:
        await outbox.claim(1, EXPIRED)
        await outbox.bury(report.id, outdated.attempt, "late")
        await outbox.postpone(report.id, outdated.attempt, timedelta(seconds=60), "late")
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, LEASE)) == 1
        assert (await outbox.backlog()).dead == 0


async def test_the_age_of_an_empty_outbox_is_zero(stores: Stores) -> None:
    async with stores.outbox.read() as outbox:
        backlog = await outbox.backlog()
    assert (backlog.waiting, backlog.dead, backlog.oldest_seconds) == (0, 0, 0)


async def test_the_lease_of_a_large_payload_is_longer(stores: Stores) -> None:
    large = replace(a_capture(), raw_inputs=bytes(40 * 1024 * 1024))
    await completed(stores, large)
    async with stores.outbox.write() as outbox:
        assert len(await outbox.claim(1, timedelta(seconds=-30))) == 1
    async with stores.outbox.write() as outbox:
        assert await outbox.claim(1, LEASE) == []
