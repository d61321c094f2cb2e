"""Promise: what can never be delivered is kept apart until somebody decides, in PostgreSQL and in memory."""

import pytest

from report_service.deliveries import Decision, Verdict
from report_service.domain import LineageStatus, Report
from tests.contracts.report_store.conftest import LATER, LEASE, Stores, completed, get
from tests.report_service.builders import a_capture, a_pdf, a_report


async def test_a_buried_delivery_is_kept_counted_apart_and_never_claimed(stores: Stores) -> None:
    report = await completed(stores)
    await completed(stores)
    async with stores.outbox.write() as outbox:
        for each in await outbox.claim(4, LEASE):
            if each.report_id == report.id:
                await outbox.bury(report.id, each.attempt, "INVALID_ARGUMENT: no")
    async with stores.outbox.write() as outbox:
        await outbox.hasten()
        assert await outbox.claim(4, LEASE, eager=True) == []
        backlog = await outbox.backlog()
    assert (backlog.waiting, backlog.dead) == (1, 1)
    assert backlog.oldest_seconds >= 0
    assert (await get(stores, report)).lineage_status is LineageStatus.PENDING


async def buried(stores: Stores) -> Report:
    report = await completed(stores)
    async with stores.outbox.write() as outbox:
        for each in await outbox.claim(9, LEASE):
            await outbox.bury(each.report_id, each.attempt, "INVALID_ARGUMENT: no")
    return report


async def test_dead_letters_are_listed_newest_first_with_what_is_known(stores: Stores) -> None:
    # Ids made within a millisecond are in no order.
    dead = sorted([await buried(stores) for _ in range(3)], key=lambda each: each.id)
    await completed(stores)
    async with stores.outbox.read() as outbox:
        first = await outbox.dead_letters(2, None)
        rest = await outbox.dead_letters(2, first[-1].report_id)
    assert [each.report_id for each in (*first, *rest)] == [each.id for each in reversed(dead)]
    letter, report = first[0], dead[-1]
    assert (letter.lineage_id, letter.lead_id, letter.created_by) == (
        *(report.lineage_id, report.lead_id),
        "ada",
    )
    assert (letter.pdf_sha256, letter.inputs_sha256) == (a_pdf().sha256, a_capture().inputs_sha256)
    assert (letter.attempts, letter.reason) == (1, "INVALID_ARGUMENT: no")
    assert letter.dead_at >= letter.created_at


async def decide(stores: Stores, report: Report, verdict: Verdict) -> bool:
    async with stores.outbox.write() as outbox:
        return await outbox.decide(Decision(report.id, verdict, "grace", LATER, "mended"))


async def test_a_redriven_dead_letter_is_due_at_once(stores: Stores) -> None:
    report = await buried(stores)
    assert await decide(stores, report, Verdict.REDRIVE)
    async with stores.outbox.write() as outbox:
        (delivery,) = await outbox.claim(4, LEASE)
        assert (await outbox.backlog()).dead == 0
        assert await outbox.dead_letters(5, None) == []
    assert (delivery.report_id, delivery.attempt) == (report.id, 2)


async def test_a_discarded_dead_letter_is_gone_and_its_report_says_so(stores: Stores) -> None:
    report = await buried(stores)
    assert await decide(stores, report, Verdict.DISCARD)
    assert (await get(stores, report)).lineage_status is LineageStatus.DISCARDED
    async with stores.outbox.write() as outbox:
        backlog = await outbox.backlog()
        assert await outbox.claim(4, LEASE, eager=True) == []
    assert (backlog.waiting, backlog.dead) == (0, 0)


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_nothing_is_decided_about_what_is_not_dead(stores: Stores, verdict: Verdict) -> None:
    assert not await decide(stores, await completed(stores), verdict)
    assert not await decide(stores, a_report(), verdict)
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).waiting == 1


async def test_the_dead_do_not_age_the_backlog(stores: Stores) -> None:
    await buried(stores)
    async with stores.outbox.read() as outbox:
        assert (await outbox.backlog()).oldest_seconds == 0
