"""How many reports the render pool makes, against as many processes that do nothing but WeasyPrint.

``BENCH_RENDERS`` is how many each process makes in a round, ``BENCH_RENDER_ROUNDS`` how many there are.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process

from report_service.rendering.pool import RenderPool
from tests.performance.conftest import Note
from tests.performance.pairs import compare
from tests.report_service.rendering_inputs import canonical, identity_of, sample, the_bundle

WORKERS = os.cpu_count() or 1
RENDERS = int(os.environ.get("BENCH_RENDERS", "5"))
ROUNDS = int(os.environ.get("BENCH_RENDER_ROUNDS", "5"))


async def told(process: Process, line: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(line.encode())
    assert await process.stdout.readline() in (b"ready\n", b"done\n")


async def test_a_pool_renders_as_much_as_bare_loops_do(note: Note) -> None:
    bundle, inputs = the_bundle(), canonical(sample())
    identity = identity_of(bundle, inputs)
    pool = RenderPool(WORKERS)
    await pool.start()
    command = (sys.executable, "-m", "tests.performance.bare")
    loops = [await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE) for _ in range(WORKERS)]
    await asyncio.gather(*(told(each, "") for each in loops))

    async def pooled() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(pool.render(bundle, inputs, identity) for _ in range(RENDERS * WORKERS)))
        return RENDERS * WORKERS / (time.perf_counter() - began)

    async def bare() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(told(each, f"{RENDERS}\n") for each in loops))
        return RENDERS * WORKERS / (time.perf_counter() - began)

    try:
        found = await compare(pooled, bare, ROUNDS)
    finally:
        for each in loops:
            each.kill()
            await each.wait()
        await pool.close()
    note(f"rendering: {WORKERS} workers of the pool, median", found.first, "reports/s")
    note(f"rendering: {WORKERS} bare loops of WeasyPrint, median", found.second, "reports/s")
    note("rendering: the pool to bare loops, median of pairs", found.ratio, "times")
