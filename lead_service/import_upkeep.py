"""Keeps imports from staying under way for ever: their server, or the worker, may have died meanwhile."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from lead_service import importing
from lead_service.imports import ImportStores
from services.clock import Clock
from services.identity import Actor, acting_as
from services.pacing import pause

IMPORTS_GIVEN_UP: Final = "imports.given_up"
PROCESS: Final = "lead-worker"

_SWEEP_SECONDS: Final = 5.0
# Longer than one batch of an undo ever takes, so that two seldom work on the same.
_UNDO_IS_LOST_AFTER: Final = timedelta(seconds=15)
_UNDO_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class ImportUpkeep:
    """Ends imports that nobody reads any more, and carries on with undos that nobody carries on with."""

    def __init__(self, stores: ImportStores, clock: Clock) -> None:
        """Take where imports are kept, and where the time comes from."""
        self._stores = stores
        self._clock = clock

    async def sweep(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            await self.once()
            await pause(stop, _SWEEP_SECONDS)

    async def once(self) -> None:
        """Look after everything that is left lying now."""
        with acting_as(Actor(f"system:{PROCESS}", workload=PROCESS)):
            if given_up := await importing.give_up_lost(self._stores, self._clock):
                log.warning(IMPORTS_GIVEN_UP, imports=given_up)
        for each in await importing.lost_undos(self._stores, self._clock, _UNDO_IS_LOST_AFTER):
            with acting_as(Actor(each.undone_by, workload=PROCESS)):
                await importing.carry_on(self._stores, each, self._clock, seconds=_UNDO_SECONDS)
