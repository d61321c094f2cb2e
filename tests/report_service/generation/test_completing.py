"""Promise: a report ends as COMPLETED with its lineage, made of what the inputs and the log say."""

import gzip
import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from report_service import generation, payload
from report_service.domain import LineageStatus, Status
from report_service.generation import Workshop
from report_service.memory import Memory
from report_service.rendering.pool import RenderPool
from services import identity
from tests.report_service.builders import a_report
from tests.report_service.generation.conftest import BUNDLE, job, queued
from tests.report_service.stubs import Leads


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


async def test_a_capture_that_takes_too_long_is_told(
    memory: Memory, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "SLOW_CAPTURE_SECONDS", 0.0)
    report = await queued(memory)
    with capture_logs() as logs:
        await generation.generate(workshop, job(report))
    assert [each["log_level"] for each in logs if each["event"] == "capture.slow"] == ["warning"]


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
