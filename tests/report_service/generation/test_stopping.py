"""Promise: an attempt that dies, is too slow, is cancelled or is stopped leaves the report in order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from report_service import generation, reports
from report_service.domain import Status
from report_service.generation import MAXIMUM_ATTEMPTS, Workshop
from report_service.memory import Memory
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, Rendering
from services.errors import Unavailable
from tests.report_service.builders import NOON
from tests.report_service.generation.conftest import job, log_of, queued, raising, run_to_the_end
from tests.report_service.stubs import Objects, Renderer


async def test_every_attempt_renders_the_same_file(memory: Memory, workshop: Workshop) -> None:
    times = iter(range(1000))
    objects = Objects(raising(Unavailable("The object store cannot be written to.")))
    late = replace(workshop, objects=objects, clock=lambda: NOON + timedelta(minutes=next(times)))
    report = await queued(memory)
    await run_to_the_end(late, report)
    rendered = workshop.renderer.rendered  # type: ignore[attr-defined]
    assert len(rendered) == MAXIMUM_ATTEMPTS
    assert all(each == rendered[0] for each in rendered)


async def test_a_report_over_which_the_worker_dies_each_time_is_given_up(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory, attempts=MAXIMUM_ATTEMPTS)
    await generation.generate(workshop, job(report))
    assert memory.reports[report.id].status is Status.FAILED
    assert log_of(memory, report)[1]["reason"] == memory.reports[report.id].error
    assert "crash" in memory.reports[report.id].error


async def test_a_slow_attempt_gives_way_to_a_later_one(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    overtaken = False

    def overtake() -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            memory.reports[report.id] = replace(memory.reports[report.id], attempts=2)

    await generation.generate(replace(workshop, renderer=Renderer(overtake)), job(report))
    assert memory.reports[report.id].status is Status.RUNNING
    assert memory.outbox == {}


class Endless(Renderer):
    """Renders until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.stopped = asyncio.Event(), False

    async def render(self, bundle: bundles.Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped = True
        raise AssertionError("nothing ends this but being cancelled")


async def test_the_render_of_a_cancelled_report_is_stopped(
    memory: Memory, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "LOOK_SECONDS", 0.01)
    report, renderer = await queued(memory), Endless()
    task = asyncio.create_task(generation.generate(replace(workshop, renderer=renderer), job(report)))
    await renderer.begun.wait()
    await asyncio.sleep(0.05)
    assert not task.done()
    async with memory.reports_stores().write() as store:
        await store.cancel(report.id, NOON)
    await task
    assert renderer.stopped
    assert memory.reports[report.id].status is Status.CANCELLED
    assert memory.outbox == {}


async def test_a_worker_that_stops_stops_its_render(memory: Memory, workshop: Workshop) -> None:
    report, renderer = await queued(memory), Endless()
    task = asyncio.create_task(generation.generate(replace(workshop, renderer=renderer), job(report)))
    await renderer.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert renderer.stopped
    assert memory.reports[report.id].status is Status.RUNNING


async def test_a_watcher_sees_each_step_until_the_end(
    memory: Memory, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LOOK_SECONDS", 0.0)
    report = await queued(memory)
    task = asyncio.create_task(generation.generate(workshop, job(report)))
    seen = [each async for each in reports.watch(memory.reports_stores(), report.id)]
    await task
    assert [each.status for each in (seen[0], seen[-1])] == [Status.QUEUED, Status.COMPLETED]
    assert [each.version for each in seen] == sorted({each.version for each in seen})
    assert {"lead", "render", "store"} >= {each.step for each in seen if each.step}
