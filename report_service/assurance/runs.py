"""Reproductions that go on while whoever asked for them is told to ask again.

A report may take longer to make than a caller of the gateway can wait. So it is made by a task of its own,
which the next call of the same person for the same report finds, under way or done.
"""

import asyncio
from uuid import UUID

from report_service.assurance import reproduction
from report_service.assurance.domain import Reproduction
from services.errors import Unavailable
from services.identity import current_actor

PATIENCE_SECONDS = 20.0
"""How long a call waits: less than the gateway does."""

RETRY_AFTER_SECONDS = 5
KEPT_SECONDS = 120.0
"""For how long an answer that nobody has fetched is kept."""

Key = tuple[str, UUID]


class Runs:
    """Reproductions under way, and those that nobody has fetched yet."""

    def __init__(self, bench: reproduction.Workbench, *, patience: float = PATIENCE_SECONDS) -> None:
        """Take what reports are made again with."""
        self.bench = bench
        self._patience = patience
        self._running: dict[Key, asyncio.Task[Reproduction]] = {}

    async def reproduce(self, report_id: UUID) -> Reproduction:
        """Make a report again, or go on waiting for it.

        Raises what ``reproduction.reproduce`` raises, and Unavailable if it takes longer than a call may.
        """
        key = current_actor().subject, report_id
        run = self._running.get(key)
        if run is None:
            # With the caller's rights, which are part of the context that a task takes with it.
            run = self._running[key] = asyncio.create_task(reproduction.reproduce(self.bench, report_id))
            run.add_done_callback(lambda ended: self._keep_a_while(key, ended))
        await asyncio.wait({run}, timeout=self._patience)
        if not run.done():
            raise Unavailable(
                "The report is still being made again. Ask once more for the answer.",
                reason="REPRODUCTION_RUNNING",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._forget(key, run)
        return run.result()

    async def close(self) -> None:
        """End what is under way."""
        running = list(self._running.values())
        for run in running:
            run.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _keep_a_while(self, key: Key, ended: asyncio.Task[Reproduction]) -> None:
        if not ended.cancelled():
            ended.exception()  # looked at, or asyncio complains of a failure that nobody has fetched
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._forget, key, ended)

    def _forget(self, key: Key, run: asyncio.Task[Reproduction]) -> None:
        if self._running.get(key) is run:
            del self._running[key]
