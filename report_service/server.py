"""The process that answers RPCs: ``report``."""

from functools import partial

from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service.batch_repository import PostgresBatchStore
from report_service.objects import StoredObjects
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer
from report_service.redaction import Redaction
from report_service.servicer import Limits, ReportServicer
from report_service.session import ReportSession
from report_service.settings import ServerSettings
from services import schema, server
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork

PROCESS = "report"


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs until told to stop."""
    database = Database(
        settings.report_database_url,
        name=PROCESS,
        pool_size=settings.report_database_connections,
        session_class=ReportSession,
    )
    key = settings.redaction_key.get_secret_value() if settings.redaction_key else ""
    channel = open_channel(settings.lead_service_address, settings)
    servicer = ReportServicer(
        UnitsOfWork(database, PostgresBatchStore),
        UnitsOfWork(database, PostgresOutboxStore),
        LeadPeer(channel),
        StoredObjects(settings.objects_url),
        redaction=Redaction(key),
        limits=Limits(
            settings.report_queue_limit, settings.report_batch_limit, settings.report_batch_queue_limit
        ),
        clock=utc_now,
    )
    await server.serve(
        settings,
        process=PROCESS,
        services=[
            server.Service(
                report_pb2.DESCRIPTOR.services_by_name["ReportService"],
                report_pb2_grpc.add_ReportServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, "report_service", database),
    )
    await channel.close()
    await database.close()
