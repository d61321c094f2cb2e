"""The process that looks leads up and seals their audit: ``lead-worker``."""

import ssl
from functools import partial

import httpcore
import httpx

from lead_service.audit_log import LOG
from lead_service.facts import Provider
from lead_service.import_repository import PostgresImportStore
from lead_service.import_upkeep import ImportUpkeep
from lead_service.jobs import PROCESS, LeadJobs
from lead_service.providers.address import AddressProvider
from lead_service.providers.dns import DnsProvider
from lead_service.providers.homepage import HomepageProvider
from lead_service.providers.mail import MailProvider
from lead_service.providers.robots import introduction
from lead_service.providers.site import SiteProvider
from lead_service.providers.tls import TlsProvider
from lead_service.repository import ENRICH_LEAD, PostgresLeadStore
from lead_service.settings import WorkerSettings
from services import schema
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.egress.dial import Door
from services.egress.http import Limits
from services.egress.resolver import Resolver
from services.evidence.sealing import sealer
from services.jobs import Worker
from services.process import live


def providers(settings: WorkerSettings) -> list[Provider]:
    """Return every source of facts, all of them behind the one door."""
    resolver = Resolver(settings.enrichment_nameservers, timeout_seconds=settings.enrichment_dns_seconds)
    door = Door(
        resolver,
        httpcore.AnyIOBackend(),
        settings.enrichment_ports,
        settings.enrichment_allowed_networks,
        introduction(settings.enrichment_contact),
    )
    trust = (
        ssl.create_default_context(cafile=settings.enrichment_ca_bundle)
        if settings.enrichment_ca_bundle
        else httpx.create_ssl_context(trust_env=False)
    )
    limits = Limits(
        settings.enrichment_body_bytes, settings.enrichment_decoded_bytes, settings.enrichment_read_seconds
    )
    budget = settings.enrichment_budget_seconds
    return [
        DnsProvider(resolver, utc_now, timeout_seconds=budget),
        AddressProvider(resolver, utc_now, timeout_seconds=budget),
        MailProvider(resolver, door, trust, limits, utc_now, timeout_seconds=0.9 * budget),
        TlsProvider(door, trust, utc_now, timeout_seconds=0.8 * budget),
        HomepageProvider(door, trust, limits, utc_now, timeout_seconds=0.9 * budget),
        SiteProvider(door, trust, limits, utc_now, timeout_seconds=0.9 * budget),
    ]


async def work(settings: WorkerSettings) -> None:
    """Look leads up, and seal their audit log, until told to stop."""
    database = Database(
        settings.lead_database_url, name=PROCESS, pool_size=settings.lead_database_connections
    )
    jobs = LeadJobs(
        UnitsOfWork(database, PostgresLeadStore),
        providers(settings),
        budget_seconds=settings.enrichment_budget_seconds,
        clock=utc_now,
    )
    worker = Worker(
        settings.lead_database_url,
        {ENRICH_LEAD: jobs.enrich},
        concurrency=settings.enrichment_concurrency,
    )
    seal = sealer(settings, LOG, settings.lead_database_url)
    upkeep = ImportUpkeep(UnitsOfWork(database, PostgresImportStore), utc_now)
    await live(
        settings,
        process=PROCESS,
        loops=[worker.run, jobs.sweep, upkeep.sweep, seal],
        ready=partial(schema.check, "lead_service", database),
    )
    await database.close()
