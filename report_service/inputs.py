"""What past reports were made from, as the lineage service keeps it.

Only from there: it notes every look at raw inputs, for whom they are read.
"""

import asyncio
from typing import Protocol
from uuid import UUID

from report_service import payload
from report_service.domain import ReportStores
from services.errors import NotFound

MAXIMUM_BYTES = 64 * 1024 * 1024
"""The largest inputs that are unpacked here."""


class KeptInputs(Protocol):
    """The lineage context, as far as past inputs are concerned."""

    async def raw_inputs(self, lineage_id: UUID, limit: int) -> bytes:
        """Return the inputs as gzip, at most ``limit`` bytes of them; raises NotFound if there are none."""


class CapturedInputs:
    """The canonical inputs of reports."""

    def __init__(self, stores: ReportStores, lineages: KeptInputs) -> None:
        """Take where reports are, and where their inputs are."""
        self._stores = stores
        self._lineages = lineages

    async def of(self, report_id: UUID) -> bytes:
        """Return the canonical inputs of a report; raises NotFound if none have been recorded."""
        async with self._stores.read() as store:
            report = await store.get(report_id)
        try:
            packed = await self._lineages.raw_inputs(report.lineage_id, MAXIMUM_BYTES)
        except NotFound:
            raise NotFound("recorded inputs of report", str(report_id)) from None
        return await asyncio.to_thread(payload.expand, packed, MAXIMUM_BYTES)
