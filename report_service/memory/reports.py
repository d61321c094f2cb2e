"""Reports in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from report_service.deliveries import Capture, Delivery
from report_service.domain import (
    ENDED,
    Assignment,
    LineageStatus,
    Pdf,
    Report,
    ReportFilter,
    RequestKey,
    Status,
)
from report_service.memory.state import State, Waiting
from services.errors import NotFound


class MemoryReportStore:
    """Reports within one unit of work."""

    def __init__(self, memory: State) -> None:
        """Take the memory."""
        self._memory = memory

    async def add(self, report: Report, assessment_data: bytes | None) -> None:
        """Add a queued report together with the job that will make it."""
        self._memory.reports[report.id] = report
        self._memory.assessment_data[report.id] = assessment_data
        self._memory.jobs.append(report.id)

    async def count_queued(self, *, batched: bool = False) -> int:
        """Return how many reports wait for a worker: those of batches, or all others."""
        queued = [each for each in self._memory.reports.values() if each.status is Status.QUEUED]
        return sum((each.batch_id is not None) == batched for each in queued)

    async def get(self, report_id: UUID) -> Report:
        """Return a report; raises NotFound."""
        report = self._memory.reports.get(report_id)
        if report is None:
            raise NotFound("report", str(report_id))
        return self._shown(report)

    async def page(self, wanted: ReportFilter, size: int, after: UUID | None) -> Sequence[Report]:
        """Return up to ``size`` reports, newest first, that come after a report in that order."""
        newest_first = sorted(self._matching(wanted), key=lambda each: each.id, reverse=True)
        return [self._shown(each) for each in newest_first if after is None or each.id < after][:size]

    async def estimate(self, wanted: ReportFilter) -> int:
        """Return how many reports match."""
        return len(self._matching(wanted))

    async def claim(self, report_id: UUID, at: datetime) -> Assignment | None:
        """Begin the next attempt at a report; None if it has ended or does not exist."""
        report = self._memory.reports.get(report_id)
        if report is None or report.status not in (Status.QUEUED, Status.RUNNING):
            return None
        begun = self._change(
            report,
            status=Status.RUNNING,
            attempts=report.attempts + 1,
            render_time=report.render_time or at.replace(microsecond=0),
            step="",
            progress=0,
        )
        return Assignment(begun, self._memory.assessment_data[report_id])

    async def advance(
        self, report_id: UUID, attempt: int, step: str, progress: int, object_key: str | None = None
    ) -> bool:
        """Say how far an attempt is; False if it is no longer the latest one, or the report ended."""
        report = self._running(report_id, attempt)
        if report is None:
            return False
        self._change(report, step=step, progress=progress)
        if object_key is not None:
            self._memory.object_keys[report_id] = object_key
        return True

    async def complete(
        self, report_id: UUID, attempt: int, pdf: Pdf, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report well, with its capture in the outbox, or without one as DISABLED."""
        report = self._running(report_id, attempt)
        if report is None:
            return False
        self._change(
            report,
            status=Status.COMPLETED,
            lineage_status=LineageStatus.DISABLED if capture is None else LineageStatus.PENDING,
            step="",
            error="",
            progress=100,
            pdf=pdf,
            completed_at=at,
        )
        self._put_into_outbox(report, pdf, capture)
        return True

    async def fail(
        self, report_id: UUID, attempt: int, reason: str, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report without a PDF, with its capture in the outbox, or without one as DISABLED."""
        report = self._running(report_id, attempt)
        if report is None:
            return False
        self._change(
            report,
            status=Status.FAILED,
            lineage_status=LineageStatus.DISABLED if capture is None else LineageStatus.PENDING,
            error=reason,
            step="",
            completed_at=at,
        )
        self._put_into_outbox(report, None, capture)
        return True

    async def cancel(self, report_id: UUID, at: datetime) -> bool:
        """End a report as CANCELLED; False if it has ended before, or does not exist."""
        report = self._memory.reports.get(report_id)
        if report is None or report.status in ENDED:
            return False
        self._change(
            report, status=Status.CANCELLED, lineage_status=LineageStatus.NONE, step="", completed_at=at
        )
        return True

    async def assessment_data(self, report_id: UUID) -> bytes | None:
        """Return what the caller gave to a report."""
        return self._memory.assessment_data.get(report_id)

    async def first_answer(self, request: RequestKey) -> UUID | None:
        """Return what the request made when it was sent before, None if it was not."""
        known = self._memory.requests.get((request.subject, request.method, request.key))
        if known is None:
            return None
        request.require_same(known[0].request_sha256)
        return known[1]

    async def remember(self, request: RequestKey, made: UUID, at: datetime) -> UUID:
        """Keep what a request makes, and return it, or what the same request made meanwhile."""
        identity = (request.subject, request.method, request.key)
        self._memory.requests.setdefault(identity, (request, made, at))
        return await self.first_answer(request) or made

    async def forget_requests(self, before: datetime) -> int:
        """Forget requests that were remembered before; returns how many."""
        old = [identity for identity, (_, _, at) in self._memory.requests.items() if at < before]
        for identity in old:
            del self._memory.requests[identity]
        return len(old)

    async def requeue_unattended(self, limit: int) -> int:
        """Make new jobs for unfinished reports that no job stands for; returns how many."""
        lost = [
            each.id
            for each in self._memory.reports.values()
            if each.status in (Status.QUEUED, Status.RUNNING) and each.id not in self._memory.jobs
        ][:limit]
        self._memory.jobs.extend(lost)
        return len(lost)

    def _put_into_outbox(self, report: Report, pdf: Pdf | None, capture: Capture | None) -> None:
        if capture is not None:
            now = self._memory.clock()
            self._memory.outbox[report.id] = Waiting(_delivery(report, pdf, capture), now, now)

    def _matching(self, wanted: ReportFilter) -> list[Report]:
        return [
            each
            for each in self._memory.reports.values()
            if wanted.lead_id in (None, each.lead_id)
            and wanted.status in (None, each.status)
            and wanted.batch_id in (None, each.batch_id)
            and wanted.template_version_id in ("", each.template_version_id)
            and wanted.template_digest in ("", each.template_digest)
        ]

    def _shown(self, report: Report) -> Report:
        """Return a report with what others say of it."""
        for each in self._memory.reports.values():
            if each.supersedes == report.id and each.status is Status.COMPLETED:
                return replace(report, superseded_by=each.id)
        return report

    def _running(self, report_id: UUID, attempt: int) -> Report | None:
        report = self._memory.reports.get(report_id)
        if report is None or report.status is not Status.RUNNING or report.attempts != attempt:
            return None
        return report

    def _change(self, report: Report, **values: Any) -> Report:
        changed = replace(report, version=report.version + 1, **values)
        self._memory.reports[report.id] = changed
        return changed


def _delivery(report: Report, pdf: Pdf | None, capture: Capture) -> Delivery:
    return Delivery(
        report_id=report.id,
        lineage_id=report.lineage_id,
        lead_id=report.lead_id,
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        template_digest=report.template_digest,
        pdf_sha256=pdf.sha256 if pdf else None,
        created_by=report.created_by,
        capture=capture,
        attempt=0,
    )
