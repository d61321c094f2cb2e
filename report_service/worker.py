"""The process that makes reports and hands over their lineage: ``report-worker``."""

import ssl
from datetime import timedelta
from functools import partial

import httpx
import structlog

from report_service import generation, metrics
from report_service.assurance.coverage import CoverageWatch
from report_service.assurance.domain import Environment
from report_service.assurance.environments import EnvironmentKeeper
from report_service.assurance.repository import PostgresAssuranceStore
from report_service.erasure.eraser import Eraser
from report_service.erasure.repository import PostgresErasureStore
from report_service.library.repository import PostgresTemplateStore
from report_service.library.shelf import Shelf
from report_service.objects import StoredObjects
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer, LineagePeer
from report_service.relay import Relay
from report_service.rendering import environment
from report_service.rendering.pool import RenderPool
from report_service.repository import GENERATE, PostgresReportStore
from report_service.session import ReportSession
from report_service.settings import WorkerSettings
from report_service.upkeep import Upkeep
from report_service.webhooks.courier import Courier, Patience
from report_service.webhooks.repository import PostgresWebhookStore
from report_service.webhooks.signing import Vault
from services import jobs, schema, telemetry
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.egress.post import Reach, Slot
from services.egress.resolver import Resolver
from services.process import live

log = structlog.get_logger(__name__)


DNS_SECONDS = 4.0


def couriers(settings: WorkerSettings, database: Database) -> list[Courier]:
    """Return what sends webhooks, if there is a key to open their secrets with."""
    if settings.webhook_key is None:
        return []
    trust = (
        ssl.create_default_context(cafile=settings.webhook_ca_bundle)
        if settings.webhook_ca_bundle
        else httpx.create_ssl_context(trust_env=False)
    )
    return [
        Courier(
            UnitsOfWork(database, PostgresWebhookStore),
            Vault(settings.webhook_key.get_secret_value()),
            Slot(
                Resolver(settings.webhook_nameservers, timeout_seconds=DNS_SECONDS),
                Reach(settings.webhook_ports, settings.webhook_allowed_networks),
            ),
            trust,
            public_url=settings.public_url,
            patience=Patience(
                timedelta(hours=settings.webhook_retry_hours), timedelta(hours=settings.webhook_disable_hours)
            ),
        )
    ]


async def work(settings: WorkerSettings) -> None:
    """Make reports, hand over their lineage, and see that none is forgotten, until told to stop."""
    telemetry.configure(settings, generation.PROCESS)
    if missing := environment.missing():
        log.error(metrics.RENDERING_INCOMPLETE, missing=missing)
    if not settings.enable_report_lineage:
        log.warning(metrics.CAPTURE_DISABLED)
    # Before the channels: its processes are forked, and gRPC does not like to be.
    pool = RenderPool(settings.render_workers)
    await pool.start()
    here = Environment(environment.digest(), environment.describe())
    database = Database(
        settings.report_database_url,
        name=generation.PROCESS,
        pool_size=settings.report_database_connections,
        session_class=ReportSession,
    )
    reports = UnitsOfWork(database, PostgresReportStore)
    outbox = UnitsOfWork(database, PostgresOutboxStore)
    lead_channel = open_channel(settings.lead_service_address, settings)
    lineage_channel = open_channel(settings.lineage_service_address, settings)
    objects = StoredObjects(settings.objects_url)
    shelf = Shelf(UnitsOfWork(database, PostgresTemplateStore), objects)
    lineages = LineagePeer(lineage_channel)
    leads = LeadPeer(lead_channel)
    relay = Relay(outbox, lineages)
    erasures = UnitsOfWork(database, PostgresErasureStore)
    assurances = UnitsOfWork(database, PostgresAssuranceStore)
    try:
        workshop = generation.Workshop(
            stores=reports,
            leads=leads,
            objects=objects,
            renderer=pool,
            environment_digest=here.digest,
            clock=utc_now,
            templates=shelf,
            public_url=settings.public_url,
            captures=settings.enable_report_lineage,
            captured=relay.wake,
        )
        worker = jobs.Worker(
            settings.report_database_url,
            {GENERATE: partial(generation.generate, workshop)},
            # One report more than there are render processes reads its lead meanwhile.
            concurrency=settings.render_workers + 1,
        )
        await live(
            settings,
            process=generation.PROCESS,
            loops=[
                worker.run,
                relay.run,
                Upkeep(reports, outbox).run,
                EnvironmentKeeper(assurances, here).run,
                CoverageWatch(assurances, lineages).run,
                Eraser(erasures, outbox, leads, lineages, objects).run,
                *(each.run for each in couriers(settings, database)),
            ],
            ready=partial(schema.check, "report_service", database),
        )
    finally:
        await pool.close()
        shelf.close()
    await lead_channel.close()
    await lineage_channel.close()
    await database.close()
