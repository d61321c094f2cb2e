"""What a batch is: many reports that were asked for at once, each with an outcome of its own."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from report_service.domain import ENDED, Report, ReportStore, Status


@dataclass(frozen=True, slots=True)
class LeadSelection:
    """Which leads to report on; what is empty selects nothing out."""

    q: str = ""
    domain: str = ""
    is_manual: bool | None = None
    enrichment_status: str = ""
    created_by: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reissue:
    """Which completed reports to issue again; what is not empty must all be so."""

    template_version_id: str = ""
    template_digest: str = ""
    inputs_sha256: str = ""
    """Known to lineage; it becomes ``report_ids`` before a store is asked."""
    report_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a caller asks for: reports on these leads, or on those that a selection finds, or a re-issue."""

    lead_ids: tuple[UUID, ...] = ()
    selection: LeadSelection | None = None
    reissue: Reissue | None = None
    template: str = ""
    template_version: str = ""
    locale: str = ""
    pipeline_run_id: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Many reports that were asked for at once."""

    id: UUID
    template_version_id: str
    locale: str
    pipeline_run_id: str
    size: int
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """A batch, and how many of its reports are in which status."""

    batch: Batch
    counts: Mapping[Status, int]

    @property
    def ended(self) -> int:
        """How many reports have ended, well or not."""
        return sum(self.counts.get(each, 0) for each in ENDED)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.ended >= self.batch.size


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some batches, newest first, and the token of the next page; empty on the last one."""

    batches: Sequence[BatchProgress]
    next_page_token: str


class BatchStore(ReportStore, Protocol):
    """Batches and their reports within one unit of work."""

    async def add_batch(self, batch: Batch, reports: Sequence[Report]) -> None:
        """Add a batch, its queued reports, and their jobs, which come after those of single reports.

        A report that supersedes another gets what the caller gave to that one.
        """

    async def reissuable(self, wanted: Reissue, limit: int) -> Sequence[Report]:
        """Return up to ``limit`` completed reports to issue again, oldest first.

        Without those that were erased, and those that another stands in for or is about to. Until the unit of
        work ends, nobody else finds any.
        """

    async def batch(self, batch_id: UUID) -> BatchProgress:
        """Return a batch as it is now; raises NotFound."""

    async def batch_page(self, size: int, after: UUID | None) -> Sequence[BatchProgress]:
        """Return up to ``size`` batches, newest first, that come after a batch in that order."""

    async def batch_reports(self, batch_id: UUID, size: int, after: int) -> Sequence[Report]:
        """Return up to ``size`` of a batch's reports, in order, from the position after ``after`` on."""

    async def cancel_batch(self, batch_id: UUID, at: datetime) -> int:
        """End what has not ended as CANCELLED; returns how many reports."""


class BatchStores(Protocol):
    """Opens units of work on batches and their reports."""

    def read(self) -> AbstractAsyncContextManager[BatchStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[BatchStore]:
        """Open one that commits if its block ends well."""


@dataclass(frozen=True, slots=True)
class FoundLead:
    """A lead that is to be reported on."""

    id: UUID
    domain: str


class UsedInputs(Protocol):
    """The lineage context, as far as re-issuing needs it."""

    async def reports_from(self, inputs_sha256: str, limit: int) -> Sequence[UUID]:
        """Return up to ``limit`` reports that were made from inputs with this digest."""


class LeadSearch(Protocol):
    """The lead context, as far as batches need it."""

    async def select(self, selection: LeadSelection, limit: int) -> Sequence[FoundLead]:
        """Return the leads that a selection finds, up to a limit, newest first."""

    async def find(self, lead_ids: Sequence[UUID]) -> Sequence[FoundLead]:
        """Return these leads in this order; one that there is not has no domain."""
