"""Render processes that are started when they are first needed: for previews and checks, which are rare."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from report_service.rendering.bundles import Bundle
from report_service.rendering.pool import PdfIdentity, Picture, Rendering, RenderPool
from services.errors import FieldViolation, ResourceExhausted

WAITING = 4
"""Callers that may wait for their turn; more are refused for a while."""

RETRY_AFTER_SECONDS = 5
INSPECTION_SECONDS = 25
"""Time of one inspection: less than a caller of the gateway waits. A preview has the time of a report."""


class StandbyPool:
    """Does what a ``RenderPool`` does, one thing at a time."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool: RenderPool | None = None
        self._starting = asyncio.Lock()
        self._callers = 0

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Make a PDF; raises RenderFailed, or ResourceExhausted while too many wait."""
        async with self._turn() as pool:
            return await pool.render(bundle, inputs, identity)

    async def picture(
        self, bundle: Bundle, inputs: bytes, identity: PdfIdentity, page: int, width: int
    ) -> Picture:
        """Make a picture of one page; raises as ``render`` does."""
        async with self._turn() as pool:
            return await pool.picture(bundle, inputs, identity, page, width)

    async def inspect(self, bundle: Bundle) -> list[FieldViolation]:
        """Return what keeps a bundle from being published; raises as ``render`` does."""
        async with self._turn() as pool:
            return await pool.inspect(bundle, INSPECTION_SECONDS)

    async def close(self) -> None:
        """End what was started."""
        if self._pool:
            await self._pool.close()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[RenderPool]:
        if self._callers > WAITING:
            raise ResourceExhausted(
                "Other previews and checks are being made. Try again in a moment.",
                reason="PREVIEWS_BUSY",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._callers += 1
        try:
            async with self._starting:
                if self._pool is None:
                    pool = RenderPool(1)
                    await pool.start()
                    self._pool = pool
            yield self._pool
        finally:
            self._callers -= 1
