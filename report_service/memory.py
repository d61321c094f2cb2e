"""Reports and their outbox in memory: what the stores in PostgreSQL promise, without PostgreSQL.

For tests and trials; a unit of work sees all or nothing here too, one at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from report_service.deliveries import Backlog, Capture, Delivery
from report_service.domain import Assignment, LineageStatus, Pdf, Report, ReportFilter, Status
from services.clock import Clock, utc_now
from services.errors import NotFound

Store = TypeVar("Store", covariant=True)


@dataclass(frozen=True)
class Waiting:
    """A delivery in the outbox."""

    delivery: Delivery
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None
    last_error: str = ""
    dead_at: datetime | None = None


@dataclass
class Memory:
    """Everything that this context would keep in its database."""

    clock: Clock = utc_now
    reports: dict[UUID, Report] = field(default_factory=dict)
    assessment_data: dict[UUID, bytes | None] = field(default_factory=dict)
    outbox: dict[UUID, Waiting] = field(default_factory=dict)
    jobs: list[UUID] = field(default_factory=list)
    """The reports that a job stands for; tests take from it what a worker would."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def reports_stores(self) -> "MemoryUnitsOfWork[MemoryReportStore]":
        """Return what opens units of work on the reports."""
        return MemoryUnitsOfWork(self, MemoryReportStore)

    def outbox_stores(self) -> "MemoryUnitsOfWork[MemoryOutboxStore]":
        """Return what opens units of work on the outbox."""
        return MemoryUnitsOfWork(self, MemoryOutboxStore)


class MemoryUnitsOfWork(Generic[Store]):
    """Opens units of work on a memory."""

    def __init__(self, memory: Memory, make_store: Callable[[Memory], Store]) -> None:
        """Take the memory and how to make a store on it."""
        self._memory = memory
        self._make_store = make_store

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Store]:
        """Open one that changes nothing."""
        async with self._rolled_back(always=True) as store:
            yield store

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Store]:
        """Open one that commits if its block ends well."""
        async with self._rolled_back(always=False) as store:
            yield store

    @asynccontextmanager
    async def _rolled_back(self, *, always: bool) -> AsyncIterator[Store]:
        memory = self._memory
        async with memory.lock:
            before = (
                dict(memory.reports),
                dict(memory.assessment_data),
                dict(memory.outbox),
                list(memory.jobs),
            )
            ended_well = False
            try:
                yield self._make_store(memory)
                ended_well = True
            finally:
                if always or not ended_well:
                    memory.reports, memory.assessment_data, memory.outbox, memory.jobs = before


class MemoryReportStore:
    """Reports within one unit of work."""

    def __init__(self, memory: Memory) -> None:
        """Take the memory."""
        self._memory = memory

    async def add(self, report: Report, assessment_data: bytes | None) -> None:
        """Add a queued report together with the job that will make it."""
        self._memory.reports[report.id] = report
        self._memory.assessment_data[report.id] = assessment_data
        self._memory.jobs.append(report.id)

    async def count_queued(self) -> int:
        """Return how many reports wait for a worker."""
        return sum(each.status is Status.QUEUED for each in self._memory.reports.values())

    async def get(self, report_id: UUID) -> Report:
        """Return a report; raises NotFound."""
        report = self._memory.reports.get(report_id)
        if report is None:
            raise NotFound("report", str(report_id))
        return report

    async def page(self, wanted: ReportFilter, size: int, after: UUID | None) -> Sequence[Report]:
        """Return up to ``size`` reports, newest first, that come after a report in that order."""
        newest_first = sorted(self._matching(wanted), key=lambda each: each.id, reverse=True)
        return [each for each in newest_first if after is None or each.id < after][:size]

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

    async def advance(self, report_id: UUID, attempt: int, step: str, progress: int) -> bool:
        """Say how far an attempt is; False if it is no longer the latest one, or the report ended."""
        report = self._running(report_id, attempt)
        if report is None:
            return False
        self._change(report, step=step, progress=progress)
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
        if capture is not None:
            now = self._memory.clock()
            self._memory.outbox[report_id] = Waiting(_delivery(report, pdf, capture), now, now)
        return True

    async def fail(self, report_id: UUID, attempt: int, reason: str, at: datetime) -> bool:
        """End a report without a PDF; False if the attempt is no longer the latest one."""
        report = self._running(report_id, attempt)
        if report is None:
            return False
        self._change(report, status=Status.FAILED, error=reason, step="", completed_at=at)
        return True

    async def requeue_unattended(self, limit: int) -> int:
        """Make new jobs for unfinished reports that no job stands for; returns how many."""
        lost = [
            each.id
            for each in self._memory.reports.values()
            if each.status in (Status.QUEUED, Status.RUNNING) and each.id not in self._memory.jobs
        ][:limit]
        self._memory.jobs.extend(lost)
        return len(lost)

    def _matching(self, wanted: ReportFilter) -> list[Report]:
        return [
            each
            for each in self._memory.reports.values()
            if wanted.lead_id in (None, each.lead_id) and wanted.status in (None, each.status)
        ]

    def _running(self, report_id: UUID, attempt: int) -> Report | None:
        report = self._memory.reports.get(report_id)
        if report is None or report.status is not Status.RUNNING or report.attempts != attempt:
            return None
        return report

    def _change(self, report: Report, **values: object) -> Report:
        changed = replace(report, version=report.version + 1, **values)  # type: ignore[arg-type]
        self._memory.reports[report.id] = changed
        return changed


class MemoryOutboxStore:
    """Captures waiting for the lineage service, within one unit of work."""

    def __init__(self, memory: Memory) -> None:
        """Take the memory."""
        self._memory = memory

    async def claim(self, limit: int, lease: timedelta, *, eager: bool = False) -> Sequence[Delivery]:
        """Lease deliveries that are due and that nobody holds; ``eager`` takes those not yet due too."""
        now = self._memory.clock()
        due = sorted(
            (
                each
                for each in self._memory.outbox.values()
                if each.dead_at is None
                and (each.leased_until is None or each.leased_until < now)
                and (eager or each.next_attempt_at <= now)
            ),
            key=lambda each: each.next_attempt_at,
        )[:limit]
        claimed = []
        for each in due:
            delivery = replace(each.delivery, attempt=each.delivery.attempt + 1)
            mebibytes = delivery.capture.payload_size_bytes / (1024 * 1024)
            until = now + lease + timedelta(seconds=mebibytes)
            self._memory.outbox[delivery.report_id] = replace(each, delivery=delivery, leased_until=until)
            claimed.append(delivery)
        return claimed

    async def acknowledge(self, report_id: UUID) -> bool:
        """Remove a delivery and mark its report RECORDED; False if that was done before."""
        if self._memory.outbox.pop(report_id, None) is None:
            return False
        report = self._memory.reports[report_id]
        self._memory.reports[report_id] = replace(
            report, lineage_status=LineageStatus.RECORDED, version=report.version + 1
        )
        return True

    async def postpone(self, report_id: UUID, attempt: int, delay: timedelta, reason: str) -> None:
        """Give back a delivery that failed, to be tried again after a delay."""
        self._change(
            report_id,
            attempt,
            next_attempt_at=self._memory.clock() + delay,
            leased_until=None,
            last_error=reason,
        )

    async def bury(self, report_id: UUID, attempt: int, reason: str) -> None:
        """Set aside a delivery that can never succeed as it is."""
        self._change(report_id, attempt, dead_at=self._memory.clock(), leased_until=None, last_error=reason)

    async def hasten(self) -> None:
        """Make every waiting delivery due now."""
        now = self._memory.clock()
        for report_id, each in self._memory.outbox.items():
            if each.dead_at is None and each.next_attempt_at > now:
                self._memory.outbox[report_id] = replace(each, next_attempt_at=now)

    async def backlog(self) -> Backlog:
        """Return what the outbox holds."""
        kept = self._memory.outbox.values()
        dead = sum(each.dead_at is not None for each in kept)
        oldest = min((each.created_at for each in kept), default=None)
        age = (self._memory.clock() - oldest).total_seconds() if oldest else 0.0
        return Backlog(len(kept) - dead, dead, age)

    def _change(self, report_id: UUID, attempt: int, **values: object) -> None:
        waiting = self._memory.outbox.get(report_id)
        if waiting is not None and waiting.delivery.attempt == attempt:
            self._memory.outbox[report_id] = replace(waiting, **values)  # type: ignore[arg-type]


def _delivery(report: Report, pdf: Pdf, capture: Capture) -> Delivery:
    return Delivery(
        report_id=report.id,
        lineage_id=report.lineage_id,
        lead_id=report.lead_id,
        pipeline_run_id=report.pipeline_run_id,
        template_version_id=report.template_version_id,
        template_digest=report.template_digest,
        pdf_sha256=pdf.sha256,
        created_by=report.created_by,
        capture=capture,
        attempt=0,
    )
