"""The process that measures what is stored: ``lineage-worker``."""

from functools import partial

from lineage_service.repository import PostgresLineageStore
from lineage_service.settings import WorkerSettings
from lineage_service.usage import UsageMeter
from services import schema
from services.database import Database, UnitsOfWork
from services.process import live

PROCESS = "lineage-worker"


async def work(settings: WorkerSettings) -> None:
    """Measure what is stored until told to stop."""
    database = Database(
        settings.lineage_database_url, name=PROCESS, pool_size=settings.lineage_database_connections
    )
    meter = UsageMeter(UnitsOfWork(database, PostgresLineageStore), seconds=settings.lineage_measure_seconds)
    await live(
        settings,
        process=PROCESS,
        loops=[meter.run],
        ready=partial(schema.check, "lineage_service", database),
    )
    await database.close()
