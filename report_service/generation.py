"""Making one report: the job that a worker runs.

    claim ─> lead ─> assess ─> render ─> store ─> complete
                                            object before row, row and capture in one commit

Any step may be cut short by a crash. The job is then run again, by this worker or another: the claim
counts the attempts and outdates the one before, the date that the PDF bears stays that of the first,
and a run after the end finds nothing to do.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from report_service import assessment, failures, metrics, payload
from report_service.capture import LineageCapture, NoCapture
from report_service.deliveries import Capture
from report_service.domain import Assignment, Leads, Objects, Pdf, Report, ReportStores, Status
from report_service.rendering import bundles
from report_service.rendering.pool import PdfIdentity, RenderFailed, Rendering
from services import jobs
from services.clock import Clock
from services.errors import Unavailable
from services.identity import Actor, acting_as

MAXIMUM_ATTEMPTS = 6
SLOW_CAPTURE_SECONDS = 0.05
# How long a cancelled render goes on at most, about.
LOOK_SECONDS = 0.5
INPUTS_FORMAT = 1
PROCESS = "report-worker"

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
    captured: Callable[[], None] = lambda: None
    """Called after each commit that put a capture into the outbox."""


class Superseded(Exception):
    """Another worker has begun a later attempt, or the report has ended."""


@dataclass
class Run:
    """One attempt at one report, and what is known by now."""

    workshop: Workshop
    assignment: Assignment
    capture: LineageCapture
    lead: Mapping[str, Any] | None = None
    inputs: bytes | None = None
    """Everything that the PDF is made from, once that is complete."""

    @classmethod
    def of(cls, workshop: Workshop, assignment: Assignment) -> "Run":
        """Prepare an attempt."""
        report = assignment.report
        capture = (LineageCapture if workshop.captures else NoCapture)(
            workshop.clock,
            failures.told,
            report_id=report.id,
            lineage_id=report.lineage_id,
            lead_id=report.lead_id,
            pipeline_run_id=report.pipeline_run_id,
            template_version_id=report.template_version_id,
            attempt=report.attempts,
        )
        return cls(workshop, assignment, capture)

    @property
    def report(self) -> Report:
        """The report, as it was when this attempt began."""
        return self.assignment.report

    def known_inputs(self) -> bytes:
        """Return the inputs as far as they were known, as RFC 8785 canonical JSON."""
        return self.inputs or payload.canonical(
            _inputs(self.assignment, self.lead, None, self.workshop.public_url)
        )


async def generate(workshop: Workshop, job: jobs.Job) -> None:
    """Make the report that a job names; raises jobs.Retry after a failure that may pass."""
    async with workshop.stores.write() as store:
        assignment = await store.claim(UUID(job.payload.decode()), workshop.clock())
    if assignment is None:
        return
    run = Run.of(workshop, assignment)
    report = run.report
    # For the person who asked, and accounted to them: this process has the right, not the wish.
    with acting_as(Actor(report.created_by, workload=PROCESS)), _log_context(report):
        try:
            with run.capture:
                if report.attempts > MAXIMUM_ATTEMPTS:
                    # Every attempt was begun and none came to an end: the process died over it.
                    raise failures.Crashed
                await _make(run)
        except Superseded:
            log.info(metrics.REPORT_SUPERSEDED)
        except Exception as error:
            await _settle(run, error)


async def _make(run: Run) -> None:
    workshop, report, capture = run.workshop, run.report, run.capture
    await _advance(workshop, report, "lead", 5)
    with _step(capture, "lead"):
        run.lead = await workshop.leads.get(report.lead_id)
    with _step(capture, "assess"):
        run.inputs = await asyncio.to_thread(canonical_inputs, run.assignment, run.lead, workshop.public_url)
    await _advance(workshop, report, "render", 20)
    with _step(capture, "render"):
        rendering = await _while_wanted(run, _render(workshop, report, run.inputs, capture))
    await _advance(workshop, report, "store", 85, workshop.objects.key(rendering.pdf_sha256))
    with _step(capture, "store"):
        key = await workshop.objects.put(rendering.pdf, rendering.pdf_sha256)
    pdf = Pdf(rendering.pdf_sha256, len(rendering.pdf), rendering.page_count, key)
    capture.note("pdf.stored", sha256=pdf.sha256, size_bytes=pdf.size_bytes, pages=pdf.page_count)
    captured = await asyncio.to_thread(capture.seal, run.inputs, workshop.environment_digest)
    async with workshop.stores.write() as store:
        if not await store.complete(report.id, report.attempts, pdf, captured, workshop.clock()):
            raise Superseded
    _captured(run, captured)
    metrics.REPORTS.labels("completed").inc()
    log.info(metrics.REPORT_COMPLETED, seconds=round(rendering.seconds, 3), pages=pdf.page_count)


def _captured(run: Run, captured: Capture | None) -> None:
    """Measure a capture that has committed, and have it delivered."""
    if captured is None:
        return
    metrics.CAPTURE_SECONDS.observe(run.capture.overhead_seconds)
    if run.capture.overhead_seconds > SLOW_CAPTURE_SECONDS:
        log.warning(metrics.CAPTURE_SLOW, milliseconds=round(run.capture.overhead_seconds * 1000, 1))
    run.workshop.captured()


async def _render(workshop: Workshop, report: Report, inputs: bytes, capture: LineageCapture) -> Rendering:
    bundle = await workshop.templates.bring(report.template_version_id, report.template_digest)
    identity = PdfIdentity.of(report, report.template_digest, payload.sha256(inputs))
    try:
        rendering = await workshop.renderer.render(bundle, inputs, identity)
    except RenderFailed as error:
        _copy_log(capture, error.log)
        raise
    _copy_log(capture, rendering.log)
    return rendering


async def _while_wanted(run: Run, rendering: Coroutine[Any, Any, Rendering]) -> Rendering:
    """Wait for a render; end it, and with it its process, once nobody wants its report any more."""
    render = asyncio.create_task(rendering)
    try:
        while not (await asyncio.wait({render}, timeout=LOOK_SECONDS))[0]:
            if not await _is_wanted(run):
                raise Superseded
        return render.result()
    finally:
        render.cancel()
        await asyncio.gather(render, return_exceptions=True)


async def _is_wanted(run: Run) -> bool:
    try:
        async with run.workshop.stores.read() as store:
            now = await store.get(run.report.id)
    except Unavailable:
        return True  # as far as is known
    return now.status is Status.RUNNING and now.attempts == run.report.attempts


def canonical_inputs(assignment: Assignment, lead: Mapping[str, Any], public_url: str = "") -> bytes:
    """Return everything that the PDF is made from, as RFC 8785 canonical JSON."""
    assessed = assessment.to_json(assessment.assess(lead))
    return payload.canonical(_inputs(assignment, lead, assessed, public_url))


def _inputs(
    assignment: Assignment, lead: Mapping[str, Any] | None, assessed: Any, public_url: str
) -> dict[str, Any]:
    report = assignment.report
    assert report.render_time is not None
    given = assignment.assessment_data
    return {
        "format": INPUTS_FORMAT,
        "lead": lead,
        "assessment": assessed,
        "assessment_data": None if given is None else payload.parse(given),
        "parameters": _parameters(report, public_url),
        "render_time": _instant(report.render_time),
        "locale": report.locale,
    }


def _parameters(report: Report, public_url: str) -> dict[str, str]:
    known = {"public_url": public_url, "supersedes": str(report.supersedes or "")}
    return {name: value for name, value in known.items() if value}


async def _advance(
    workshop: Workshop, report: Report, step: str, progress: int, object_key: str | None = None
) -> None:
    async with workshop.stores.write() as store:
        if not await store.advance(report.id, report.attempts, step, progress, object_key):
            raise Superseded


async def _settle(run: Run, error: Exception) -> None:
    """Decide what a failure means: another attempt, or the end with a reason for the person."""
    report = run.report
    reason, passing = failures.explain(error)
    if passing and report.attempts < MAXIMUM_ATTEMPTS:
        metrics.REPORTS.labels("retried").inc()
        log.warning(metrics.REPORT_RETRIED, reason=reason, attempt=report.attempts, exc_info=error)
        raise jobs.Retry(reason, jobs.backoff(report.attempts)) from error
    if 1 < report.attempts <= MAXIMUM_ATTEMPTS:
        reason = f"{reason} It was tried {report.attempts} times."
    captured = await _seal_failure(run)
    async with run.workshop.stores.write() as store:
        failed = await store.fail(report.id, report.attempts, reason, captured, run.workshop.clock())
    if failed:
        _captured(run, captured)
        metrics.REPORTS.labels("failed").inc()
        log.error(metrics.REPORT_FAILED, reason=reason, attempt=report.attempts, exc_info=error)


async def _seal_failure(run: Run) -> Capture | None:
    """Seal what is known; a failure that cannot be captured is not one that never ends."""
    try:
        inputs = await asyncio.to_thread(run.known_inputs)
        return await asyncio.to_thread(run.capture.seal, inputs, run.workshop.environment_digest)
    except Exception:
        log.exception(metrics.CAPTURE_FAILED)
        return None


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
