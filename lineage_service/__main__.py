"""The processes of this context: ``python -m lineage_service serve | work | migrate``."""

import sys
from functools import partial

from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from lineage_service.settings import LineageSettings, MigrationSettings, ServerSettings, WorkerSettings
from lineage_service.usage import UsageMeter
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from services import schema, server
from services.clock import utc_now
from services.database import Database, UnitsOfWork

PACKAGE = "lineage_service"


def open_database(settings: LineageSettings, process: str) -> Database:
    """Prepare the connections of a process."""
    return Database(
        settings.lineage_database_url, name=process, pool_size=settings.lineage_database_connections
    )


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs."""
    database = open_database(settings, "lineage")
    stores = UnitsOfWork(database, PostgresLineageStore)
    servicer = LineageServicer(stores, limits=settings.limits, clock=utc_now)
    await server.serve(
        settings,
        process="lineage",
        services=[
            server.Service(
                lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
                lineage_pb2_grpc.add_LineageServiceServicer_to_server,
                servicer,
            )
        ],
        ready=partial(schema.check, PACKAGE, database),
    )
    await database.close()


async def work(settings: WorkerSettings) -> None:
    """Measure what is stored."""
    database = open_database(settings, "lineage-worker")
    meter = UsageMeter(UnitsOfWork(database, PostgresLineageStore), seconds=settings.lineage_measure_seconds)
    await server.serve(
        settings,
        process="lineage-worker",
        loops=[meter.run],
        ready=partial(schema.check, PACKAGE, database),
    )
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

            migrations.upgrade(PACKAGE, MigrationSettings.load().lineage_migration_database_url)
        case _:
            sys.exit("usage: python -m lineage_service serve | work | migrate")


if __name__ == "__main__":
    main()
