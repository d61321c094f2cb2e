"""Schema history: one Alembic environment for every context, whose folder holds only revisions.

A context's ``migrations/`` folder has an ``env.py`` that calls ``run_env``, and ``versions/``. The
role that migrates owns the objects; each revision grants the application's role what it needs.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

# One migration at a time in a database, whoever starts it.
ADVISORY_LOCK = 0x6C66_6D69_6772

JOB_TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")


def upgrade(package: str, url: str, revision: str = "head") -> None:
    """Bring a context's schema up to a revision; does nothing if it is there."""
    _run(package, url, lambda config: command.upgrade(config, revision))


def downgrade(package: str, url: str, revision: str) -> None:
    """Take a context's schema back to a revision; ``base`` is the empty one."""
    _run(package, url, lambda config: command.downgrade(config, revision))


def run_env() -> None:
    """Run the revisions that Alembic asks for; the whole of a context's ``env.py``."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def execute_script(sql: str) -> None:
    """Execute several SQL statements within a revision's transaction."""
    # SQLAlchemy sends BEGIN with its own first statement; until then the driver would commit each script.
    op.execute("SELECT 1")
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(sql))


def install_jobs(role: str) -> None:
    """Create PgQueuer's schema within a revision and let the application's role use it."""
    execute_script(QueryBuilderEnvironment().build_install_query())
    tables = ", ".join(JOB_TABLES)
    execute_script(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role};"
        + "".join(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO {role};" for table in JOB_TABLES)
    )


def remove_jobs() -> None:
    """Drop PgQueuer's schema within a revision."""
    execute_script(QueryBuilderEnvironment().build_uninstall_query())


def _config(package: str) -> Config:
    folder = Path(next(iter(import_module(package).__path__))) / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _run(package: str, url: str, apply: Callable[[Config], None]) -> None:
    asyncio.run(_run_async(package, url, apply))


async def _run_async(package: str, url: str, apply: Callable[[Config], None]) -> None:
    config = _config(package)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        apply(config)

    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
            await connection.commit()
            await connection.run_sync(run)
            await connection.commit()
    finally:
        await engine.dispose()
