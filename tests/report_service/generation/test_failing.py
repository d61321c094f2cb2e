"""Promise: a report that cannot be made ends as FAILED with a reason and its lineage, never in between."""

import gzip
import json
import re
from dataclasses import replace

import pytest

from report_service import generation, payload
from report_service.domain import LineageStatus, Status
from report_service.generation import MAXIMUM_ATTEMPTS, Workshop
from report_service.memory import Memory
from report_service.rendering.pool import RenderFailed
from services.errors import NotFound, PermissionDenied, Unavailable
from tests.report_service.builders import NOON
from tests.report_service.generation.conftest import job, log_of, queued, raising, run_to_the_end
from tests.report_service.stubs import Leads, Renderer


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


async def test_a_template_that_changed_since_is_not_used(memory: Memory, workshop: Workshop) -> None:
    report = await queued(memory)
    memory.reports[report.id] = replace(report, template_digest="ef" * 32)
    await generation.generate(workshop, job(report))
    assert memory.reports[report.id].status is Status.FAILED
    assert "no longer the one" in memory.reports[report.id].error
