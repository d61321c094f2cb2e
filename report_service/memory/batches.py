"""Batches in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from report_service.batch import Batch, BatchProgress, Reissue
from report_service.domain import ENDED, Report, Status
from report_service.memory.reports import MemoryReportStore
from services.errors import NotFound


class MemoryBatchStore(MemoryReportStore):
    """Batches and their reports within one unit of work."""

    async def add_batch(self, batch: Batch, reports: Sequence[Report]) -> None:
        """Add a batch, its queued reports, and their jobs."""
        self._memory.batches[batch.id] = batch
        for each in reports:
            given = self._memory.assessment_data.get(each.supersedes) if each.supersedes else None
            await self.add(each, given)

    async def reissuable(self, wanted: Reissue, limit: int) -> Sequence[Report]:
        """Return up to ``limit`` completed reports to issue again, oldest first."""
        every = self._memory.reports.values()
        living = {each.supersedes for each in every if each.status not in (Status.FAILED, Status.CANCELLED)}
        found = [
            each
            for each in every
            if each.status is Status.COMPLETED
            and each.erased_at is None
            and each.id not in living
            and wanted.template_version_id in ("", each.template_version_id)
            and wanted.template_digest in ("", each.template_digest)
            and (not wanted.report_ids or each.id in wanted.report_ids)
        ]
        return sorted(found, key=lambda each: each.id)[:limit]

    async def batch(self, batch_id: UUID) -> BatchProgress:
        """Return a batch as it is now; raises NotFound."""
        batch = self._memory.batches.get(batch_id)
        if batch is None:
            raise NotFound("report batch", str(batch_id))
        return BatchProgress(batch, dict(Counter(each.status for each in self._of(batch_id))))

    async def batch_page(self, size: int, after: UUID | None) -> Sequence[BatchProgress]:
        """Return up to ``size`` batches, newest first, that come after a batch in that order."""
        newest_first = sorted(self._memory.batches, reverse=True)
        shown = [each for each in newest_first if after is None or each < after][:size]
        return [await self.batch(each) for each in shown]

    async def batch_reports(self, batch_id: UUID, size: int, after: int) -> Sequence[Report]:
        """Return up to ``size`` of a batch's reports, in order, from the position after ``after`` on."""
        reports = sorted(self._of(batch_id), key=lambda each: each.batch_position)
        return [each for each in reports if each.batch_position > after][:size]

    async def cancel_batch(self, batch_id: UUID, at: datetime) -> int:
        """End what has not ended as CANCELLED; returns how many reports."""
        unfinished = [each.id for each in self._of(batch_id) if each.status not in ENDED]
        return sum([await self.cancel(each, at) for each in unfinished])

    def _of(self, batch_id: UUID) -> list[Report]:
        return [each for each in self._memory.reports.values() if each.batch_id == batch_id]
