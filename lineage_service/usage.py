"""What the context takes up, measured every so often for Prometheus."""

import asyncio
from dataclasses import replace

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from lineage_service.domain import LineageStores, Share, Storage
from services.pacing import pause

STORAGE_ABOVE_ALARM = "storage.above_alarm"
UNKNOWN = float("nan")

log = structlog.get_logger()


async def storage(stores: LineageStores) -> Storage:
    """Measure what is kept, and for what."""
    async with stores.read() as store:
        usage, found = await store.usage(), await store.storage()
    counts = {"records": usage.records}
    disk = (Share(kind, counts.get(kind, 0), size) for kind, size in usage.bytes.items())
    return replace(found, disk=tuple(disk))


class UsageMeter:
    """Shows how much is stored; what could not be measured is shown as not a number, never as old."""

    def __init__(
        self,
        stores: LineageStores,
        *,
        seconds: float,
        alarm_bytes: int = 0,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """Measure the stores every so many seconds; give the alarm from so many bytes on, never for 0."""
        self._stores = stores
        self._alarm_bytes = alarm_bytes
        self._seconds = seconds
        self._bytes = Gauge(
            "leadfactory_lineage_storage_bytes",
            "Disk that lineage takes up, indexes included.",
            ["kind"],
            registry=registry,
        )
        self._records = Gauge("leadfactory_lineage_records", "Lineage records kept.", registry=registry)
        self._records.set(UNKNOWN)
        self._alarm = Gauge(
            "leadfactory_lineage_storage_alarm",
            "1 if lineage takes up LINEAGE_STORAGE_ALARM_BYTES or more, else 0.",
            registry=registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until told to stop; raises what a measurement raises."""
        while not stop.is_set():
            await self.measure()
            await pause(stop, self._seconds)

    async def measure(self) -> None:
        """Measure once."""
        self._bytes.clear()
        self._records.set(UNKNOWN)
        async with self._stores.read() as store:
            usage = await store.usage()
        for kind, size in usage.bytes.items():
            self._bytes.labels(kind).set(size)
        self._records.set(usage.records)
        total = sum(usage.bytes.values())
        above = 0 < self._alarm_bytes <= total
        self._alarm.set(above)
        if above:
            log.warning(STORAGE_ABOVE_ALARM, bytes=total, alarm_bytes=self._alarm_bytes)
