"""How fast files come in and go out, and that size takes no memory: `IMPORT_ROWS=1000000` for a large one."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import psutil

from tests.fixtures.stack import Stack
from tests.performance.conftest import Note

ROWS = int(os.environ.get("IMPORT_ROWS", "20000"))
MOST_GROWTH_BYTES = 200 * 1024 * 1024
CHUNK_ROWS = 1000


async def rows(run: str) -> AsyncIterator[bytes]:
    """A file as a CRM writes it: every tenth row repeats the one before, every fiftieth is no lead."""
    yield b"Name,E-Mail,Website,Phone\r\n"
    for first in range(0, ROWS, CHUNK_ROWS):
        lines = []
        for n in range(first, min(first + CHUNK_ROWS, ROWS)):
            number = n - 1 if n % 10 == 9 else n
            email = f"person{number}@{run}{number % 5000}.example" if n % 50 else "nobody"
            site = f"https://www.{run}{number % 5000}.example/"
            lines.append(f'"Person {number}, Ltd",{email},{site},+49 30 {number}\r\n')
        yield "".join(lines).encode()


@dataclass
class Memory:
    """Resident memory of a process while something is done: bytes before, and the most."""

    process: psutil.Process
    before: int = 0
    most: int = 0

    @property
    def growth(self) -> int:
        return self.most - self.before


@asynccontextmanager
async def watched(stack: Stack, *names: str) -> AsyncIterator[dict[str, Memory]]:
    seen = {name: Memory(psutil.Process(stack.pid(name))) for name in names}

    async def watch() -> None:
        while True:
            for each in seen.values():
                each.most = max(each.most, each.process.memory_info().rss)
            await asyncio.sleep(0.1)

    for each in seen.values():
        each.before = each.most = each.process.memory_info().rss
    watching = asyncio.create_task(watch())
    yield seen
    watching.cancel()


@contextmanager
def timed(note: Note, name: str, count: int = ROWS) -> Iterator[None]:
    began = time.perf_counter()
    yield
    note(name, count / (time.perf_counter() - began), "rows/s")


async def test_a_file_comes_in_and_goes_out_in_constant_memory(stack: Stack, note: Note) -> None:
    headers = {"authorization": f"Bearer {stack.token('operator')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=None, trust_env=False) as api:
        # What a process loads with its first file is not what a large one takes.
        await api.post("/api/leads:import", content=b"email\nfirst@first.example\n")
        await api.get("/api/leads:export")
        async with watched(stack, "gateway", "lead") as memory:
            with timed(note, f"import: dry run of {ROWS} rows"):
                tried = await api.post("/api/leads:import?dry_run=true", content=rows("dry"))
            assert tried.status_code == 200, tried.text
            note("import: memory grown by a dry run, gateway", memory["gateway"].growth / 2**20, "MiB")
            note("import: memory grown by a dry run, lead", memory["lead"].growth / 2**20, "MiB")
            with timed(note, f"import: {ROWS} rows, audited"):
                done = await api.post("/api/leads:import", content=rows("wet"))
            assert done.status_code == 200, done.text
            counts = ("created", "updated", "unchanged", "duplicates", "refused")
            assert [done.json()[name] for name in counts] == [tried.json()[name] for name in counts]
            sent = 0
            with timed(note, "export: CSV", done.json()["created"]):
                async with api.stream("GET", f"/api/leads:export?import_id={done.json()['id']}") as reply:
                    async for piece in reply.aiter_bytes():
                        sent += piece.count(b"\n")
            assert sent == done.json()["created"] + 1
        for name, each in memory.items():
            note(f"import and export: memory grown, {name}", each.growth / 2**20, "MiB")
            assert each.growth < MOST_GROWTH_BYTES, name
