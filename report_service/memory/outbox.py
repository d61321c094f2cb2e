"""The outbox in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from report_service.deliveries import Backlog, DeadLetter, Decision, Delivery, Verdict
from report_service.domain import LineageStatus
from report_service.memory.state import State, Waiting


class MemoryOutboxStore:
    """Captures waiting for the lineage service, within one unit of work."""

    def __init__(self, memory: State) -> None:
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

    async def dead_letters(self, size: int, after: UUID | None) -> Sequence[DeadLetter]:
        """Return up to ``size`` dead letters by their reports' ids, newest first, after one of them."""
        newest_first = sorted(self._memory.outbox.items(), reverse=True)
        dead = [each for report_id, each in newest_first if after is None or report_id < after]
        return [_dead_letter(each) for each in dead if each.dead_at is not None][:size]

    async def decide(self, decision: Decision) -> bool:
        """Make a dead letter due again, or remove it and mark its report DISCARDED."""
        waiting = self._memory.outbox.get(decision.report_id)
        if waiting is None or waiting.dead_at is None:
            return False
        self._memory.decisions.append(decision)
        if decision.verdict is Verdict.REDRIVE:
            self._memory.outbox[decision.report_id] = replace(
                waiting, dead_at=None, next_attempt_at=self._memory.clock(), leased_until=None
            )
        else:
            del self._memory.outbox[decision.report_id]
            report = self._memory.reports[decision.report_id]
            self._memory.reports[report.id] = replace(
                report, lineage_status=LineageStatus.DISCARDED, version=report.version + 1
            )
        return True

    async def backlog(self) -> Backlog:
        """Return what the outbox holds."""
        kept = self._memory.outbox.values()
        dead = sum(each.dead_at is not None for each in kept)
        oldest = min((each.created_at for each in kept if each.dead_at is None), default=None)
        age = (self._memory.clock() - oldest).total_seconds() if oldest else 0.0
        return Backlog(len(kept) - dead, dead, age)

    def _change(self, report_id: UUID, attempt: int, **values: Any) -> None:
        waiting = self._memory.outbox.get(report_id)
        if waiting is not None and waiting.delivery.attempt == attempt:
            self._memory.outbox[report_id] = replace(waiting, **values)


def _dead_letter(waiting: Waiting) -> DeadLetter:
    assert waiting.dead_at is not None
    delivery = waiting.delivery
    return DeadLetter(
        report_id=delivery.report_id,
        lineage_id=delivery.lineage_id,
        lead_id=delivery.lead_id,
        template_version_id=delivery.template_version_id,
        pdf_sha256=delivery.pdf_sha256,
        inputs_sha256=delivery.capture.inputs_sha256,
        created_by=delivery.created_by,
        created_at=waiting.created_at,
        dead_at=waiting.dead_at,
        attempts=delivery.attempt,
        reason=waiting.last_error,
    )
