"""Erasures of leads, as this context follows them.

    found ──> settled? ──> lineage ──> dead letters ──> PDFs ──> rows     and done
                │             │
                │             └ held: nothing is removed until the lead is released
                └ something is under way: it ends by itself, and its lineage is delivered, first

What is left of a report are ids, times, states and digests. What appears for an erased lead later, because
it was ordered in the same moment, is found the next time.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from report_service.records import Erasure


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Erasures that were found and are not carried out yet."""

    waiting: int
    held: int
    """Of these, how many wait for a release."""
    oldest_seconds: float
    """Since the oldest that is not held was made; 0 if there is none."""


class ErasureStore(Protocol):
    """Erasures and what they are about, within one unit of work."""

    async def latest(self) -> int:
        """Return the number of the last erasure that is known, 0 for none."""

    async def add(self, erasures: Sequence[Erasure]) -> None:
        """Keep erasures that were found; those that are known stay as they are."""

    async def due(self, limit: int) -> Sequence[Erasure]:
        """Return erasures of whose leads something is left here, and that are not put off, oldest first."""

    async def put_off(self, lead_id: UUID, delay: timedelta, *, held: bool) -> None:
        """Let an erasure rest for a while."""

    async def is_settled(self, lead_id: UUID) -> bool:
        """Tell whether nothing of a lead is under way: no report, and no delivery but dead ones.

        A report that was cancelled counts as under way for a minute: its worker may just be storing a PDF.
        """

    async def dead_letters(self, lead_id: UUID) -> Sequence[UUID]:
        """Return the reports of a lead that have dead letters."""

    async def object_keys(self, lead_id: UUID) -> Sequence[str]:
        """Return the objects of a lead's reports that were not blanked, and of nobody else's."""

    async def blank(self, lead_id: UUID, at: datetime) -> int:
        """Empty what reports of a lead say about it, and end its erasure; returns how many reports."""

    async def unfinished(self) -> Unfinished:
        """Return what is still to be done."""


class ErasureStores(Protocol):
    """Opens units of work on erasures."""

    def read(self) -> AbstractAsyncContextManager[ErasureStore]:
        """Open one that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[ErasureStore]:
        """Open one that commits if its block ends well."""


class ErasedLeads(Protocol):
    """The lead context, as far as erasures are concerned."""

    async def erasures(self, after: int, size: int) -> Sequence[Erasure]:
        """Return up to ``size`` erasures behind a number, in their order."""


class ErasedLineages(Protocol):
    """The lineage context, as far as erasures are concerned."""

    async def erase(self, lead_id: UUID) -> int:
        """Have the raw inputs and logs of a lead's reports removed; raises Held."""


class ErasedObjects(Protocol):
    """Where PDFs are kept."""

    async def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
