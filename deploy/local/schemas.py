"""The schemas of the three databases, brought up to date before their services start."""

import hashlib

from deploy.local.commands import run
from deploy.local.home import CHECKOUT, Problem
from deploy.local.postgres import Postgres
from deploy.local.processes import migration


async def migrate(context: str, postgres: Postgres) -> None:
    """Run a context's migrations, unless its database says that exactly these have been run.

    The database carries the mark itself, as its comment, so that the two cannot part.
    """
    expected = _digest(context)
    if await _mark(context, postgres) == f"{expected} {await _revision(context, postgres)}":
        return
    command, environment = migration(context, postgres)
    await run(command, environment=environment)
    mark = f"{expected} {await _revision(context, postgres)}"
    await postgres.query(context, f"COMMENT ON DATABASE {context} IS '{mark}'")


def _digest(context: str) -> str:
    """Return a digest of the context's revisions, names and content."""
    digest = hashlib.sha256()
    for path in sorted((CHECKOUT / f"{context}_service" / "migrations").rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


async def _mark(context: str, postgres: Postgres) -> str:
    sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    rows = await postgres.query(context, sql)
    return rows[0][0] if rows and rows[0] else ""


async def _revision(context: str, postgres: Postgres) -> str:
    """Return the revision that Alembic noted, or nothing in an empty database."""
    try:
        rows = await postgres.query(context, "SELECT version_num FROM alembic_version")
    except Problem:
        return ""
    return " ".join(row[0] for row in rows)
