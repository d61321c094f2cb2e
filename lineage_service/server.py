"""The process that answers RPCs: ``lineage``."""

from functools import partial

from lineage_service import refusals
from lineage_service.audit_log import LOG
from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from lineage_service.settings import ServerSettings
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.evidence.stores import LogStores

PROCESS = "lineage"


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs until told to stop."""
    database = Database(
        settings.lineage_database_url, name=PROCESS, pool_size=settings.lineage_database_connections
    )
    stores = UnitsOfWork(database, PostgresLineageStore)
    servicer = LineageServicer(
        stores,
        limits=settings.limits,
        policy=settings.policy,
        alarm_bytes=settings.lineage_storage_alarm_bytes,
        clock=utc_now,
        ledgers=LogStores(database, LOG),
    )
    await server.serve(
        settings,
        process=PROCESS,
        services=[
            server.Service(
                lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
                lineage_pb2_grpc.add_LineageServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, "lineage_service", database),
        on_refusal=refusals.noting(stores, utc_now),
    )
    await database.close()
