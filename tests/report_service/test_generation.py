"""Promise: a report ends as COMPLETED with its lineage, or as FAILED with a reason, never in between."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from report_service import generation, payload, reports
from report_service.domain import LineageStatus, Report, Status
from report_service.generation import MAXIMUM_ATTEMPTS, Workshop
from report_service.memory import Memory
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, RenderFailed, Rendering, RenderPool
from services import identity, jobs
from services.errors import NotFound, PermissionDenied, Unavailable
from tests.report_service.builders import NOON, a_report
from tests.report_service.stubs import Leads, Objects, Renderer

BUNDLE = bundles.find("website_audit")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def workshop(memory: Memory) -> Workshop:
    return Workshop(
        stores=memory.reports_stores(),
        leads=Leads(),
        objects=Objects(),
        renderer=Renderer(),
        environment_digest="cd" * 32,
        clock=lambda: NOON,
    )


async def queued(memory: Memory, **values: Any) -> Report:
    report = a_report(template_version_id=BUNDLE.template_version_id, template_digest=BUNDLE.digest, **values)
    async with memory.reports_stores().write() as store:
        await store.add(report, b'{"note":"of the caller"}')
    return report


def job(report: Report) -> jobs.Job:
    return jobs.Job("1", str(report.id).encode(), 0)


def raising(error: Exception) -> Callable[[], None]:
    def mishap() -> None:
        raise error

    return mishap


async def run_to_the_end(workshop: Workshop, report: Report) -> int:
    """Run the job as the queue would, without the pauses; return how many runs it took."""
    for runs in range(1, 20):
        try:
            await generation.generate(workshop, job(report))
        except jobs.Retry:
            continue
        return runs
    raise AssertionError("the report never ended")


async def test_a_report_is_completed_with_pdf_and_capture(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    await generation.generate(workshop, job(report))
    made = memory.reports[report.id]
    assert made.status is Status.COMPLETED
    assert made.lineage_status is LineageStatus.PENDING
    assert made.pdf is not None
    stored = workshop.objects.kept[made.pdf.object_key]  # type: ignore[attr-defined]
    assert payload.sha256(stored) == made.pdf.sha256
    assert len(stored) == made.pdf.size_bytes
    delivery = memory.outbox[report.id].delivery
    assert delivery.pdf_sha256 == made.pdf.sha256
    assert delivery.capture.environment_digest == "cd" * 32


async def test_the_inputs_hold_everything_in_canonical_form(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory, locale="en-GB")
    await generation.generate(workshop, job(report))
    capture = memory.outbox[report.id].delivery.capture
    raw = gzip.decompress(capture.raw_inputs)
    inputs = json.loads(raw)
    assert payload.canonical(inputs) == raw
    assert payload.sha256(raw) == capture.inputs_sha256
    assert inputs["lead"] == await workshop.leads.get(report.lead_id)
    assert inputs["assessment"]["checks"]
    assert inputs["assessment_data"] == {"note": "of the caller"}
    assert inputs["render_time"] == "2026-11-21T12:00:00Z"
    assert inputs["locale"] == "en-GB"
    assert inputs["format"] == 1
    assert inputs["parameters"] == {}


async def test_the_address_of_the_console_is_part_of_the_inputs(memory: Memory, workshop: Workshop) -> None:
    """So that a report that is made again elsewhere bears the link that it had."""
    report = await queued(memory)
    await generation.generate(replace(workshop, public_url="https://leads.example.com"), job(report))
    inputs = json.loads(gzip.decompress(memory.outbox[report.id].delivery.capture.raw_inputs))
    assert inputs["parameters"] == {"public_url": "https://leads.example.com"}


async def test_the_renderer_gets_what_the_pdf_must_say_about_itself(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory)
    await generation.generate(workshop, job(report))
    ((inputs, given),) = workshop.renderer.rendered  # type: ignore[attr-defined]
    assert given.lineage_id == str(report.lineage_id)
    assert given.report_id == str(report.id)
    assert given.lead_id == str(report.lead_id)
    assert given.pipeline_run_id == report.pipeline_run_id
    assert given.template_version_id == BUNDLE.template_version_id
    assert given.template_digest == BUNDLE.digest
    assert given.inputs_sha256 == payload.sha256(inputs)


async def test_the_log_names_every_step_and_what_the_renderer_said(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory)
    await generation.generate(workshop, job(report))
    log = gzip.decompress(memory.outbox[report.id].delivery.capture.logs)
    lines = [json.loads(line) for line in log.splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "step.ended"]
    assert steps == ["lead", "assess", "render", "store"]
    assert any(line["event"] == "layout.ended" for line in lines)
    assert lines[0]["report_id"] == str(report.id)


async def test_the_lead_is_read_for_the_person_who_asked(memory: Memory, workshop: Workshop) -> None:
    seen = []
    leads = Leads(lambda: seen.append(identity.current_actor()))
    report = await queued(memory, created_by="grace")
    await generation.generate(replace(workshop, leads=leads), job(report))
    assert [(each.subject, each.workload, each.is_person) for each in seen] == [
        ("grace", "report-worker", True)
    ]


async def test_the_relay_is_woken_after_the_commit(memory: Memory, workshop: Workshop) -> None:
    woken = []
    report = await queued(memory)
    awake = replace(workshop, captured=lambda: woken.append(memory.reports[report.id].status))
    await generation.generate(awake, job(report))
    assert woken == [Status.COMPLETED]


async def test_with_capturing_off_a_report_completes_and_says_so(memory: Memory, workshop: Workshop) -> None:
    woken: list[bool] = []
    report = await queued(memory)
    off = replace(workshop, captures=False, captured=lambda: woken.append(True))
    await generation.generate(off, job(report))
    assert memory.reports[report.id].status is Status.COMPLETED
    assert memory.reports[report.id].lineage_status is LineageStatus.DISABLED
    assert memory.outbox == {}
    assert woken == []
    later = await queued(memory)
    await generation.generate(workshop, job(later))
    assert list(memory.outbox) == [later.id]


async def test_a_run_after_the_end_does_nothing(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    await generation.generate(workshop, job(report))
    before = memory.reports[report.id]
    await generation.generate(workshop, job(report))
    assert memory.reports[report.id] == before
    assert len(workshop.renderer.rendered) == 1  # type: ignore[attr-defined]


async def test_a_job_of_no_report_is_done_with(workshop: Workshop) -> None:
    await generation.generate(workshop, job(a_report()))


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("The lead service does not answer."),
        ConnectionResetError("gone"),
        KeyError("a fault of ours"),
    ],
)
async def test_a_failure_that_passes_is_got_over(
    memory: Memory, workshop: Workshop, error: Exception
) -> None:
    left = [error, error]

    def mishap() -> None:
        if left:
            raise left.pop()

    report = await queued(memory)
    assert await run_to_the_end(replace(workshop, leads=Leads(mishap)), report) == 3
    assert memory.reports[report.id].status is Status.COMPLETED
    assert memory.reports[report.id].error == ""


async def test_a_failure_that_does_not_pass_ends_the_report_with_its_reason(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory)
    leads = Leads(raising(Unavailable("The lead service does not answer.")))
    assert await run_to_the_end(replace(workshop, leads=leads), report) == MAXIMUM_ATTEMPTS
    failed = memory.reports[report.id]
    assert failed.status is Status.FAILED
    assert failed.error == f"The lead service does not answer. It was tried {MAXIMUM_ATTEMPTS} times."
    assert failed.completed_at == NOON


def log_of(memory: Memory, report: Report) -> list[dict[str, Any]]:
    log = gzip.decompress(memory.outbox[report.id].delivery.capture.logs)
    return [json.loads(line) for line in log.splitlines()]


async def test_a_failure_is_captured_with_its_log_and_what_was_known(
    memory: Memory, workshop: Workshop
) -> None:
    woken: list[bool] = []
    report = await queued(memory)
    renderer = Renderer(raising(RenderFailed("the paper ran out", transient=False)))
    failing = replace(workshop, renderer=renderer, captured=lambda: woken.append(True))
    await generation.generate(failing, job(report))
    delivery = memory.outbox[report.id].delivery
    assert memory.reports[report.id].lineage_status is LineageStatus.PENDING
    assert delivery.pdf_sha256 is None
    ((inputs, _),) = renderer.rendered
    assert gzip.decompress(delivery.capture.raw_inputs) == inputs
    told = [
        (line["event"], line.get("reason")) for line in log_of(memory, report) if line["level"] == "error"
    ]
    assert told == [("step.failed", "The paper ran out."), ("run.failed", "The paper ran out.")]
    assert woken == [True]


async def test_a_failure_without_a_lead_keeps_what_the_caller_sent(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory)
    leads = Leads(raising(NotFound("lead", "x")))
    await generation.generate(replace(workshop, leads=leads), job(report))
    inputs = json.loads(gzip.decompress(memory.outbox[report.id].delivery.capture.raw_inputs))
    assert (inputs["lead"], inputs["assessment"]) == (None, None)
    assert inputs["assessment_data"] == {"note": "of the caller"}
    assert inputs["render_time"] == "2026-11-21T12:00:00Z"


async def test_internal_detail_is_not_kept_in_the_log_of_a_failure(
    memory: Memory, workshop: Workshop
) -> None:
    report = await queued(memory)
    leads = Leads(raising(RuntimeError("connecting as hunter2 to 10.0.0.1")))
    await run_to_the_end(replace(workshop, leads=leads), report)
    lines = log_of(memory, report)
    assert "hunter2" not in json.dumps(lines)
    assert {line["reason"] for line in lines if line["level"] == "error"} == {"RuntimeError"}


async def test_with_capturing_off_a_failure_says_so(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    leads = Leads(raising(NotFound("lead", "x")))
    await generation.generate(replace(workshop, leads=leads, captures=False), job(report))
    assert memory.reports[report.id].lineage_status is LineageStatus.DISABLED
    assert memory.outbox == {}


async def test_a_failure_that_cannot_be_captured_ends_all_the_same(
    memory: Memory, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await queued(memory)
    monkeypatch.setattr(payload, "members", raising(MemoryError()))
    leads = Leads(raising(NotFound("lead", "x")))
    await generation.generate(replace(workshop, leads=leads), job(report))
    assert memory.reports[report.id].status is Status.FAILED


async def test_a_capture_that_takes_too_long_is_told(
    memory: Memory, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "SLOW_CAPTURE_SECONDS", 0.0)
    report = await queued(memory)
    with capture_logs() as logs:
        await generation.generate(workshop, job(report))
    assert [each["log_level"] for each in logs if each["event"] == "capture.slow"] == ["warning"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound("lead", "x"), r"There is no lead 'x'\..*removed"),
        (PermissionDenied("This process may not call GetLead."), "may not call GetLead"),
    ],
)
async def test_a_final_failure_ends_the_report_at_once(
    memory: Memory, workshop: Workshop, error: Exception, reason: str
) -> None:
    report = await queued(memory)
    assert await run_to_the_end(replace(workshop, leads=Leads(raising(error))), report) == 1
    assert memory.reports[report.id].status is Status.FAILED
    assert re.search(reason, memory.reports[report.id].error)


@pytest.mark.parametrize(("transient", "runs"), [(True, MAXIMUM_ATTEMPTS), (False, 1)])
async def test_a_render_is_tried_again_only_if_that_can_help(
    memory: Memory, workshop: Workshop, transient: bool, runs: int
) -> None:
    report = await queued(memory)
    renderer = Renderer(raising(RenderFailed("the paper ran out", transient=transient)))
    assert await run_to_the_end(replace(workshop, renderer=renderer), report) == runs
    assert memory.reports[report.id].error.startswith("The paper ran out.")


async def test_internal_detail_is_not_told_to_the_person(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    leads = Leads(raising(RuntimeError("password=hunter2 at 10.0.0.1")))
    await run_to_the_end(replace(workshop, leads=leads), report)
    assert "hunter2" not in memory.reports[report.id].error
    assert memory.reports[report.id].error.startswith("Something unforeseen went wrong")


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


async def test_a_template_that_changed_since_is_not_used(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    memory.reports[report.id] = replace(report, template_digest="ef" * 32)
    await generation.generate(workshop, job(report))
    assert memory.reports[report.id].status is Status.FAILED
    assert "no longer the one" in memory.reports[report.id].error


async def test_a_real_pdf_is_the_same_file_when_made_again(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    pool = RenderPool(1)
    await pool.start()
    try:
        await generation.generate(replace(workshop, renderer=pool), job(report))
        first = memory.reports[report.id]
        memory.reports[report.id] = replace(report, render_time=first.render_time)
        await generation.generate(replace(workshop, renderer=pool), job(report))
    finally:
        await pool.close()
    second = memory.reports[report.id]
    assert first.pdf is not None
    assert first.pdf == second.pdf
    assert first.pdf.page_count >= 2
    assert workshop.objects.kept[first.pdf.object_key].startswith(b"%PDF-")  # type: ignore[attr-defined]
