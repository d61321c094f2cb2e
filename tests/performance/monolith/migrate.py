"""`python -m tests.performance.monolith.migrate URL`: make Continuum's tables, as the leads' owner."""

import asyncio
import sys

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.performance.monolith.tables import Base


async def migrate(url: str) -> None:
    """Create what is not there yet, and let the application use it."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO lead_app"))
        await connection.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO lead_app"))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(migrate(*sys.argv[1:]))
