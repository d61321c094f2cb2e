"""Erasing a lead: what was personal about it goes for good, what was done to it stays provable."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.errors import NotFound

MOST_ERASURES = 200


@dataclass(frozen=True, slots=True)
class Erasure:
    """That a lead was erased; numbered from 1, without a gap, in the order in which they happened."""

    number: int
    lead_id: UUID
    erased_by: str
    erased_at: datetime


class ErasureStore(Protocol):
    """Erasures inside one unit of work."""

    async def erase(self, lead_id: UUID) -> Erasure | None:
        """Erase a lead, unless it was erased before; None if there never was such a lead."""

    async def after(self, number: int, size: int) -> Sequence[Erasure]:
        """Return at most `size` erasures behind a number."""


class ErasureStores(Protocol):
    """Where units of work on erasures begin."""

    def read(self) -> AbstractAsyncContextManager[ErasureStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[ErasureStore]:
        """Open a unit of work whose erasures hold if it ends well."""


async def erase(stores: ErasureStores, lead_id: UUID) -> Erasure:
    """Erase a lead; the second time, return the first erasure. Raises NotFound."""
    async with stores.write() as store:
        erased = await store.erase(lead_id)
        if erased is None:
            raise NotFound("lead", str(lead_id))
    return erased


async def after(stores: ErasureStores, number: int, size: int) -> Sequence[Erasure]:
    """Return the erasures behind a number."""
    async with stores.read() as store:
        return await store.after(number, min(size or 50, MOST_ERASURES))
