"""A fixed number of render processes, each doing one report at a time.

WeasyPrint lays text out differently when threads share a process, and a template may run away: so
every render has a process to itself, under limits. One that breaks takes only its own report with it
and is replaced.
"""

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from report_service.rendering.bundles import Bundle
from report_service.rendering.metadata import PdfIdentity
from report_service.rendering.process import ProcessEnded, RenderProcess, sweep
from services.errors import FieldViolation

__all__ = ["Comparison", "PdfIdentity", "Picture", "RenderFailed", "RenderPool", "Rendering"]

MEMORY_BYTES = 1024 * 1024 * 1024
"""Address space of a render process: about twice what a report of a hundred pages takes."""


@dataclass(frozen=True)
class Rendering:
    """A finished PDF."""

    pdf: bytes
    pdf_sha256: str
    page_count: int
    seconds: float
    """From the request to the PDF, without the wait for a free process."""
    log: tuple[dict[str, Any], ...]
    """Steps with their seconds, and WeasyPrint's warnings, in order."""


@dataclass(frozen=True)
class Picture:
    """One page of a document as it would be."""

    png: bytes
    """Empty if the document has no such page."""
    page_count: int


@dataclass(frozen=True)
class Comparison:
    """How the pages of two PDFs look beside each other."""

    pages: int
    """How many were compared."""
    shares: Mapping[int, float]
    """By page, counted from 1: the share of its pixels that differ. Pages that look the same are left out."""


class RenderFailed(Exception):
    """No PDF was made. The message is fit for the person who asked for the report."""

    def __init__(self, reason: str, *, transient: bool, log: tuple[dict[str, Any], ...] = ()) -> None:
        """Say why; ``transient`` if the same inputs may well succeed when tried again."""
        super().__init__(reason)
        self.transient = transient
        self.log = log


class RenderPool:
    """Renders with up to ``workers`` processes at once; others wait their turn."""

    def __init__(
        self,
        workers: int,
        *,
        wall_seconds: float = 60,
        cpu_seconds: int = 60,
        memory_bytes: int = MEMORY_BYTES,
        recycle_after: int = 100,
    ) -> None:
        """Set the limits of each render; a process is replaced after ``recycle_after`` of them."""
        self._workers = workers
        self._wall_seconds = wall_seconds
        self._cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes
        self._recycle_after = recycle_after
        # A place holds a warm process, or nothing if its last one could not be replaced.
        self._places: asyncio.Queue[RenderProcess | None] = asyncio.Queue()
        self._processes: set[RenderProcess] = set()
        self._replacements: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Start and warm all processes; raises ``RenderFailed`` if they cannot run on this machine."""
        sweep()
        starting = (self._start_process() for _ in range(self._workers))
        for started in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(started, BaseException):
                await self.close()
                raise started
            self._places.put_nowait(started)

    @property
    def pids(self) -> frozenset[int]:
        """The ids of the processes that run now."""
        return frozenset(process.pid for process in self._processes)

    async def render(self, bundle: Bundle, inputs: bytes, identity: PdfIdentity) -> Rendering:
        """Make the PDF of canonical inputs (RFC 8785 JSON); raises ``RenderFailed``.

        The bundle's files must have the digest that the identity names, and the inputs theirs.
        """
        head = {"bundle": str(bundle.path), "identity": asdict(identity)}
        reply, pdf, seconds = await self._ask(head, inputs)
        return Rendering(pdf, sha256(pdf).hexdigest(), reply["pages"], seconds, tuple(reply["log"]))

    async def picture(
        self, bundle: Bundle, inputs: bytes, identity: PdfIdentity, page: int, width: int
    ) -> Picture:
        """Make a picture of one page, counted from 1, ``width`` pixels wide; raises ``RenderFailed``."""
        head = {"bundle": str(bundle.path), "identity": asdict(identity), "page": page, "width": width}
        reply, png, _ = await self._ask(head, inputs)
        return Picture(png, reply["pages"])

    async def inspect(self, bundle: Bundle, seconds: float) -> list[FieldViolation]:
        """Return what keeps a bundle from being published, within so many; raises ``RenderFailed``."""
        head = {"bundle": str(bundle.path), "digest": bundle.digest}
        reply, _, _ = await self._ask(head, b"", seconds)
        return [FieldViolation(*each) for each in reply["flaws"]]

    async def compare(self, first: bytes, second: bytes) -> Comparison:
        """Say how the pages of two PDFs look beside each other; raises ``RenderFailed``."""
        reply, _, _ = await self._ask({"first": len(first)}, first + second)
        return Comparison(reply["compared"], dict(reply["shares"]))

    async def _ask(
        self, head: dict[str, Any], inputs: bytes, seconds: float | None = None
    ) -> tuple[dict[str, Any], bytes, float]:
        """Have a process answer under the limits, or within fewer seconds; also return how long it took."""
        wall_seconds = seconds or self._wall_seconds
        process = await self._places.get()
        if self._closed:
            self._places.put_nowait(process)
            raise RenderFailed("rendering has been shut down", transient=True)
        try:
            if process is None or not process.alive:
                await self._discard(process)
                process = await self._start_process()
            started = time.perf_counter()
            async with asyncio.timeout(wall_seconds):
                reply, made = await process.render(head | {"cpu_seconds": self._cpu_seconds}, inputs)
        except BaseException as failure:
            self._replace(process)
            if isinstance(failure, ProcessEnded):
                raise self._explain(failure) from failure
            if isinstance(failure, TimeoutError):
                reason = f"rendering took longer than {wall_seconds:g} s and was stopped"
                raise RenderFailed(reason, transient=False) from failure
            raise
        if process.renders < self._recycle_after:
            self._places.put_nowait(process)
        else:
            self._replace(process)
        if "error" in reply:
            raise RenderFailed(reply["error"], transient=False, log=tuple(reply["log"]))
        return reply, made, time.perf_counter() - started

    async def close(self) -> None:
        """End all processes; renders that are under way fail."""
        self._closed = True
        for task in tuple(self._replacements):
            task.cancel()
        await asyncio.gather(*self._replacements, return_exceptions=True)
        idle = [self._places.get_nowait() for _ in range(self._places.qsize())]
        await asyncio.gather(*(process.end() for process in idle if process))
        await asyncio.gather(*(process.kill() for process in self._processes.difference(idle)))
        self._processes.clear()
        self._places.put_nowait(None)  # wakes those who wait, one after the other, to be refused

    async def _start_process(self) -> RenderProcess:
        try:
            process = await RenderProcess.start(self._memory_bytes)
        except (ProcessEnded, TimeoutError, OSError) as failure:
            # The cause, which the log shows, has the process's last words; users need not read them.
            raise RenderFailed("no render process can be started", transient=True) from failure
        if self._closed:  # meanwhile, and nobody would end it
            await process.kill()
            raise RenderFailed("rendering has been shut down", transient=True)
        self._processes.add(process)
        return process

    async def _discard(self, process: RenderProcess | None) -> None:
        if process:
            self._processes.discard(process)
            await process.kill()

    def _replace(self, process: RenderProcess | None) -> None:
        """Put a fresh process in the place of this one, without anyone waiting for it."""
        task = asyncio.create_task(self._fill_place(process))
        self._replacements.add(task)
        task.add_done_callback(self._replacements.discard)

    async def _fill_place(self, process: RenderProcess | None) -> None:
        fresh = None
        try:
            await self._discard(process)
            if not self._closed:
                fresh = await self._start_process()
        except RenderFailed:
            pass  # The next render tries again, and says why if it fails too.
        finally:
            self._places.put_nowait(fresh)

    def _explain(self, end: ProcessEnded) -> RenderFailed:
        if end.exit_code == -signal.SIGXCPU:
            reason = f"rendering used more than {self._cpu_seconds} s of processor time and was stopped"
            return RenderFailed(reason, transient=False)
        cause = f"signal {-end.exit_code}" if end.exit_code < 0 else f"exit code {end.exit_code}"
        log = ({"event": "render.ended", "exit_code": end.exit_code, "message": end.last_words},)
        return RenderFailed(f"the render process ended unexpectedly ({cause})", transient=True, log=log)
