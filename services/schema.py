"""Whether a database's schema is one that this code can work with."""

from importlib import import_module
from pathlib import Path

from sqlalchemy import text

from services.database import Database
from services.errors import Unavailable


async def check(package: str, database: Database) -> None:
    """Raise Unavailable unless the schema is at this code's newest revision or a later one.

    Reads the revisions' file names, so that no serving process has to carry Alembic.
    """
    versions = Path(next(iter(import_module(package).__path__))) / "migrations" / "versions"
    expected = max(path.name.partition("_")[0] for path in versions.glob("[0-9]*.py"))
    async with database.read() as session:
        exists = await session.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        found = await session.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    if found is None or expected > found:
        raise Unavailable(f"The schema is at {found}, not yet at {expected}: migrate first.")
