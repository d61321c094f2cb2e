"""What a report is, how it moves, and what the rest of this context needs from a store.

    QUEUED ──> RUNNING ──> COMPLETED    with its capture, or marked as made without
       │          │
       └──────────┼──────> CANCELLED    at somebody's wish; nothing was made, nothing is captured
                  │  └───> FAILED       with its capture too, and a reason for the person who asked
                  └──┐
                     └───> RUNNING      the next attempt, after a crash or a passing failure

A report that has ended is final. Its capture waits in the outbox until the lineage service has it, so
that at any instant *completed = recorded + waiting + disabled + discarded*.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from report_service.deliveries import Capture
from services.errors import FailedPrecondition

DEFAULT_TEMPLATE = "website_audit"
DEFAULT_LOCALE = "en"
MAXIMUM_ASSESSMENT_BYTES = 1024 * 1024


class Status(StrEnum):
    """How far a report has come."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ERASED = "What was said here was erased with the lead."
"""Stands where an erased report said why it failed."""

ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
"""No report leaves one of these again."""


class LineageStatus(StrEnum):
    """Where the lineage of a report is."""

    PENDING = "PENDING"
    RECORDED = "RECORDED"
    DISABLED = "DISABLED"
    DISCARDED = "DISCARDED"
    """Captured, and given up by an admin because it could never be delivered."""
    NONE = "NONE"
    """There is nothing to capture: nothing was made."""


@dataclass(frozen=True, slots=True)
class Pdf:
    """A stored PDF."""

    sha256: str
    size_bytes: int
    page_count: int
    object_key: str


@dataclass(frozen=True, slots=True)
class Report:
    """One generation of one PDF."""

    id: UUID
    lineage_id: UUID
    """Fixed before the PDF is made, because the PDF carries it."""
    lead_id: UUID
    domain: str
    """The lead's domain when the report was asked for; names the file that people download."""
    pipeline_run_id: str
    template_version_id: str
    template_digest: str
    locale: str
    created_by: str
    created_at: datetime
    status: Status = Status.QUEUED
    lineage_status: LineageStatus = LineageStatus.PENDING
    progress: int = 0
    """Per cent, 0 to 100."""
    step: str = ""
    error: str = ""
    attempts: int = 0
    """How often a worker began; the latest attempt alone may change the report."""
    render_time: datetime | None = None
    """The date that the PDF bears: set by the first attempt, so that later ones give the same bytes."""
    pdf: Pdf | None = None
    completed_at: datetime | None = None
    version: int = 1
    retry_of: UUID | None = None
    """The report that this one is another attempt at."""
    batch_id: UUID | None = None
    batch_position: int = 0
    """Counted from 1; 0 outside of a batch."""
    supersedes: UUID | None = None
    """The report that this one stands in for."""
    superseded_by: UUID | None = None
    """The completed report that stands in for this one."""
    erased_at: datetime | None = None
    """When its PDF, and what it said of its lead, were erased with the lead."""

    @property
    def filename(self) -> str:
        """What a browser should call the PDF."""
        if self.domain and self.render_time:
            return f"{self.domain}-{self.render_time:%Y-%m-%d}.pdf"
        return f"report-{self.id}.pdf"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a caller asks for; empty text means the default."""

    lead_id: UUID
    template: str = ""
    template_version: str = ""
    pipeline_run_id: str = ""
    assessment_data: bytes | None = None
    """RFC 8785 canonical JSON of an object."""
    locale: str = ""
    request_id: str = ""
    """The caller's own name for this request, under which it may be sent again."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request that its caller may send again: who calls it what, and a digest of what it asks for."""

    subject: str
    method: str
    key: str
    request_sha256: str

    def require_same(self, request_sha256: str) -> None:
        """Raise FailedPrecondition unless this digest is the request's own."""
        if request_sha256 != self.request_sha256:
            raise FailedPrecondition(
                "Another request was sent under this key before. Use a new key for a new request.",
                reason="IDEMPOTENCY_KEY_REUSED",
            )


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which reports a list shows."""

    lead_id: UUID | None = None
    status: Status | None = None
    batch_id: UUID | None = None
    template_version_id: str = ""
    template_digest: str = ""

    @property
    def binding(self) -> str:
        """This filter and the order of its pages, in canonical text."""
        batch = f" batch_id={self.batch_id}" if self.batch_id else ""
        template = f" template={self.template_version_id}" if self.template_version_id else ""
        digest = f" digest={self.template_digest}" if self.template_digest else ""
        asked = f"lead_id={self.lead_id or ''} status={self.status or ''}{batch}{template}{digest}"
        return f"reports {asked} order=-id"


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a list of reports."""

    reports: Sequence[Report]
    next_page_token: str
    """Empty on the last page."""
    total_size_estimate: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """A report that a worker has just taken, with what the worker needs besides."""

    report: Report
    assessment_data: bytes | None


class ReportStore(Protocol):
    """Reports within one unit of work."""

    async def add(self, report: Report, assessment_data: bytes | None) -> None:
        """Add a queued report together with the job that will make it."""

    async def count_queued(self, *, batched: bool = False) -> int:
        """Return how many reports wait for a worker: those of batches, or all others."""

    async def get(self, report_id: UUID) -> Report:
        """Return a report; raises NotFound."""

    async def page(self, wanted: ReportFilter, size: int, after: UUID | None) -> Sequence[Report]:
        """Return up to ``size`` reports, newest first, that come after a report in that order."""

    async def estimate(self, wanted: ReportFilter) -> int:
        """Return about how many reports match; exact if there are few."""

    async def claim(self, report_id: UUID, at: datetime) -> Assignment | None:
        """Begin the next attempt at a report; None if it has ended or does not exist."""

    async def advance(
        self, report_id: UUID, attempt: int, step: str, progress: int, object_key: str | None = None
    ) -> bool:
        """Say how far an attempt is; False if it is no longer the latest one, or the report ended.

        With the key of the object that it is about to store, so that whatever becomes of it can be found.
        """

    async def complete(
        self, report_id: UUID, attempt: int, pdf: Pdf, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report well, with its capture in the outbox, or without one as DISABLED.

        Returns False, and changes nothing, if the attempt is no longer the latest one.
        """

    async def fail(
        self, report_id: UUID, attempt: int, reason: str, capture: Capture | None, at: datetime
    ) -> bool:
        """End a report without a PDF, with its capture in the outbox, or without one as DISABLED.

        Returns False, and changes nothing, if the attempt is no longer the latest one.
        """

    async def cancel(self, report_id: UUID, at: datetime) -> bool:
        """End a report as CANCELLED; False if it has ended before, or does not exist."""

    async def assessment_data(self, report_id: UUID) -> bytes | None:
        """Return what the caller gave to a report."""

    async def first_answer(self, request: RequestKey) -> UUID | None:
        """Return what the request made when it was sent before, None if it was not.

        Raises FailedPrecondition if its key stands for a different request.
        """

    async def remember(self, request: RequestKey, made: UUID, at: datetime) -> UUID:
        """Keep what a request makes, and return it, or what the same request made meanwhile.

        Waits for a unit of work that remembers the same key. Raises FailedPrecondition as above.
        """

    async def forget_requests(self, before: datetime) -> int:
        """Forget requests that were remembered before; returns how many."""

    async def requeue_unattended(self, limit: int) -> int:
        """Make new jobs for unfinished reports that no job stands for; returns how many."""


class ReportStores(Protocol):
    """Opens units of work on reports."""

    def read(self) -> AbstractAsyncContextManager[ReportStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[ReportStore]:
        """Open one that commits if its block ends well."""


class Leads(Protocol):
    """The lead context, as far as reports need it."""

    async def get(self, lead_id: UUID) -> Mapping[str, Any]:
        """Return a lead and its facts as the JSON of its message; raises NotFound, or Unavailable."""


class Objects(Protocol):
    """Where PDFs are kept, by the SHA-256 of their bytes."""

    def key(self, sha256: str) -> str:
        """Return the key of what has this digest."""

    async def put(self, data: bytes, sha256: str) -> str:
        """Store bytes durably unless they are there already; returns their key."""

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a range of an object; raises DataLoss if it is gone."""
