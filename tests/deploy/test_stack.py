"""Promise: `deploy.local up` starts everything in a home of its own, says where, restarts and stops it."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from deploy.local.processes import NAMES, PYTHON
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PATIENCE = 60.0


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await true():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.1)


async def is_ready(stack: Stack) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{stack.url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False


async def test_every_process_has_its_pid_file(stack: Stack) -> None:
    assert {path.stem for path in (stack.home / "run").glob("*.pid")} == set(NAMES)
    for name in NAMES:
        assert psutil.Process(stack.pid(name)).is_running()


async def test_the_endpoints_are_all_there_and_the_owners_alone(stack: Stack) -> None:
    assert stat.S_IMODE((stack.home / "run" / "endpoints.json").stat().st_mode) == 0o600
    assert set(stack.endpoints) == {"gateway", "grpc", "metrics", "databases"}
    assert set(stack.endpoints["grpc"]) == {"lead", "report", "lineage"}
    assert set(stack.endpoints["metrics"]) == set(PYTHON)
    for address in (*stack.endpoints["grpc"].values(), *stack.endpoints["metrics"].values()):
        host, _, port = address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
    for context, url in stack.endpoints["databases"].items():
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_database()") == context
        assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.close()


async def test_a_context_role_enters_its_own_database_only(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.endpoints["databases"]["lead"])
    rows = await connection.fetch(
        "SELECT rolname, datname FROM pg_roles, pg_database WHERE NOT rolsuper AND rolcanlogin "
        "AND datallowconn AND has_database_privilege(rolname, datname, 'CONNECT')"
    )
    await connection.close()
    found = {(row["rolname"], row["datname"]) for row in rows}
    contexts = ("lead", "report", "lineage")
    assert found == {(f"{context}_{part}", context) for context in contexts for part in ("owner", "app")}


async def test_the_database_gives_no_durability_away(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.endpoints["databases"]["lead"])
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert await connection.fetchval(f"SHOW {setting}") == "on"
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    await connection.close()


async def test_a_role_can_do_through_the_gateway_what_it_may(stack: Stack) -> None:
    body = {"email": "ada@example.com"}
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        for role, status in (("viewer", 403), ("operator", 200)):
            headers = {"authorization": f"Bearer {stack.token(role)}"}
            answer = await client.post("/api/leads", json=body, headers=headers)
            assert answer.status_code == status, answer.text
        assert (await client.get("/api/leads")).status_code == 401


@pytest.mark.parametrize("name", NAMES)
async def test_a_killed_process_comes_back_at_its_old_address(stack: Stack, name: str) -> None:
    before, addresses = stack.pid(name), stack.endpoints
    os.kill(before, signal.SIGKILL)

    async def is_back() -> bool:
        return stack.pid(name) != before and psutil.pid_exists(stack.pid(name))

    await eventually(is_back)
    await eventually(lambda: is_ready(stack))
    assert stack.endpoints == addresses


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path / "home")
    yield made
    made.stop()


async def test_neither_a_stop_nor_a_kill_leaves_a_process_and_the_next_start_finds_the_data(
    own: Stack,
) -> None:
    own.start()
    headers = {"authorization": f"Bearer {own.token('operator')}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        made = await client.post(f"{own.url}/api/leads", json={"email": "ada@example.com"}, headers=headers)
        assert made.status_code == 200, made.text
        for number, status in ((signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)):
            family = [psutil.Process(own.pid(name)) for name in NAMES]
            family += [child for process in family for child in process.children(recursive=True)]
            assert own.stop(number) == status
            _, alive = psutil.wait_procs(family, timeout=PATIENCE)
            assert alive == []

            own.start()
            found = await client.get(f"{own.url}/api/leads/{made.json()['id']}", headers=headers)
            assert found.json()["email"] == "ada@example.com"


async def test_a_demonstration_without_a_network_ends_well_and_a_stop_tidies_up(tmp_path: Path) -> None:
    offline = Stack(tmp_path / "home", {"ENRICHMENT_NAMESERVERS": "127.0.0.1:9"})
    try:
        printed = offline.start("demo", "--domain", "example.com")
        assert "UNREACHABLE" in printed
        (pdf,) = (offline.home / "demo").glob("example.com-*.pdf")
        assert pdf.read_bytes().startswith(b"%PDF-")
        assert str(pdf) in printed
        report_id = pdf.stem.removeprefix("example.com-")
        assert f"{offline.url}/reports/{report_id}\n" in printed
        assert f"{offline.url}/api/lineage/{report_id} " in printed
        assert f"{offline.url}/login?token=" in printed
        assert await is_ready(offline)
        again = offline.demonstrate("example.com")
        assert "hello@example.com, known from before" in again
        assert len(list((offline.home / "demo").glob("example.com-*.pdf"))) == 2
    finally:
        assert offline.stop(signal.SIGTERM) == 0
    assert list((offline.home / "run").rglob("*.pid")) == []
    assert not (offline.home / "run" / "endpoints.json").exists()
