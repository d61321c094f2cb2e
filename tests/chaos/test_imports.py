"""Promise: when the server that reads a file is killed, the same file goes on where it was."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fixtures.stack import Stack
from tests.system.test_leads_to_lineage import eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

ROWS = 6000
PIECE = 500


async def rows() -> AsyncIterator[bytes]:
    yield b"email,name\n"
    for first in range(0, ROWS, PIECE):
        yield "".join(
            f"p{n}@killed.example,Person {n} of {'many ' * 10}\n" for n in range(first, first + PIECE)
        ).encode()


async def test_a_killed_import_goes_on_where_it_was(stack: Stack) -> None:
    headers = {"authorization": f"Bearer {stack.token('operator')}", "idempotency-key": "killed-import"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=300, trust_env=False) as api:

        async def under_way() -> int:
            found = (await api.get("/api/leads/imports")).json().get("imports", [])
            return int(found[0]["rows"]) if found else 0

        answers = []
        for _ in range(2):
            before = await under_way()
            sending = asyncio.create_task(api.post("/api/leads:import", content=rows()))
            await eventually(under_way, lambda count, before=before: count > before)
            os.kill(stack.pid("lead"), signal.SIGKILL)
            answers.append((await sending).status_code)

        async def again() -> httpx.Response:
            return await api.post("/api/leads:import", content=rows())

        done = (await eventually(again, lambda reply: reply.status_code == 200)).json()
        assert (done["state"], done["created"], done["duplicates"]) == ("COMPLETED", ROWS, 0)
        listed = (await api.get("/api/leads/imports")).json()["imports"]
        assert [each["state"] for each in listed] == ["COMPLETED"]
        print(f"two kills, answered {answers}; then every one of {ROWS} rows once")
