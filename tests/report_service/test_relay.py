"""Promise: every capture arrives once, however often the way there fails, and none holds up another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from report_service import relay as relay_module
from report_service.deliveries import Delivery, Fault, Lineages
from report_service.domain import LineageStatus, ReportStores
from report_service.memory import Memory
from report_service.relay import Relay
from report_service.upkeep import Upkeep
from tests.report_service import stubs
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay be as patient as before, a hundred times faster."""
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(relay_module, "FIRST_DELAY_SECONDS", 0.002)
    monkeypatch.setattr(relay_module, "LONGEST_PROBE_SECONDS", 0.03)


async def completed(stores: ReportStores) -> UUID:
    report = a_report()
    async with stores.write() as store:
        await store.add(report, None)
        await store.claim(report.id, NOON)
        await store.complete(report.id, 1, a_pdf(), a_capture(), NOON)
    return report.id


@asynccontextmanager
async def running(memory: Memory, lineages: Lineages) -> AsyncIterator[Relay]:
    relay, stop = Relay(memory.outbox_stores(), lineages), asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    yield relay
    stop.set()
    await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is waited for is elsewhere)
            await asyncio.sleep(0.005)


async def once(relay: Relay) -> int:
    """Let the relay take what is due and finish it."""
    begun = await relay.start_due()
    await relay.idle()
    return begun


def calls_of(lineages: stubs.Lineages, report_id: UUID) -> int:
    return lineages.calls.count(report_id)


async def test_what_waits_is_delivered_and_marked_recorded() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    ids = {await completed(memory.reports_stores()) for _ in range(10)}
    async with running(memory, lineages):
        await until(lambda: not memory.outbox)
    assert set(lineages.recorded) == ids
    assert len(lineages.calls) == 10
    assert {each.lineage_status for each in memory.reports.values()} == {LineageStatus.RECORDED}


async def test_a_wake_up_delivers_without_waiting_for_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    memory, lineages = Memory(), stubs.Lineages()
    async with running(memory, lineages) as relay:
        await asyncio.sleep(0.05)
        report_id = await completed(memory.reports_stores())
        relay.wake()
        await until(lambda: report_id in lineages.recorded)


async def test_a_lost_wake_up_is_made_up_for() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    async with running(memory, lineages):
        await asyncio.sleep(0.05)
        report_id = await completed(memory.reports_stores())
        await until(lambda: report_id in lineages.recorded)


async def test_a_lost_reply_costs_a_call_and_records_once() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    lineages.loses_replies = True
    report_id = await completed(memory.reports_stores())
    async with running(memory, lineages):
        await until(lambda: calls_of(lineages, report_id) >= 3)
        assert report_id in memory.outbox
        lineages.loses_replies = False
        await until(lambda: not memory.outbox)
    assert list(lineages.recorded) == [report_id]


async def test_an_absent_service_is_asked_with_one_delivery_at_a_time() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    lineages.fault = lambda _: Fault.SERVICE
    for _ in range(10):
        await completed(memory.reports_stores())
    relay = Relay(memory.outbox_stores(), lineages)
    for expected in range(1, 6):
        assert await once(relay) == 1
        assert len(lineages.calls) == expected
    assert len(set(lineages.calls)) == 5, "each time it is the turn of another"


@pytest.mark.parametrize("fault", [Fault.SERVICE, Fault.PASSING])
async def test_after_a_failure_there_is_a_pause_from_the_first_delivery_on(
    monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(relay_module, "full_jitter", lambda *_: 3600)
    memory, lineages = Memory(), stubs.Lineages()
    lineages.fault = lambda _: fault
    await completed(memory.reports_stores())
    async with running(memory, lineages):
        await until(lambda: bool(lineages.calls))
        await asyncio.sleep(0.2)
    assert len(lineages.calls) == 1


async def test_the_backlog_is_due_at_once_when_the_service_is_back() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    relay = Relay(memory.outbox_stores(), lineages)
    ids = [await completed(memory.reports_stores()) for _ in range(20)]
    lineages.fault = lambda _: Fault.SERVICE
    for _ in range(40):
        await once(relay)
    async with memory.outbox_stores().write() as outbox:
        for report_id in ids:
            attempt = memory.outbox[report_id].delivery.attempt
            await outbox.postpone(report_id, attempt, timedelta(seconds=60), "UNAVAILABLE")
    lineages.fault = lambda _: None
    begun = [await once(relay) for _ in range(7)]
    assert begun == [1, 4, 4, 4, 4, 3, 0]
    assert not memory.outbox


async def test_a_new_process_does_not_wait_out_the_pauses_of_the_one_before() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    report_id = await completed(memory.reports_stores())
    async with memory.outbox_stores().write() as outbox:
        (delivery,) = await outbox.claim(1, timedelta(seconds=10))
        await outbox.postpone(report_id, delivery.attempt, timedelta(seconds=60), "UNAVAILABLE")
    assert await once(Relay(memory.outbox_stores(), lineages)) == 1
    assert report_id in lineages.recorded


async def test_a_delivery_that_keeps_failing_does_not_hold_up_the_others() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    ill = await completed(memory.reports_stores())
    well = {await completed(memory.reports_stores()) for _ in range(10)}
    lineages.fault = lambda delivery: Fault.PASSING if delivery.report_id == ill else None
    async with running(memory, lineages):
        await until(lambda: set(lineages.recorded) == well)
        assert list(memory.outbox) == [ill]
        lineages.fault = lambda _: None
        await until(lambda: not memory.outbox)
    assert ill in lineages.recorded


async def test_what_can_never_succeed_is_set_aside_with_its_reason_and_told_loudly() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    dead = await completed(memory.reports_stores())
    well = await completed(memory.reports_stores())
    lineages.fault = lambda delivery: Fault.FINAL if delivery.report_id == dead else None
    with capture_logs() as logs:
        async with running(memory, lineages):
            await until(lambda: well in lineages.recorded and memory.outbox[dead].dead_at is not None)
            await asyncio.sleep(0.05)
    assert calls_of(lineages, dead) == 1
    assert memory.outbox[dead].last_error == "told to fail: FINAL"
    assert memory.reports[dead].lineage_status is LineageStatus.PENDING
    assert [each["report_id"] for each in logs if each["event"] == "lineage.buried"] == [str(dead)]
    assert next(each for each in logs if each["event"] == "lineage.buried")["log_level"] == "error"
    await Upkeep(memory.reports_stores(), memory.outbox_stores()).measure()
    assert REGISTRY.get_sample_value("leadfactory_lineage_outbox_dead") == 1
    assert REGISTRY.get_sample_value("leadfactory_lineage_outbox_waiting") == 0


async def test_the_unforeseen_is_tried_again_like_any_failure_that_passes() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    report_id = await completed(memory.reports_stores())
    broken = [True]

    def break_once(_: object) -> None:
        if broken.pop() if broken else False:
            raise KeyError("a fault of ours")

    lineages.fault = break_once
    async with running(memory, lineages):
        await until(lambda: report_id in lineages.recorded)


async def test_several_are_under_way_but_not_more_than_agreed() -> None:
    memory = Memory()
    under_way, most = 0, 0

    class Slow(stubs.Lineages):
        async def record(self, delivery: Delivery, deadline: float) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1
            await super().record(delivery, deadline)

    for _ in range(20):
        await completed(memory.reports_stores())
    lineages = Slow()
    async with running(memory, lineages):
        await until(lambda: not memory.outbox)
    assert 1 < most <= relay_module.IN_FLIGHT


async def test_a_stop_lets_what_is_under_way_arrive() -> None:
    memory, entered, leave = Memory(), asyncio.Event(), asyncio.Event()

    class Slow(stubs.Lineages):
        async def record(self, delivery: Delivery, deadline: float) -> None:
            entered.set()
            await leave.wait()
            await super().record(delivery, deadline)

    report_id = await completed(memory.reports_stores())
    lineages, stop = Slow(), asyncio.Event()
    task = asyncio.create_task(Relay(memory.outbox_stores(), lineages).run(stop))
    await entered.wait()
    stop.set()
    await asyncio.sleep(0.01)
    assert not task.done()
    leave.set()
    await task
    assert report_id in lineages.recorded
    assert not memory.outbox


async def test_a_delivery_held_by_a_dead_process_is_taken_over_when_its_lease_ends() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    report_id = await completed(memory.reports_stores())
    async with memory.outbox_stores().write() as outbox:
        await outbox.claim(1, timedelta(seconds=0.05))
    async with running(memory, lineages):
        await until(lambda: report_id in lineages.recorded)
    assert lineages.recorded[report_id].attempt == 2


async def test_a_database_that_fails_after_the_reply_costs_one_more_call() -> None:
    memory, lineages = Memory(), stubs.Lineages()
    report_id = await completed(memory.reports_stores())
    relay = Relay(memory.outbox_stores(), lineages)

    async def lose(*_: object) -> bool:
        raise ConnectionError("the database went away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("report_service.memory.MemoryOutboxStore.acknowledge", lose)
        await once(relay)
    assert report_id in memory.outbox
    async with memory.outbox_stores().write() as outbox:
        await outbox.postpone(report_id, 1, timedelta(0), "")
    await once(relay)
    assert not memory.outbox
    assert list(lineages.recorded) == [report_id]


async def test_an_outbox_that_is_too_old_raises_the_alarm() -> None:
    memory = Memory()
    await completed(memory.reports_stores())
    upkeep = Upkeep(memory.reports_stores(), memory.outbox_stores())
    began = memory.clock()
    memory.clock = lambda: began + timedelta(minutes=6)
    with capture_logs() as logs:
        await upkeep.measure()
    assert [each["event"] for each in logs] == ["lineage.overdue"]
    oldest = REGISTRY.get_sample_value("leadfactory_lineage_outbox_oldest_seconds")
    assert oldest is not None
    assert oldest > 300


async def test_a_dead_letter_does_not_raise_the_alarm_of_age() -> None:
    memory = Memory()
    report_id = await completed(memory.reports_stores())
    async with memory.outbox_stores().write() as outbox:
        (delivery,) = await outbox.claim(1, timedelta(seconds=10))
        await outbox.bury(report_id, delivery.attempt, "INVALID_ARGUMENT: no")
    began = memory.clock()
    memory.clock = lambda: began + timedelta(days=6)
    with capture_logs() as logs:
        await Upkeep(memory.reports_stores(), memory.outbox_stores()).measure()
    assert logs == []
    assert REGISTRY.get_sample_value("leadfactory_lineage_outbox_dead") == 1


async def test_a_report_without_a_job_gets_one() -> None:
    memory = Memory()
    report = a_report()
    async with memory.reports_stores().write() as store:
        await store.add(report, None)
    memory.jobs.clear()
    upkeep, stop = Upkeep(memory.reports_stores(), memory.outbox_stores()), asyncio.Event()
    task: Awaitable[None] = asyncio.create_task(upkeep.run(stop))
    await until(lambda: memory.jobs == [report.id])
    stop.set()
    await task
