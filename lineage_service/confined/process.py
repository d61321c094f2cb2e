"""A confined process, seen from outside."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

WALL_SECONDS = 20.0
AT_ONCE = 2
ANSWER_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

_ROOT = Path(__file__).resolve().parents[2]


class Confinement:
    """Runs confined processes, a few at a time; further work waits for its turn."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """Admit so many at once."""
        self._turns = asyncio.Semaphore(at_once)

    async def run(self, module: str, data: IO[bytes]) -> bytes:
        """Run a module of this package on a file; return what it wrote, all it got to if it was ended.

        The file must be a real one. It is read from its beginning.
        """
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", f"{__package__}.{module}"),
                stdin=data.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,
            )
            answer = bytearray()
            try:
                async with asyncio.timeout(WALL_SECONDS):
                    await _read(process, answer)
            except TimeoutError:
                pass
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            return bytes(answer)


async def _read(process: asyncio.subprocess.Process, answer: bytearray) -> None:
    assert process.stdout is not None
    while len(answer) < ANSWER_BYTES and (data := await process.stdout.read(CHUNK_BYTES)):
        answer += data
