"""The process that seals the audit, measures what is stored, removes what is due, and tells others."""

import ssl
from functools import partial

import httpx

from lineage_service.audit_log import LOG
from lineage_service.domain import Reader
from lineage_service.pushing import Pusher, Receiver
from lineage_service.repository import PostgresLineageStore
from lineage_service.repository.pushes import PostgresPushStore
from lineage_service.retention import Retention
from lineage_service.settings import WorkerSettings
from lineage_service.usage import UsageMeter
from services import schema
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.egress.post import Slot
from services.egress.resolver import Resolver
from services.evidence.sealing import sealer
from services.process import live

PROCESS = "lineage-worker"
DNS_SECONDS = 4.0


def receiver(settings: WorkerSettings) -> Receiver | None:
    """Return who is told what was recorded; None if nobody is."""
    if not settings.openlineage_url:
        return None
    trust = (
        ssl.create_default_context(cafile=settings.openlineage_ca_bundle)
        if settings.openlineage_ca_bundle
        else httpx.create_ssl_context(trust_env=False)
    )
    key = settings.openlineage_api_key
    return Receiver(
        settings.openlineage_url,
        Slot(Resolver(settings.openlineage_nameservers, timeout_seconds=DNS_SECONDS), settings.reach),
        trust,
        key.get_secret_value() if key else "",
    )


async def work(settings: WorkerSettings) -> None:
    """Seal, measure, remove and tell until told to stop."""
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
    pusher = Pusher(UnitsOfWork(database, PostgresPushStore), receiver(settings))
    await live(
        settings,
        process=PROCESS,
        loops=[meter.run, retention.run, seal, pusher.run],
        ready=partial(schema.check, "lineage_service", database),
    )
    await database.close()
