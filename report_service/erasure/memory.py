"""Erasures in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from report_service.domain import ENDED, ERASED, Report, Status
from report_service.erasure.domain import Unfinished
from report_service.memory.state import Following, State
from report_service.records import Erasure

SETTLING = timedelta(minutes=1)


class MemoryErasureStore:
    """Erasures and what they are about, within one unit of work."""

    def __init__(self, memory: State) -> None:
        """Take the memory."""
        self._memory = memory

    async def latest(self) -> int:
        """Return the number of the last erasure that is known, 0 for none."""
        return max((each.number for each in self._memory.erasures.values()), default=0)

    async def add(self, erasures: Sequence[Erasure]) -> None:
        """Keep erasures that were found; those that are known stay as they are."""
        now = self._memory.clock()
        for each in erasures:
            known = Following(each.number, each.lead_id, each.erased_by, each.erased_at, now)
            self._memory.erasures.setdefault(each.lead_id, known)

    async def due(self, limit: int) -> Sequence[Erasure]:
        """Return erasures of whose leads something is left here, and that are not put off, oldest first."""
        now = self._memory.clock()
        left = [
            Erasure(each.number, each.lead_id, each.erased_by, each.erased_at)
            for each in self._memory.erasures.values()
            if each.due_at <= now and (each.applied_at is None or self._unblanked(each.lead_id))
        ]
        return sorted(left, key=lambda each: each.number)[:limit]

    async def put_off(self, lead_id: UUID, delay: timedelta, *, held: bool) -> None:
        """Let an erasure rest for a while."""
        known = self._memory.erasures[lead_id]
        self._memory.erasures[lead_id] = replace(known, due_at=self._memory.clock() + delay, held=held)

    async def is_settled(self, lead_id: UUID) -> bool:
        """Tell whether nothing of a lead is under way: no report, and no delivery but dead ones."""
        waiting = any(
            each.delivery.lead_id == lead_id and each.dead_at is None for each in self._memory.outbox.values()
        )
        return not waiting and not any(map(self._is_busy, self._unblanked(lead_id)))

    async def dead_letters(self, lead_id: UUID) -> Sequence[UUID]:
        """Return the reports of a lead that have dead letters."""
        outbox = self._memory.outbox.items()
        return [key for key, each in outbox if each.dead_at and each.delivery.lead_id == lead_id]

    async def object_keys(self, lead_id: UUID) -> Sequence[str]:
        """Return the objects of a lead's reports that were not blanked, and of nobody else's."""
        others = {
            self._key(each)
            for each in self._memory.reports.values()
            if each.lead_id != lead_id and not each.erased_at
        }
        return sorted({key for each in self._unblanked(lead_id) if (key := self._key(each))} - others)

    async def blank(self, lead_id: UUID, at: datetime) -> int:
        """Empty what reports of a lead say about it, and end its erasure; returns how many reports."""
        reports = self._unblanked(lead_id)
        for each in reports:
            said = ERASED if each.error else ""
            self._memory.assessment_data[each.id] = None
            self._memory.reports[each.id] = replace(
                each, domain="", error=said, erased_at=at, version=each.version + 1
            )
        known = self._memory.erasures[lead_id]
        self._memory.erasures[lead_id] = replace(known, held=False, applied_at=known.applied_at or at)
        return len(reports)

    async def unfinished(self) -> Unfinished:
        """Return what is still to be done."""
        left = [each for each in self._memory.erasures.values() if each.applied_at is None]
        now = self._memory.clock()
        ages = [(now - each.erased_at).total_seconds() for each in left if not each.held]
        return Unfinished(len(left), sum(each.held for each in left), max(ages, default=0.0))

    def _unblanked(self, lead_id: UUID) -> list[Report]:
        reports = self._memory.reports.values()
        return [each for each in reports if each.lead_id == lead_id and each.erased_at is None]

    def _is_busy(self, report: Report) -> bool:
        if report.status not in ENDED:
            return True
        just_now = report.completed_at is not None and report.completed_at > self._memory.clock() - SETTLING
        return report.status is Status.CANCELLED and report.attempts > 0 and just_now

    def _key(self, report: Report) -> str:
        return report.pdf.object_key if report.pdf else self._memory.object_keys.get(report.id, "")
