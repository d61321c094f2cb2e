"""Processes measured from outside: started as they are deployed, and asked what CPU time they took."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from deploy.local.home import CHECKOUT
from deploy.local.ports import reserved
from tests.fixtures.identity import AUDIENCE, PEOPLE, Issuer
from tests.fixtures.postgres import TestDatabase

PATIENCE_SECONDS = 30
CONNECTIONS = 10
"""To the database, of all processes of one side together."""


class Running:
    """Processes that answer together on one port, and the database that they use, if any."""

    def __init__(
        self,
        port: int,
        processes: Sequence[psutil.Process],
        database: TestDatabase | None = None,
        sessions: str = "lead",
    ) -> None:
        """Take the processes, whose children count too, and what they call themselves at the database."""
        self.port, self.processes = port, processes
        self._database, self._sessions = database, sessions
        self.costs: list[float] = []

    @property
    def microseconds(self) -> float:
        """Median CPU time of an answer, the first measurement apart, which warmed up."""
        return statistics.median(self.costs[1:])

    async def costed(self, measure: Callable[[], Awaitable[float]], seconds: float) -> float:
        """Measure a rate over so many seconds, and keep what an answer took."""
        before = await self._cpu_seconds()
        rate = await measure()
        self.costs.append(1e6 * (await self._cpu_seconds() - before) / (rate * seconds))
        return rate

    async def _cpu_seconds(self) -> float:
        """Return the CPU time taken so far by the processes and by their sessions on the database server."""
        taken = sum(map(_family, self.processes))
        if self._database is None:
            return taken
        connection = await asyncpg.connect(self._database.superuser_url)
        sessions = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
            self._sessions,
        )
        await connection.close()
        return taken + sum(_spent(psutil.Process(each["pid"])) for each in sessions)


def _family(process: psutil.Process) -> float:
    return sum(map(_spent, [process, *process.children(recursive=True)]))


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@asynccontextmanager
async def started(
    command: Sequence[str], settings: Mapping[str, object], log: Path
) -> AsyncIterator[psutil.Process]:
    """Run `python -m …` with its output in a file, as the supervisor does."""
    environment = os.environ | {name.upper(): str(value) for name, value in settings.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=CHECKOUT, env=environment, stdout=output, stderr=output
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


async def port_of(log: Path) -> int:
    """Wait until a process of ours says that it listens, and return where."""
    for _ in range(PATIENCE_SECONDS * 20):
        for line in log.read_text().splitlines():
            if '"process.ready"' in line:
                return int(json.loads(line)["port"])
        await asyncio.sleep(0.05)
    raise AssertionError(log.read_text())


def lead_settings(database: TestDatabase, issuer: Issuer) -> dict[str, object]:
    """Return the settings of the lead service."""
    return {
        **issuer.settings("lead"),
        "lead_database_url": database.url,
        "lead_database_connections": CONNECTIONS,
    }


@asynccontextmanager
async def lead_service(database: TestDatabase, issuer: Issuer, at: Path) -> AsyncIterator[Running]:
    """Run the lead service alone; the port is gRPC's."""
    async with started(
        ["lead_service", "serve"], lead_settings(database, issuer), at / "lead.log"
    ) as process:
        yield Running(await port_of(at / "lead.log"), [process], database)


@asynccontextmanager
async def product(database: TestDatabase, issuer: Issuer, at: Path) -> AsyncIterator[Running]:
    """Run the gateway and the lead service, limits of callers apart as they are deployed."""
    async with lead_service(database, issuer, at) as lead:
        settings = {
            **issuer.settings("gateway"),
            **{f"{each}_service_address": f"127.0.0.1:{lead.port}" for each in ("lead", "report", "lineage")},
            "gateway_port": 0,
            "requests_per_second": 1_000_000,
            "requests_at_once": 1_000_000,
        }
        async with started(["gateway"], settings, at / "gateway.log") as process:
            yield Running(await port_of(at / "gateway.log"), [process, *lead.processes], database)


@asynccontextmanager
async def monolith(
    database: TestDatabase, issuer: Issuer, at: Path, *, workers: int, is_audited: bool = False
) -> AsyncIterator[Running]:
    """Run the monolith under uvicorn."""
    log = at / "monolith.log"
    settings = {
        "database_url": database.url,
        "identity_jwks": issuer.people_jwks,
        "identity_issuer": PEOPLE,
        "identity_audience": AUDIENCE,
        "monolith_connections": CONNECTIONS // workers,
        "monolith_audited": "yes" if is_audited else "",
    }
    command = ["uvicorn", "tests.performance.monolith.app:app", "--workers", str(workers)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with reserved(1) as (port,):
        async with started([*command, "--port", str(port)], settings, log) as process:
            await _listening(port, log)
            yield Running(port, [process], database, "monolith")


async def _listening(port: int, log: Path) -> None:
    for _ in range(PATIENCE_SECONDS * 20):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError(log.read_text())
