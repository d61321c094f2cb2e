"""Records on their way to an OpenLineage receiver."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lineage_service.domain.facts import Lineage


@dataclass(frozen=True)
class Push:
    """A record that is to be told."""

    lineage: Lineage
    since: datetime
    """When it was recorded, by the database's clock."""
    attempts: int
    """Counted from 1; the latest attempt alone may end or postpone it."""


class PushStore(Protocol):
    """What is still to be told, inside one unit of work. Instants come from the database's clock."""

    async def subscribe(self, wanted: bool) -> None:
        """Have records told from now on, or no more: what waits is forgotten then."""

    async def claim(self, limit: int, lease: timedelta) -> Sequence[Push]:
        """Lease what is due and nobody holds."""

    async def end(self, push: Push) -> bool:
        """Forget what was told, or given up; False if this is no longer its latest attempt."""

    async def postpone(self, push: Push, delay: timedelta, error: str) -> bool:
        """Give back what could not be told, for a later attempt; False as above."""

    async def waiting(self) -> int:
        """Count what is still to be told."""


class PushStores(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractAsyncContextManager[PushStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[PushStore]:
        """Open a unit of work that commits if its block ends well."""
