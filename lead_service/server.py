"""The process that answers RPCs: ``lead``."""

from functools import partial

from lead_service import refusals
from lead_service.audit_log import LOG
from lead_service.audit_repository import PostgresAuditStore
from lead_service.erasure_repository import PostgresErasureStore
from lead_service.evidence_servicer import Records
from lead_service.quota import Quota
from lead_service.repository import PostgresLeadStore
from lead_service.servicer import LeadServicer
from lead_service.settings import ServerSettings
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence.stores import LogStores

PROCESS = "lead"


def records(database: Database) -> Records:
    """Return what is on record of leads in their database."""
    return Records(
        UnitsOfWork(database, PostgresAuditStore),
        LogStores(database, LOG),
        UnitsOfWork(database, PostgresErasureStore),
    )


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs until told to stop."""
    database = Database(
        settings.lead_database_url, name=PROCESS, pool_size=settings.lead_database_connections
    )
    kept = records(database)
    servicer = LeadServicer(
        UnitsOfWork(database, PostgresLeadStore),
        utc_now,
        kept,
        Quota(settings.enrichment_hourly_quota, settings.enrichment_running_quota),
    )
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
        on_refusal=refusals.noting(kept.audits),
    )
    await database.close()
