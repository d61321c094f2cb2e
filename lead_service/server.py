"""The process that answers RPCs: ``lead``."""

from functools import partial

from lead_service import refusals
from lead_service.audit_repository import PostgresAuditStore
from lead_service.repository import PostgresLeadStore
from lead_service.servicer import LeadServicer
from lead_service.settings import LeadSettings
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork

PROCESS = "lead"


async def serve(settings: LeadSettings) -> None:
    """Answer RPCs until told to stop."""
    database = Database(
        settings.lead_database_url, name=PROCESS, pool_size=settings.lead_database_connections
    )
    audits = UnitsOfWork(database, PostgresAuditStore)
    servicer = LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now, audits)
    await server.serve(
        settings,
        process=PROCESS,
        services=[
            server.Service(
                lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
                lead_pb2_grpc.add_LeadServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, "lead_service", database),
        on_refusal=refusals.noting(audits),
    )
    await database.close()
