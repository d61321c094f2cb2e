"""The processes of this context: ``python -m report_service serve | work | migrate``."""

import sys
from functools import partial

import structlog

from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service import generation, metrics
from report_service.objects import StoredObjects
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer, LineagePeer
from report_service.relay import Relay
from report_service.rendering import environment
from report_service.rendering.pool import RenderPool
from report_service.repository import GENERATE, PostgresReportStore
from report_service.servicer import ReportServicer
from report_service.session import ReportSession
from report_service.settings import MigrationSettings, ReportSettings, ServerSettings, WorkerSettings
from report_service.upkeep import Upkeep
from services import jobs, schema, server, telemetry
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork

PACKAGE = "report_service"

log = structlog.get_logger(__name__)


def open_database(settings: ReportSettings, process: str) -> Database:
    """Prepare the connections of a process."""
    return Database(
        settings.report_database_url,
        name=process,
        pool_size=settings.report_database_connections,
        session_class=ReportSession,
    )


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs."""
    database = open_database(settings, "report")
    channel = open_channel(settings.lead_service_address, settings)
    servicer = ReportServicer(
        UnitsOfWork(database, PostgresReportStore),
        LeadPeer(channel),
        StoredObjects(settings.objects_url),
        queue_limit=settings.report_queue_limit,
        clock=utc_now,
    )
    await server.serve(
        settings,
        process="report",
        services=[
            server.Service(
                report_pb2.DESCRIPTOR.services_by_name["ReportService"],
                report_pb2_grpc.add_ReportServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, PACKAGE, database),
    )
    await channel.close()
    await database.close()


async def work(settings: WorkerSettings) -> None:
    """Make reports, hand over their lineage, and see that none is forgotten."""
    telemetry.configure(settings, generation.PROCESS)
    if missing := environment.missing():
        log.error(metrics.RENDERING_INCOMPLETE, missing=missing)
    if not settings.enable_report_lineage:
        log.warning(metrics.CAPTURE_DISABLED)
    # Before the channels: its processes are forked, and gRPC does not like to be.
    pool = RenderPool(settings.render_workers)
    await pool.start()
    database = open_database(settings, generation.PROCESS)
    reports = UnitsOfWork(database, PostgresReportStore)
    outbox = UnitsOfWork(database, PostgresOutboxStore)
    lead_channel = open_channel(settings.lead_service_address, settings)
    lineage_channel = open_channel(settings.lineage_service_address, settings)
    relay = Relay(outbox, LineagePeer(lineage_channel))
    try:
        workshop = generation.Workshop(
            stores=reports,
            leads=LeadPeer(lead_channel),
            objects=StoredObjects(settings.objects_url),
            renderer=pool,
            environment_digest=environment.digest(),
            clock=utc_now,
            captures=settings.enable_report_lineage,
            completed=relay.wake,
        )
        worker = jobs.Worker(
            settings.report_database_url,
            {GENERATE: partial(generation.generate, workshop)},
            # One report more than there are render processes reads its lead meanwhile.
            concurrency=settings.render_workers + 1,
        )
        await server.serve(
            settings,
            process=generation.PROCESS,
            loops=[worker.run, relay.run, Upkeep(reports, outbox).run],
            ready=partial(schema.check, PACKAGE, database),
        )
    finally:
        await pool.close()
    await lead_channel.close()
    await lineage_channel.close()
    await database.close()


def main() -> None:
    """Run the process that the command line names."""
    match sys.argv[1:]:
        case ["serve"]:
            server.run(serve(ServerSettings.load()))
        case ["work"]:
            server.run(work(WorkerSettings.load()))
        case ["migrate"]:
            # Alembic is for this command alone: no serving process carries it.
            from services import migrations

            migrations.upgrade(PACKAGE, MigrationSettings.load().report_migration_database_url)
        case _:
            sys.exit("usage: python -m report_service serve | work | migrate")


if __name__ == "__main__":
    main()
