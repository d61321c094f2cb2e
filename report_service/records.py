"""What leads and lineage state about the past, as far as this context asks."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Recorded:
    """What lineage states about one report."""

    lineage_id: UUID
    inputs_sha256: str
    pdf_sha256: str
    environment_digest: str
    inputs_removed_at: datetime | None
    """None while they are kept."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which reports are counted: those whose ids lie between two, the bounds aside.

    An id begins with the time at which its report was asked for (UUID version 7), so a month is a stretch of
    ids, and the same stretch in both contexts.
    """

    after: UUID | None = None
    before: UUID | None = None

    def admits(self, report_id: UUID) -> bool:
        """Say whether an id lies within."""
        return (self.after is None or report_id > self.after) and (
            self.before is None or report_id < self.before
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """That a lead was erased; numbered from 1, without a gap."""

    number: int
    lead_id: UUID
    erased_by: str
    erased_at: datetime


class Held(Exception):
    """The lead is under a legal hold: nothing of it may be removed."""
