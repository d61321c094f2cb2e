"""Promise: endpoints are told of exactly what was committed, once, and of nothing about a person."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from report_service.batch import Batch
from report_service.domain import Report
from report_service.webhooks import endpoints
from report_service.webhooks.domain import Delivery, DeliveryStatus, EndpointStatus, Event
from report_service.webhooks.endpoints import Draft
from services.ids import uuid7
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report
from tests.report_service.webhooks.conftest import Office

URL = "http://127.0.0.1:9/hook"
LATER = NOON + timedelta(minutes=1)


async def begin(office: Office, report: Report) -> None:
    async with office.reports.write() as store:
        await store.add(report, None)
    await claim(office, report.id)


async def claim(office: Office, report_id: UUID) -> None:
    async with office.reports.write() as store:
        await store.claim(report_id, NOON)


async def complete(office: Office, report_id: UUID) -> None:
    async with office.reports.write() as store:
        assert await store.complete(report_id, 1, a_pdf(), a_capture(), LATER)


async def fail(office: Office, report_id: UUID) -> None:
    async with office.reports.write() as store:
        assert await store.fail(report_id, 1, "Ada Lovelace's site is down.", None, LATER)


async def batched(office: Office, size: int) -> tuple[UUID, list[UUID]]:
    batch = Batch(uuid7(), "website_audit@1.0.0", "en", "run", size, "ada", NOON)
    reports = [a_report(batch_id=batch.id, batch_position=place + 1) for place in range(size)]
    async with office.reports.write() as store:
        await store.add_batch(batch, reports)
    return batch.id, [each.id for each in reports]


def said(deliveries: list[Delivery]) -> list[Event]:
    return [each.event for each in deliveries]


async def test_a_completed_report_is_told_with_its_ids_and_digests(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    report = a_report()
    await begin(office, report)
    await complete(office, report.id)
    (told,) = await office.told(endpoint.id)
    assert (told.event, told.status, told.occurred_at) == (
        Event.REPORT_COMPLETED,
        DeliveryStatus.PENDING,
        LATER,
    )
    assert told.facts == {
        "report_id": str(report.id),
        "lineage_id": str(report.lineage_id),
        "lead_id": str(report.lead_id),
        "status": "COMPLETED",
        "template_version_id": report.template_version_id,
        "template_digest": report.template_digest,
        "pdf_sha256": a_pdf().sha256,
        "pdf_size_bytes": a_pdf().size_bytes,
        "page_count": 2,
    }


async def test_a_failed_report_is_told_without_its_reason(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    report = a_report(created_by="ada@example.com", domain="lovelace.example")
    await begin(office, report)
    await fail(office, report.id)
    (told,) = await office.told(endpoint.id)
    assert told.event is Event.REPORT_FAILED
    text = json.dumps(told.facts)
    assert not any(word in text.lower() for word in ("ada", "lovelace"))


async def test_what_is_rolled_back_is_not_told(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    report = a_report()
    await begin(office, report)
    with pytest.raises(RuntimeError):
        async with office.reports.write() as store:
            await store.complete(report.id, 1, a_pdf(), a_capture(), LATER)
            raise RuntimeError
    assert await office.told(endpoint.id) == []


async def test_a_cancelled_report_is_not_told(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    report = a_report()
    await begin(office, report)
    async with office.reports.write() as store:
        assert await store.cancel(report.id, LATER)
    assert await office.told(endpoint.id) == []


async def test_each_endpoint_is_told_what_it_asks_for(office: Office) -> None:
    completed, _ = await office.register(URL, events=(Event.REPORT_COMPLETED,))
    failed, _ = await office.register(URL, events=(Event.REPORT_FAILED,))
    off, _ = await office.register(URL, status=EndpointStatus.DISABLED)
    good, bad = a_report(), a_report()
    for each in (good, bad):
        await begin(office, each)
    await complete(office, good.id)
    await fail(office, bad.id)
    assert said(await office.told(completed.id)) == [Event.REPORT_COMPLETED]
    assert said(await office.told(failed.id)) == [Event.REPORT_FAILED]
    assert await office.told(off.id) == []


async def test_the_end_of_a_batch_is_told_once_with_its_counts(office: Office) -> None:
    endpoint, _ = await office.register(URL, events=(Event.BATCH_ENDED,))
    batch_id, (one, two, three) = await batched(office, 3)
    for each in (one, two):
        await claim(office, each)
    await complete(office, one)
    await fail(office, two)
    assert await office.told(endpoint.id) == []
    async with office.reports.write() as store:
        assert await store.cancel(three, LATER)
    (told,) = await office.told(endpoint.id)
    assert told.facts == {
        "batch_id": str(batch_id),
        "size": 3,
        "template_version_id": "website_audit@1.0.0",
        "completed": 1,
        "failed": 1,
        "cancelled": 1,
    }


async def test_a_batch_that_is_cancelled_whole_has_ended_once(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    batch_id, _ = await batched(office, 50)
    async with office.reports.write() as store:
        assert await store.cancel_batch(batch_id, LATER) == 50
    (told,) = await office.told(endpoint.id)
    assert (told.event, told.facts["cancelled"]) == (Event.BATCH_ENDED, 50)


async def test_of_two_last_reports_that_end_at_once_one_tells_the_end_of_the_batch(office: Office) -> None:
    endpoint, _ = await office.register(URL, events=(Event.BATCH_ENDED,))
    for _ in range(8):
        _, reports = await batched(office, 4)
        for each in reports:
            await claim(office, each)
        await asyncio.gather(*(complete(office, each) for each in reports))
    assert said(await office.told(endpoint.id)) == [Event.BATCH_ENDED] * 8


async def test_an_endpoint_that_is_removed_meanwhile_holds_no_report_up(office: Office) -> None:
    endpoint, _ = await office.register(URL)
    stays, _ = await office.register(URL)
    report = a_report()
    await begin(office, report)
    remover = await asyncpg.connect(office.database.url)
    removal = remover.transaction()
    await removal.start()
    await remover.execute("DELETE FROM webhook_endpoints WHERE id = $1", endpoint.id)
    ending = asyncio.create_task(complete(office, report.id))
    await asyncio.sleep(0.2)
    await removal.commit()
    await remover.close()
    await ending
    assert said(await office.told(stays.id)) == [Event.REPORT_COMPLETED]


async def test_the_application_adds_to_what_was_done_and_changes_nothing_of_it(office: Office) -> None:
    endpoint, secret = await office.register("https://hooks.example.com/?token=abc", description="ours")
    await endpoints.rotate(office.webhooks, endpoint.id, timedelta(hours=1), "bob")
    await endpoints.change(
        office.webhooks, endpoint.id, Draft(status=EndpointStatus.DISABLED), ["status"], [], "bob"
    )
    await endpoints.remove(office.webhooks, endpoint.id, [], "eve")
    connection = await asyncpg.connect(office.database.url)
    try:
        rows = await connection.fetch("SELECT * FROM webhook_changes ORDER BY changed_at")
        assert [(each["action"], each["changed_by"]) for each in rows] == [
            ("CREATE", "ada"),
            ("ROTATE", "bob"),
            ("UPDATE", "bob"),
            ("DELETE", "eve"),
        ]
        update = json.loads(rows[2]["facts"])
        assert (update["old"]["status"], update["new"]["status"]) == ("ENABLED", "DISABLED")
        assert secret.hex() not in str(rows)
        for statement in ("DELETE FROM webhook_changes", "UPDATE webhook_changes SET changed_by = 'x'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        sealed = await connection.fetchval("SELECT count(*) FROM webhook_secrets")
    finally:
        await connection.close()
    assert sealed == 0


async def test_a_secret_is_kept_encrypted(office: Office) -> None:
    endpoint, secret = await office.register(URL)
    (kept,) = endpoint.secrets
    assert secret not in kept.sealed
    assert office.webhooks.open_vault().open(kept.sealed) == secret
    assert replace(endpoint, secrets=()).secrets == ()
