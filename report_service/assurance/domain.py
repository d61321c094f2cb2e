"""What a report made again is compared by, and what completed reports are counted by."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from report_service.domain import LineageStatus
from report_service.records import Recorded, Window


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything outside inputs and bundle that a PDF's bytes depend on."""

    digest: str
    parts: Mapping[str, str]
    """Versions by name, and digests of what has none."""


class DifferenceKind(StrEnum):
    """What is not as it was."""

    RECORD = "RECORD"
    STORED_PDF = "STORED_PDF"
    TEMPLATE = "TEMPLATE"
    ENVIRONMENT = "ENVIRONMENT"
    PDF = "PDF"
    PAGE = "PAGE"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    kind: DifferenceKind
    name: str
    expected: str
    actual: str
    message: str
    page: int = 0
    """Counted from 1; 0 for what is no page."""
    share: float = 0.0
    """Of the page's pixels, up to 1."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of making a report again."""

    report_id: UUID
    expected_sha256: str
    actual_sha256: str
    stored_sha256: str
    """Empty if the stored PDF is gone."""
    expected_environment: str
    actual_environment: str
    differences: Sequence[Difference] = ()
    pages_compared: int = 0

    @property
    def identical(self) -> bool:
        """Whether what was made now, what was issued, and what is stored are the same bytes."""
        return self.expected_sha256 == self.actual_sha256 == self.stored_sha256

    @property
    def environment_matches(self) -> bool:
        """Whether everything that turns HTML into PDF bytes is what it was then."""
        return self.expected_environment == self.actual_environment


class Completed(NamedTuple):
    """A completed report, as far as counting needs it."""

    report_id: UUID
    lineage_status: LineageStatus
    waits: bool
    """Whether its capture is in the outbox."""


class GapKind(StrEnum):
    """How the two sides do not agree about a report."""

    MISSING = "MISSING"
    UNKNOWN = "UNKNOWN"
    CONTRADICTED = "CONTRADICTED"


@dataclass(frozen=True, slots=True)
class Gap:
    """A report about which the two sides do not agree."""

    report_id: UUID
    kind: GapKind
    lineage_status: LineageStatus | None
    """None if there is no completed report."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Completed reports against recorded lineages."""

    counts: Mapping[LineageStatus, int]
    lineages: int
    gaps: Sequence[Gap]
    """The first of them."""
    gaps_total: int
    counted_at: datetime

    @property
    def completed(self) -> int:
        """How many reports have been completed."""
        return sum(self.counts.values())


class AssuranceStore(Protocol):
    """What assurances rest on, within one unit of work."""

    async def remember_environment(self, environment: Environment) -> None:
        """Keep what an environment consists of; what is kept under its digest already stays."""

    async def environment(self, digest: str) -> Mapping[str, str] | None:
        """Return what an environment consists of, None if that was never kept."""

    async def completed(self, window: Window, size: int) -> Sequence[Completed]:
        """Return up to ``size`` completed reports within a window, in the order of their ids."""

    async def completed_among(self, report_ids: Sequence[UUID]) -> Sequence[Completed]:
        """Return those of these reports that are completed, in any order."""


class AssuranceStores(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractAsyncContextManager[AssuranceStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[AssuranceStore]:
        """Open one that commits if its block ends well."""


class KeptLineages(Protocol):
    """The lineage context, as far as a past report is concerned."""

    async def recorded(self, report_id: UUID) -> Recorded:
        """Return what is recorded of a report; raises NotFound."""

    async def raw_inputs(self, lineage_id: UUID, limit: int) -> bytes:
        """Return the inputs as gzip, at most ``limit`` bytes of them; raises NotFound if there are none."""


class RecordedLineages(Protocol):
    """The lineage context, as far as counting is concerned."""

    def recorded_reports(self, window: Window) -> AsyncIterator[Sequence[UUID]]:
        """Yield the completed reports that have a lineage, in the order of their ids, some at a time."""
