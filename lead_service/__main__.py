"""The processes of this context: ``python -m lead_service serve | work | migrate``.

Each command imports what it needs and no more: a worker carries no server, and nobody carries Alembic.
"""

import sys


def main() -> None:
    """Run the process that the command line names."""
    match sys.argv[1:]:
        case ["serve"]:
            from lead_service.server import serve
            from lead_service.settings import ServerSettings
            from services.process import run

            run(serve(ServerSettings.load()))
        case ["work"]:
            from lead_service.settings import WorkerSettings
            from lead_service.worker import work
            from services.process import run

            run(work(WorkerSettings.load()))
        case ["migrate"]:
            from lead_service.settings import MigrationSettings
            from services.migrations import upgrade

            upgrade("lead_service", MigrationSettings.load().lead_migration_database_url)
        case _:
            sys.exit("usage: python -m lead_service serve | work | migrate")


if __name__ == "__main__":
    main()
