"""What several contracts are tried on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.estate import Estate
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess


@pytest.fixture
async def estate(
    report_database: TestDatabase,
    lineage_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    tmp_path: Path,
) -> AsyncIterator[Estate]:
    """The report context over real neighbours."""
    made = Estate(issuer, report_database, lineage_database, tmp_path)
    async with made.opened(serve_in_process) as running:
        yield running
