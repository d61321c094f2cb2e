"""The process that seals the audit, measures what is stored and removes what is due: ``lineage-worker``."""

from functools import partial

from lineage_service.audit_log import LOG
from lineage_service.domain import Reader
from lineage_service.repository import PostgresLineageStore
from lineage_service.retention import Retention
from lineage_service.settings import WorkerSettings
from lineage_service.usage import UsageMeter
from services import schema
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence.sealing import sealer
from services.process import live

PROCESS = "lineage-worker"


async def work(settings: WorkerSettings) -> None:
    """Seal, measure and remove until told to stop."""
    database = Database(
        settings.lineage_database_url, name=PROCESS, pool_size=settings.lineage_database_connections
    )
    stores = UnitsOfWork(database, PostgresLineageStore)
    meter = UsageMeter(
        stores,
        seconds=settings.lineage_measure_seconds,
        alarm_bytes=settings.lineage_storage_alarm_bytes,
    )
    retention = Retention(
        stores,
        settings.policy,
        Reader(f"system:{PROCESS}", PROCESS, None, "", "", "retention"),
        seconds=settings.lineage_retention_seconds,
        clock=utc_now,
    )
    seal = sealer(settings, LOG, settings.lineage_database_url)
    await live(
        settings,
        process=PROCESS,
        loops=[meter.run, retention.run, seal],
        ready=partial(schema.check, "lineage_service", database),
    )
    await database.close()
