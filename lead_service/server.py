"""The process that answers RPCs: ``lead``."""

from functools import partial

from lead_service import refusals
from lead_service.audit_log import LOG
from lead_service.audit_repository import PostgresAuditStore
from lead_service.change_repository import PostgresChangeStore
from lead_service.erasure_repository import PostgresErasureStore
from lead_service.evidence_servicer import Records
from lead_service.feed import CHANNEL, Feed
from lead_service.import_repository import PostgresImportStore
from lead_service.quota import Quota
from lead_service.repository import PostgresLeadStore
from lead_service.servicer import LeadServicer
from lead_service.settings import ServerSettings
from lead_service.transfer_servicer import LeadTransferServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc, transfers_pb2, transfers_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence.stores import LogStores
from services.notifications import Hints

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
    leads = UnitsOfWork(database, PostgresLeadStore)
    quota = Quota(settings.enrichment_hourly_quota, settings.enrichment_running_quota)
    imports = UnitsOfWork(database, partial(PostgresImportStore, quota=quota))
    hints = Hints(settings.lead_database_url, CHANNEL, name=f"{PROCESS} listener")
    # Who watches takes up a call for minutes: half of them are left to everybody else.
    feed = Feed(
        UnitsOfWork(database, PostgresChangeStore), hints, limit=settings.maximum_concurrent_rpcs // 2
    )
    servicer = LeadServicer(leads, utc_now, kept, quota, feed)
    await server.serve(
        settings,
        process=PROCESS,
        services=[
            server.Service(
                lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
                lead_pb2_grpc.add_LeadServiceServicer_to_server,
                servicer,
            ),
            server.Service(
                transfers_pb2.DESCRIPTOR.services_by_name["LeadTransferService"],
                transfers_pb2_grpc.add_LeadTransferServiceServicer_to_server,
                LeadTransferServicer(imports, leads, kept.audits, utc_now),
            ),
        ],
        ready=partial(schema.check, "lead_service", database),
        on_refusal=refusals.noting(kept.audits),
        loops=[hints.listen, feed.run, feed.end],
    )
    await database.close()
