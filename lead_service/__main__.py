"""The processes of this context: `python -m lead_service serve | work | migrate`."""

import ssl
import sys
from functools import partial

import httpcore
import httpx

from lead_service.domain import Provider
from lead_service.egress.dial import Door
from lead_service.egress.http import Limits
from lead_service.egress.resolver import Resolver
from lead_service.jobs import PROCESS, LeadJobs
from lead_service.providers.dns import DnsProvider
from lead_service.providers.homepage import HomepageProvider
from lead_service.providers.tls import TlsProvider
from lead_service.repository import ENRICH_LEAD, PostgresLeadStore
from lead_service.servicer import LeadServicer
from lead_service.settings import LeadSettings, MigrationSettings, WorkerSettings
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.jobs import Worker

PACKAGE = "lead_service"


def open_database(settings: LeadSettings, process: str) -> Database:
    """Prepare the connections of a process."""
    return Database(settings.lead_database_url, name=process, pool_size=settings.lead_database_connections)


def providers(settings: WorkerSettings) -> list[Provider]:
    """Return every source of facts, all of them behind the one door."""
    resolver = Resolver(settings.enrichment_nameservers, timeout_seconds=settings.enrichment_dns_seconds)
    door = Door(
        resolver, httpcore.AnyIOBackend(), settings.enrichment_ports, settings.enrichment_allowed_networks
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
        TlsProvider(door, trust, utc_now, timeout_seconds=0.8 * budget),
        HomepageProvider(door, trust, limits, utc_now, timeout_seconds=0.9 * budget),
    ]


async def serve(settings: LeadSettings) -> None:
    """Answer RPCs."""
    database = open_database(settings, "lead")
    servicer = LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now)
    await server.serve(
        settings,
        process="lead",
        services=[
            server.Service(
                lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
                lead_pb2_grpc.add_LeadServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, PACKAGE, database),
    )
    await database.close()


async def work(settings: WorkerSettings) -> None:
    """Look leads up."""
    database = open_database(settings, PROCESS)
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
    await server.serve(
        settings,
        process=PROCESS,
        loops=[worker.run, jobs.sweep],
        ready=partial(schema.check, PACKAGE, database),
    )
    await database.close()


def main() -> None:
    """Run the process that the command line names."""
    match sys.argv[1:]:
        case ["serve"]:
            server.run(serve(LeadSettings.load()))
        case ["work"]:
            server.run(work(WorkerSettings.load()))
        case ["migrate"]:
            # Alembic is for this command alone: no serving process carries it.
            from services import migrations

            migrations.upgrade(PACKAGE, MigrationSettings.load().lead_migration_database_url)
        case _:
            sys.exit("usage: python -m lead_service serve | work | migrate")


if __name__ == "__main__":
    main()
