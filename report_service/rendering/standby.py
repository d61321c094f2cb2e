"""Render processes that are started when they are first needed, for what is rare beside making reports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import PdfIdentity, Picture, Rendering, RenderPool
from services.errors import FieldViolation, ResourceExhausted

WAITING = 4
"""Callers that may wait for their turn; more are refused for a while."""

PATIENCE_SECONDS = 12.0
"""How long a caller waits for a turn at most: so that there is time left for what the turn is wanted for."""

RETRY_AFTER_SECONDS = 5
INSPECTION_SECONDS = 25
"""Time of one inspection: less than a caller of the gateway waits. A preview has the time of a report."""


class StandbyPool:
    """Does what a ``RenderPool`` does, one thing at a time."""

    def __init__(
        self,
        waiting: int = WAITING,
        *,
        what: str = "previews and checks",
        reason: str = "PREVIEWS_BUSY",
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Start nothing yet. ``what`` and ``reason`` are for those who are refused."""
        self._waiting = waiting
        self._refusal = f"Other {what} are being made. Try again in a moment.", reason
        self._patience = patience
        self._pool: RenderPool | None = None
        self._busy = asyncio.Lock()
        self._callers = 0

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Make a PDF; raises RenderFailed, or ResourceExhausted while too many wait."""
        async with self.turn() as pool:
            return await pool.render(bundle, inputs, identity)

    async def picture(
        self, bundle: Bundle, inputs: bytes, identity: PdfIdentity, page: int, width: int
    ) -> Picture:
        """Make a picture of one page; raises as ``render`` does."""
        async with self.turn() as pool:
            return await pool.picture(bundle, inputs, identity, page, width)

    async def inspect(self, bundle: Bundle) -> list[FieldViolation]:
        """Return what keeps a bundle from being published; raises as ``render`` does."""
        async with self.turn() as pool:
            return await pool.inspect(bundle, INSPECTION_SECONDS)

    async def close(self) -> None:
        """End what was started."""
        if self._pool:
            await self._pool.close()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[RenderPool]:
        """Wait for a turn and have the process for oneself until the block ends.

        What is fetched for a render inside the block is in memory once, however many wait. Raises
        RenderFailed if the process cannot be started, and ResourceExhausted while too many wait, or if
        the turn does not come in time.
        """
        if self._callers > self._waiting:
            raise self._refused()
        self._callers += 1
        try:
            try:
                await asyncio.wait_for(self._busy.acquire(), self._patience)
            except TimeoutError:
                raise self._refused() from None
            try:
                if self._pool is None:
                    pool = RenderPool(1)
                    await pool.start()
                    self._pool = pool
                yield self._pool
            finally:
                self._busy.release()
        finally:
            self._callers -= 1

    def _refused(self) -> ResourceExhausted:
        message, reason = self._refusal
        return ResourceExhausted(message, reason=reason, retry_after=RETRY_AFTER_SECONDS)
