"""What the context takes up, measured every so often for Prometheus."""

import asyncio
from contextlib import suppress

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from lineage_service.domain import LineageStores

UNKNOWN = float("nan")


class UsageMeter:
    """Shows how much is stored; what could not be measured is shown as not a number, never as old."""

    def __init__(
        self, stores: LineageStores, *, seconds: float, registry: CollectorRegistry = REGISTRY
    ) -> None:
        """Measure the stores every so many seconds."""
        self._stores = stores
        self._seconds = seconds
        self._bytes = Gauge(
            "leadfactory_lineage_storage_bytes",
            "Disk that lineage takes up, indexes included.",
            ["kind"],
            registry=registry,
        )
        self._records = Gauge("leadfactory_lineage_records", "Lineage records kept.", registry=registry)
        self._records.set(UNKNOWN)

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until told to stop; raises what a measurement raises."""
        while not stop.is_set():
            await self.measure()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._seconds)

    async def measure(self) -> None:
        """Measure once."""
        self._bytes.clear()
        self._records.set(UNKNOWN)
        async with self._stores.read() as store:
            usage = await store.usage()
        for kind, size in usage.bytes.items():
            self._bytes.labels(kind).set(size)
        self._records.set(usage.records)
