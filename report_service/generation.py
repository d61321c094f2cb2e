"""Making one report: the job that a worker runs.

    claim ─> lead ─> assess ─> render ─> store ─> complete
                                            object before row, row and capture in one commit

Any step may be cut short by a crash. The job is then run again, by this worker or another: the claim
counts the attempts and outdates the one before, the date that the PDF bears stays that of the first,
and a run after the end finds nothing to do.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from report_service import assessment, metrics, payload
from report_service.capture import LineageCapture, NoCapture
from report_service.domain import Assignment, Leads, Objects, Pdf, Report, ReportStores
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, RenderFailed, Rendering
from services import jobs
from services.clock import Clock
from services.errors import (
    Aborted,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from services.identity import Actor, acting_as

MAXIMUM_ATTEMPTS = 6
SLOW_CAPTURE_SECONDS = 0.05
INPUTS_FORMAT = 1
PROCESS = "report-worker"

# What may be gone a moment later. A token that has just run out is read again from its file.
PASSING = (Unavailable, DeadlineExceeded, Aborted, ResourceExhausted, Unauthenticated)

log = structlog.get_logger(__name__)


class Renderer(Protocol):
    """What turns inputs into a PDF."""

    async def render(self, bundle: bundles.Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Render canonical inputs; raises RenderFailed."""


@dataclass(frozen=True)
class Workshop:
    """What reports are made with."""

    stores: ReportStores
    leads: Leads
    objects: Objects
    renderer: Renderer
    environment_digest: str
    clock: Clock
    templates: bundles.Templates = field(default_factory=bundles.ShippedTemplates)
    public_url: str = ""
    """Where people reach the console, for the link that a PDF carries; no link if empty."""
    captures: bool = True
    """False while ENABLE_REPORT_LINEAGE is off."""
    completed: Callable[[], None] = lambda: None
    """Called after each commit that put a capture into the outbox."""


class Superseded(Exception):
    """Another worker has begun a later attempt, or the report has ended."""


async def generate(workshop: Workshop, job: jobs.Job) -> None:
    """Make the report that a job names; raises jobs.Retry after a failure that may pass."""
    async with workshop.stores.write() as store:
        assignment = await store.claim(UUID(job.payload.decode()), workshop.clock())
    if assignment is None:
        return
    report = assignment.report
    # For the person who asked, and accounted to them: this process has the right, not the wish.
    with acting_as(Actor(report.created_by, workload=PROCESS)), _log_context(report):
        if report.attempts > MAXIMUM_ATTEMPTS:
            # Every attempt was begun and none came to an end: the process died over it.
            await _fail(
                workshop, report, "The report could not be made: each attempt was cut short by a crash."
            )
            return
        try:
            await _make(workshop, assignment)
        except Superseded:
            log.info(metrics.REPORT_SUPERSEDED)
        except Exception as error:
            await _settle(workshop, report, error)


async def _make(workshop: Workshop, assignment: Assignment) -> None:
    report = assignment.report
    capture = (LineageCapture if workshop.captures else NoCapture)(
        workshop.clock,
        report_id=report.id,
        lineage_id=report.lineage_id,
        lead_id=report.lead_id,
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        attempt=report.attempts,
    )
    with capture:
        await _advance(workshop, report, "lead", 5)
        with _step(capture, "lead"):
            lead = await workshop.leads.get(report.lead_id)
        with _step(capture, "assess"):
            inputs = await asyncio.to_thread(canonical_inputs, assignment, lead, workshop.public_url)
        await _advance(workshop, report, "render", 20)
        with _step(capture, "render"):
            rendering = await _render(workshop, report, inputs, capture)
        await _advance(workshop, report, "store", 85)
        with _step(capture, "store"):
            key = await workshop.objects.put(rendering.pdf, rendering.pdf_sha256)
        pdf = Pdf(rendering.pdf_sha256, len(rendering.pdf), rendering.page_count, key)
        capture.note("pdf.stored", sha256=pdf.sha256, size_bytes=pdf.size_bytes, pages=pdf.page_count)
        captured = await asyncio.to_thread(capture.seal, inputs, workshop.environment_digest)
    async with workshop.stores.write() as store:
        if not await store.complete(report.id, report.attempts, pdf, captured, workshop.clock()):
            raise Superseded
    if captured is not None:
        metrics.CAPTURE_SECONDS.observe(capture.overhead_seconds)
        if capture.overhead_seconds > SLOW_CAPTURE_SECONDS:
            log.warning(metrics.CAPTURE_SLOW, milliseconds=round(capture.overhead_seconds * 1000, 1))
        workshop.completed()
    metrics.REPORTS.labels("completed").inc()
    log.info(metrics.REPORT_COMPLETED, seconds=round(rendering.seconds, 3), pages=pdf.page_count)


async def _render(workshop: Workshop, report: Report, inputs: bytes, capture: LineageCapture) -> Rendering:
    bundle = await workshop.templates.bring(report.template_version_id, report.template_digest)
    identity = PdfIdentity(
        lineage_id=str(report.lineage_id),
        report_id=str(report.id),
        lead_id=str(report.lead_id),
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        template_digest=report.template_digest,
        inputs_sha256=payload.sha256(inputs),
    )
    try:
        rendering = await workshop.renderer.render(bundle, inputs, identity)
    except RenderFailed as error:
        _copy_log(capture, error.log)
        raise
    _copy_log(capture, rendering.log)
    return rendering


def canonical_inputs(assignment: Assignment, lead: Mapping[str, Any], public_url: str = "") -> bytes:
    """Return everything that the PDF is made from, as RFC 8785 canonical JSON."""
    report = assignment.report
    assert report.render_time is not None
    given = assignment.assessment_data
    return payload.canonical(
        {
            "format": INPUTS_FORMAT,
            "lead": lead,
            "assessment": assessment.to_json(assessment.assess(lead)),
            "assessment_data": None if given is None else payload.parse(given),
            "parameters": {"public_url": public_url} if public_url else {},
            "render_time": _instant(report.render_time),
            "locale": report.locale,
        }
    )


async def _advance(workshop: Workshop, report: Report, step: str, progress: int) -> None:
    async with workshop.stores.write() as store:
        if not await store.advance(report.id, report.attempts, step, progress):
            raise Superseded


async def _settle(workshop: Workshop, report: Report, error: Exception) -> None:
    """Decide what a failure means: another attempt, or the end with a reason for the person."""
    reason, passing = _explain(error)
    if passing and report.attempts < MAXIMUM_ATTEMPTS:
        metrics.REPORTS.labels("retried").inc()
        log.warning(metrics.REPORT_RETRIED, reason=reason, attempt=report.attempts, exc_info=error)
        raise jobs.Retry(reason, jobs.backoff(report.attempts)) from error
    if report.attempts > 1:
        reason = f"{reason} It was tried {report.attempts} times."
    await _fail(workshop, report, reason, error)


async def _fail(workshop: Workshop, report: Report, reason: str, error: Exception | None = None) -> None:
    async with workshop.stores.write() as store:
        failed = await store.fail(report.id, report.attempts, reason, workshop.clock())
    if failed:
        metrics.REPORTS.labels("failed").inc()
        log.error(metrics.REPORT_FAILED, reason=reason, attempt=report.attempts, exc_info=error)


def _explain(error: Exception) -> tuple[str, bool]:
    """Return a sentence for the person who asked, and whether the failure may pass."""
    match error:
        case RenderFailed():
            return _sentence(str(error)), error.transient
        case NotFound():
            return f"{error.message} It may have been removed since the report was asked for.", False
        case ServiceError():
            return _sentence(error.message), isinstance(error, PASSING)
        case _:
            return "Something unforeseen went wrong; the log of the report worker names it.", True


def _sentence(text: str) -> str:
    text = text.strip() or "no reason was given"
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


@contextmanager
def _step(capture: LineageCapture, name: str) -> Iterator[None]:
    began = time.perf_counter()
    with capture.step(name):
        yield
    metrics.REPORT_SECONDS.labels(name).observe(time.perf_counter() - began)


def _copy_log(capture: LineageCapture, lines: tuple[dict[str, Any], ...]) -> None:
    for line in lines:
        fields = {name: value for name, value in line.items() if name not in ("event", "level", "time")}
        capture.note(str(line.get("event", "render.note")), level=str(line.get("level", "info")), **fields)


@contextmanager
def _log_context(report: Report) -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(report_id=str(report.id), subject=report.created_by):
        yield


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
