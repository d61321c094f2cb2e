"""What tests of the audit and of tampering share."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from lead_service.audit_log import LOG
from services.database import Database
from services.identity import acting_as, serving
from tests.fixtures.evidence import KEYS
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.thief import Target
from tests.lead_service.audited import ADA, CALL
from tests.lead_service.recomputed import commitment


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as its owner, who may write in every way; the application may in fewer."""
    opened = Database(lead_database.owner_url, name="test", pool_size=40)
    with acting_as(ADA), serving(CALL):
        yield opened
    await opened.close()


def _rename(stated: dict[str, Any], entry: asyncpg.Record) -> None:
    new, old, salts = (json.loads(entry[each]) for each in ("new_values", "old_values", "salts"))
    stated["values"] = commitment(salts["values"], {"new": new | {"name": "Eve"}, "old": old})


@pytest.fixture
def target(sealed_log: TestDatabase, kept_checkpoints: Path) -> Target:
    return Target(
        sealed_log,
        LOG,
        KEYS,
        kept_checkpoints,
        forge=_rename,
        columns="""new_values = new_values || '{"name": "Eve"}'""",
        live="UPDATE leads SET name = 'Eve' WHERE id = $1",
        hashed="",
    )
