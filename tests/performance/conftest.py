"""Collects figures: prints them as one table at the end and writes ``build/bench.json``."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.fixtures.postgres import Postgres, TestDatabase

OUTPUT = Path("build/bench.json")

Note = Callable[[str, float, str], None]
"""Keeps one figure: what it is, the number, the unit."""

_figures: list[dict[str, str | float]] = []


@pytest.fixture(scope="session")
def note() -> Note:
    """Return what keeps a figure."""
    return lambda name, value, unit: _figures.append({"name": name, "value": round(value, 3), "unit": unit})


@pytest.fixture(scope="session")
def is_durable() -> bool:
    """Commit as in use."""
    return True


@pytest.fixture(params=[True, False], ids=["waiting for the disk", "not waiting"])
def commits(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    lead_database: TestDatabase,
    other_database: TestDatabase,
) -> Iterator[str]:
    """Have both databases commit as in use, or without waiting for the disk; say which in words.

    The wait is the same on both sides, and hides what they do differently. Vacuum, whose turns would fall on
    one side or the other, waits until both are measured, and both begin behind a checkpoint.
    """
    if not request.param:
        for each in (lead_database, other_database):
            postgres.execute(f"ALTER DATABASE {each.name} SET synchronous_commit = off")
    postgres.execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "CHECKPOINT")
    yield "" if request.param else ", not waiting for the disk"
    postgres.execute("ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()")


@pytest.fixture
def other_database(postgres: Postgres) -> Iterator[TestDatabase]:
    """Make one more fresh database with the lead context's schema."""
    made = postgres.migrated("lead")
    yield made
    postgres.drop(made)


@pytest.fixture
def unaudited_database(postgres: Postgres, other_database: TestDatabase) -> TestDatabase:
    """Make a fresh database whose leads nobody watches."""
    postgres.execute(
        "ALTER TABLE leads DISABLE TRIGGER audit, DISABLE TRIGGER untouched", database=other_database.name
    )
    return other_database


def pytest_terminal_summary() -> None:
    """Show what was measured."""
    if not _figures:
        return
    table = Table("figure", "value", "unit")
    for each in _figures:
        table.add_row(str(each["name"]), f"{each['value']:g}", str(each["unit"]))
    Console().print(table)
    OUTPUT.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version()}
    OUTPUT.write_text(json.dumps({"machine": machine, "figures": _figures}, indent=2))
