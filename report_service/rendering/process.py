"""One render process, seen from the worker: start it, give it work, end it."""

import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from report_service.rendering import frames

START_SECONDS = 60.0
"""How long a process may take until it is warm; a font cache may have to be built on the first start."""

END_SECONDS = 2.0
"""How long an idle process may take to end by itself."""

_ROOT = Path(__file__).resolve().parents[2]
_FONTS = Path(__file__).with_name("fonts.conf")
_SCRATCH = "leadfactory-render-"
# Beside the process id, which in a container that was restarted is that of the worker before.
_RUN = secrets.token_hex(4)


class ProcessEnded(Exception):
    """The process ended before it answered: ``exit_code`` as ``asyncio`` has it, negative for a signal."""

    def __init__(self, exit_code: int, last_words: str) -> None:
        """Keep what is known about the end."""
        super().__init__(f"render process ended with {exit_code}: {last_words}")
        self.exit_code = exit_code
        self.last_words = last_words


class RenderProcess:
    """A warm process that makes one PDF at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        scratch: tempfile.TemporaryDirectory[str],
        errors: IO[bytes],
    ) -> None:
        """Wrap a started process; use ``start``."""
        self._process = process
        self._scratch = scratch
        self._errors = errors
        self.renders = 0
        """How many renders it was asked for."""

    @classmethod
    async def start(cls, memory_bytes: int) -> "RenderProcess":
        """Start a process and wait until it is warm; raises ``ProcessEnded`` if it does not get there."""
        scratch = tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-{_RUN}-")
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        command = [
            sys.executable,
            "-P",
            "-m",
            "report_service.rendering.child",
            str(os.getpid()),
            str(memory_bytes),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=scratch.name,
            env=environment_for(scratch.name),
            start_new_session=True,
        )
        started = cls(process, scratch, errors)
        try:
            async with asyncio.timeout(START_SECONDS):
                await started._answer()
        except BaseException:
            await started.kill()
            raise
        return started

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as is known."""
        return self._process.returncode is None

    async def render(self, head: dict[str, Any], inputs: bytes) -> tuple[dict[str, Any], bytes]:
        """Send one request and return the reply; raises ``ProcessEnded``.

        If this is cancelled the process is in the middle of something and must be killed.
        """
        self.renders += 1
        assert self._process.stdin
        try:
            self._process.stdin.write(frames.pack(head, inputs))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._ended() from None
        return await self._answer()

    async def end(self) -> None:
        """Let an idle process end, by closing its input; kill it if it does not."""
        assert self._process.stdin
        self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End the process now and remove what it left."""
        if self.alive:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._errors.close()
        self._scratch.cleanup()

    async def _answer(self) -> tuple[dict[str, Any], bytes]:
        assert self._process.stdout
        try:
            return await frames.receive(self._process.stdout)
        except asyncio.IncompleteReadError:
            raise await self._ended() from None

    async def _ended(self) -> ProcessEnded:
        exit_code = await self._process.wait()
        if self._errors.closed:
            return ProcessEnded(exit_code, "")
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2_000))
        return ProcessEnded(exit_code, self._errors.read().decode(errors="replace").strip())


def sweep() -> None:
    """Remove the temporary folders of workers that were killed and could not do it themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        worker, _, rest = folder.name.removeprefix(_SCRATCH).partition("-")
        lives = Path("/proc", worker).exists() if worker != str(os.getpid()) else rest.startswith(_RUN)
        if worker.isdecimal() and not lives:
            shutil.rmtree(folder, ignore_errors=True)


def environment_for(scratch: str) -> dict[str, str]:
    """Return the environment variables of a render process: none of the worker's secrets, fixed otherwise."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "XDG_CACHE_HOME", "LD_LIBRARY_PATH")
        if name in os.environ
    }
    return kept | {
        "PYTHONPATH": str(_ROOT),
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        # fontTools dates each font it rewrites, which happens for colour emoji: without a fixed date
        # here, pages with one would differ from second to second.
        "SOURCE_DATE_EPOCH": "0",
        "LC_ALL": "C.UTF-8",
        "FONTCONFIG_FILE": str(_FONTS),
        "MALLOC_ARENA_MAX": "1",
        "TMPDIR": scratch,
    }
