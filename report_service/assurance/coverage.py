"""Counting completed reports against recorded lineages, from both sides.

Both lists are in the order of the reports' ids and are merged some thousands at a time. A stretch is read
here first and there after it: what is marked as recorded here has been there before, so a lineage that is not
found is missing. The other way round a report may have been completed meanwhile; it is looked up again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog

from report_service import metrics
from report_service.assurance.domain import (
    AssuranceStores,
    Completed,
    Coverage,
    Gap,
    GapKind,
    RecordedLineages,
)
from report_service.domain import LineageStatus
from report_service.records import Window
from services.clock import Clock, utc_now
from services.errors import ServiceError
from services.identity import Actor, acting_as
from services.pacing import pause

STRETCH = 10_000
SHOWN = 1_000
"""Differences that are named; the others are counted."""

INTERVAL_SECONDS = 3600.0
FIRST_SECONDS = 60.0

log = structlog.get_logger(__name__)


class CoverageWatch:
    """Counts everything every hour, and says loudly what does not agree."""

    def __init__(self, stores: AssuranceStores, lineages: RecordedLineages, clock: Clock = utc_now) -> None:
        """Take both sides."""
        self._stores, self._lineages, self._clock = stores, lineages, clock

    async def run(self, stop: asyncio.Event) -> None:
        """Count until told to stop."""
        seconds = FIRST_SECONDS
        while not stop.is_set():
            if not await pause(stop, seconds):
                await self.look()
            seconds = INTERVAL_SECONDS

    async def look(self) -> None:
        """Count once; without the lineage service the next time will do."""
        try:
            with acting_as(Actor("system:report-worker", workload="report-worker")):
                found = await count(self._stores, self._lineages, Window(), self._clock)
        except ServiceError as error:
            log.warning(metrics.COVERAGE_UNKNOWN, reason=error.message)
            return
        metrics.COVERAGE_GAPS.set(found.gaps_total)
        if found.gaps_total:
            first = [str(gap.report_id) for gap in found.gaps[:10]]
            log.error(metrics.COVERAGE_INCOMPLETE, gaps=found.gaps_total, first=first)


@dataclass
class _Count:
    counts: Counter[LineageStatus] = field(default_factory=Counter)
    lineages: int = 0
    gaps: list[Gap] = field(default_factory=list)
    gaps_total: int = 0

    def add(self, gaps: Sequence[Gap]) -> None:
        self.gaps_total += len(gaps)
        self.gaps += gaps[: SHOWN - len(self.gaps)]


async def count(
    stores: AssuranceStores, lineages: RecordedLineages, window: Window, clock: Clock
) -> Coverage:
    """Count the reports within a window; raises Unavailable without the lineage service."""
    began, found, last = clock(), _Count(), window.after
    while True:
        async with stores.read() as store:
            here = await store.completed(Window(last, window.before), STRETCH)
        ends = len(here) < STRETCH
        until = window.before if ends else UUID(int=here[-1].report_id.int + 1)
        async for there in _aligned(here, lineages.recorded_reports(Window(last, until))):
            await _compare(stores, *there, found)
        if ends:
            break
        last = here[-1].report_id
    return Coverage(found.counts, found.lineages, tuple(found.gaps), found.gaps_total, began)


async def _aligned(
    here: Sequence[Completed], there: AsyncIterator[Sequence[UUID]]
) -> AsyncIterator[tuple[Sequence[Completed], Sequence[UUID]]]:
    """Yield a stretch of reports in pieces, each with the lineages between the same two ids."""
    start = 0
    async for ids in there:
        end = start
        while end < len(here) and here[end].report_id <= ids[-1]:
            end += 1
        yield here[start:end], ids
        start = end
    yield here[start:], ()


async def _compare(
    stores: AssuranceStores, here: Sequence[Completed], there: Sequence[UUID], found: _Count
) -> None:
    recorded = set(there)
    found.lineages += len(recorded)
    found.counts.update(each.lineage_status for each in here)
    gaps = [gap for each in here if (gap := _gap(each, each.report_id in recorded))]
    if strangers := sorted(recorded.difference(each.report_id for each in here)):
        async with stores.read() as store:
            known = {each.report_id for each in await store.completed_among(strangers)}
        # Those that are known by now were completed meanwhile, and belong to neither count.
        found.lineages -= len(known)
        gaps += [Gap(each, GapKind.UNKNOWN, None) for each in strangers if each not in known]
    found.add(sorted(gaps, key=lambda gap: gap.report_id))


def _gap(report: Completed, is_recorded: bool) -> Gap | None:
    status = report.lineage_status
    if status in (LineageStatus.DISABLED, LineageStatus.DISCARDED):
        return Gap(report.report_id, GapKind.CONTRADICTED, status) if is_recorded else None
    # What waits may have arrived all the same: the reply was lost, or is on its way.
    if is_recorded or report.waits:
        return None
    return Gap(report.report_id, GapKind.MISSING, status)


def month(text: str) -> Window:
    """Return the window of a month such as ``2026-11``, in UTC; all reports if the text is empty."""
    if not text:
        return Window()
    year, number = int(text[:4]), int(text[5:])
    return Window(_before(year, number), _before(year + number // 12, number % 12 + 1))


def _before(year: int, number: int) -> UUID:
    """Return the largest id that is smaller than those of a month's first instant."""
    milliseconds = int(datetime(year, number, 1, tzinfo=UTC).timestamp() * 1000)
    return UUID(int=(milliseconds << 80) - 1)
