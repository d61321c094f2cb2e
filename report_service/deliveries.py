"""Captures, and their way from the outbox to the lineage service.

A capture waits in the outbox until the lineage service has it. What can never succeed as it is lies
there as a dead letter, until a person has it tried again or gives it up.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the raw inputs: one gzip member."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Capture:
    """How one PDF came to be, or failed to, as it was while the PDF was made."""

    environment_digest: str
    started_at: datetime
    ended_at: datetime
    inputs_sha256: str
    inputs_size_bytes: int
    raw_inputs: bytes
    """All parts, one after the other: itself a gzip file (RFC 1952 section 2.2)."""
    parts: tuple[Part, ...]
    logs: bytes
    """JSON lines, one gzip member."""
    logs_size_bytes: int
    logs_sha256: str
    """Of the gzip bytes."""

    @property
    def payload_size_bytes(self) -> int:
        """How many bytes travel to the lineage service."""
        return len(self.raw_inputs) + len(self.logs)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A capture on its way to the lineage service."""

    report_id: UUID
    lineage_id: UUID
    lead_id: UUID
    pipeline_run_id: str
    template_version_id: str
    template_digest: str
    pdf_sha256: str | None
    """None if the generation failed."""
    created_by: str
    capture: Capture
    attempt: int
    """Counted from 1; the latest attempt alone may postpone or bury the delivery."""


class Fault(Enum):
    """Why a delivery was not acknowledged."""

    SERVICE = "the lineage service does not answer, or admits nobody"
    PASSING = "this delivery failed, and may succeed later"
    FINAL = "this delivery can never succeed as it is"


class Undelivered(Exception):
    """The lineage service has not acknowledged a delivery. It may have recorded it all the same."""

    def __init__(self, fault: Fault, reason: str) -> None:
        """Say whose fault it is, and what the service said."""
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the outbox holds."""

    waiting: int
    dead: int
    """Deliveries that can never succeed as they are; kept, and counted apart."""
    oldest_seconds: float
    """Age of the oldest that waits; 0 if none does."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that can never succeed as it is."""

    report_id: UUID
    lineage_id: UUID
    lead_id: UUID
    template_version_id: str
    pdf_sha256: str | None
    inputs_sha256: str
    created_by: str
    created_at: datetime
    dead_at: datetime
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """One page of dead letters."""

    dead_letters: Sequence[DeadLetter]
    next_page_token: str
    """Empty on the last page."""


class Verdict(StrEnum):
    """What a person decided about a dead letter."""

    REDRIVE = "REDRIVE"
    DISCARD = "DISCARD"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what about a dead letter, and why."""

    report_id: UUID
    verdict: Verdict
    decided_by: str
    decided_at: datetime
    reason: str


class OutboxStore(Protocol):
    """Captures waiting for the lineage service, within one unit of work.

    Instants come from the database's own clock, which all workers share.
    """

    async def claim(self, limit: int, lease: timedelta, *, eager: bool = False) -> Sequence[Delivery]:
        """Lease deliveries that are due and that nobody holds; ``eager`` takes those not yet due too.

        A lease runs longer for a large payload, by a second for each MiB.
        """

    async def acknowledge(self, report_id: UUID) -> bool:
        """Remove a delivery and mark its report RECORDED; False if that was done before."""

    async def postpone(self, report_id: UUID, attempt: int, delay: timedelta, reason: str) -> None:
        """Give back a delivery that failed, to be tried again after a delay."""

    async def bury(self, report_id: UUID, attempt: int, reason: str) -> None:
        """Set aside a delivery that can never succeed as it is."""

    async def hasten(self) -> None:
        """Make every waiting delivery due now."""

    async def dead_letters(self, size: int, after: UUID | None) -> Sequence[DeadLetter]:
        """Return up to ``size`` dead letters by their reports' ids, newest first, after one of them."""

    async def decide(self, decision: Decision) -> bool:
        """Make a dead letter due again, or remove it and mark its report DISCARDED.

        The decision is kept for good, with the digests of what it was about. Returns False, and
        changes nothing, if there is no such dead letter.
        """

    async def backlog(self) -> Backlog:
        """Return what the outbox holds."""


class OutboxStores(Protocol):
    """Opens units of work on the outbox."""

    def read(self) -> AbstractAsyncContextManager[OutboxStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[OutboxStore]:
        """Open one that commits if its block ends well."""


class Lineages(Protocol):
    """The lineage context, as far as reports need it."""

    async def record(self, delivery: Delivery, deadline: float) -> None:
        """Hand over a delivery within so many seconds; raises Undelivered if it is not acknowledged."""
