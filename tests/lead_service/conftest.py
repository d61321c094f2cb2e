"""What tests of the audit and of tampering share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.database import Database
from services.evidence.checkpoints import CheckpointFile
from services.evidence.examination import examine
from services.identity import acting_as, serving
from tests.fixtures.evidence import KEYS
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import ADA, CALL
from tests.lead_service.thief import Found, Thief


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as its owner, who may write in every way; the application may in fewer."""
    opened = Database(lead_database.owner_url, name="test", pool_size=40)
    with acting_as(ADA), serving(CALL):
        yield opened
    await opened.close()


@pytest.fixture
async def thief(sealed_log: TestDatabase) -> AsyncIterator[Thief]:
    thief = await Thief.connect(sealed_log.superuser_url)
    yield thief
    await thief.connection.close()


@pytest.fixture
def found(sealed_log: TestDatabase, kept_checkpoints: Path) -> Found:
    """Return what the verifier says, with or without the checkpoints that were kept outside."""

    async def run(*, kept: bool = False) -> list[str]:
        notes = list(CheckpointFile(kept_checkpoints).notes()) if kept else None
        report = await examine(sealed_log.superuser_url, KEYS, notes)
        return [str(each) for each in report.damages]

    return run
