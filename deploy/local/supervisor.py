"""Keeps processes alive: starts them, restarts what dies, and ends them in order."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from time import monotonic

from deploy.local.commands import supervised
from deploy.local.home import CHECKOUT, Problem, write_private
from deploy.local.processes import Probe, Process

STEADY_SECONDS = 10.0
"""A process that lived this long has earned an immediate restart again."""
LONGEST_DELAY_SECONDS = 5.0
STOP_SECONDS = 3.0
"""How long one round of processes may take to end before it is killed; there are three rounds."""
HOPELESS_FAILURES = 6
"""Ends in a row, without ever having been ready, after which starting is given up."""
LARGEST_LOG_BYTES = 10_000_000


class State(StrEnum):
    """Where a process is."""

    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"
    STOPPED = "stopped"


Observer = Callable[["Child"], None]


def restart_delay(failures: int) -> float:
    """Return the seconds to wait after so many ends in a row: none at first, five at most."""
    return 0.0 if failures == 0 else min(0.25 * 2.0 ** (failures - 1), LONGEST_DELAY_SECONDS)


async def until(probe: Probe) -> None:
    """Return as soon as the probe says yes."""
    while True:
        if await probe():
            return
        await asyncio.sleep(0.1)


class Child:
    """One process of the table, over all its restarts."""

    def __init__(self, process: Process, run: Path, logs: Path, observe: Observer) -> None:
        """Say where its pid file and its log go, and who wants to know of its changes."""
        self.process = process
        self.state = State.STARTING
        self.pid: int | None = None
        self.status = ""
        """How it last ended, such as ``signal 9``."""
        self.restarts = 0
        self.ever_ready = asyncio.Event()
        self.log = logs / f"{process.name}.log"
        self._pid_file = run / f"{process.name}.pid"
        self._observe = observe
        self._stopping = asyncio.Event()
        self._kept = asyncio.create_task(self._keep(), name=process.name)

    async def ready(self) -> None:
        """Return once the process has been ready; raises Problem if it never will be."""
        waiting = asyncio.create_task(self.ever_ready.wait())
        await asyncio.wait({waiting, self._kept}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self.ever_ready.is_set():
            raise Problem(f"{self.process.name} does not start ({self.status}): {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of the log, in one line, with the log's name."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return f"{lines[-1].strip() if lines else 'it said nothing'} (see {self.log})"

    async def stop(self) -> None:
        """End the process, by force if it takes too long."""
        self._stopping.set()
        self._signal(self.process.stop_signal)
        try:
            await asyncio.wait_for(asyncio.shield(self._kept), STOP_SECONDS)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._kept

    def trim_log(self) -> None:
        """Keep a log that has grown large as ``.1`` and begin it anew; the process appends on."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    async def _keep(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = monotonic()
            try:
                await self._live()
            except OSError as error:  # no memory, no file handle: the next attempt may find some
                self.status = str(error)
            if self._stopping.is_set():
                break
            if monotonic() - began > STEADY_SECONDS:
                failures = 0
            self._change(State.ENDED)
            if failures + 1 >= HOPELESS_FAILURES and not self.ever_ready.is_set():
                return
            if delay := restart_delay(failures):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
            failures += 1
            self.restarts += 1
        self._pid_file.unlink(missing_ok=True)
        self._change(State.STOPPED)

    async def _live(self) -> None:
        """Start the process and return when it has ended."""
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            running = await asyncio.create_subprocess_exec(
                *supervised(
                    self.process.command,
                    account=self.process.account,
                    death_signal=self.process.death_signal,
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.process.environment,
                cwd=CHECKOUT,
                # A group of its own: Ctrl-C is for the supervisor, and what the process leaves
                # behind can be found.
                start_new_session=True,
            )
        self.pid = running.pid
        with suppress(OSError):  # a full disk is no reason to lose sight of the process
            write_private(self._pid_file, f"{running.pid}\n")
        self._change(State.STARTING)
        if self._stopping.is_set():
            self._signal(self.process.stop_signal)
        probing = asyncio.create_task(self._probe())
        code = await running.wait()
        probing.cancel()
        self.status = f"signal {-code}" if code < 0 else f"exit {code}"
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        self.pid = None

    async def _probe(self) -> None:
        await until(self.process.probe)
        self.ever_ready.set()
        self._change(State.READY)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _change(self, state: State) -> None:
        self.state = state
        self._observe(self)


class Supervisor:
    """All the children of one home."""

    def __init__(self, run: Path, logs: Path, observe: Observer) -> None:
        """Say where pid files and logs go, and who wants to know of changes."""
        self._run, self._logs, self._observe = run, logs, observe
        self.children: dict[str, Child] = {}

    def start(self, process: Process) -> Child:
        """Start a process and keep it alive from now on."""
        child = Child(process, self._run, self._logs, self._observe)
        self.children[process.name] = child
        return child

    def trim_logs(self) -> None:
        """Keep each log to about twenty megabytes."""
        for child in self.children.values():
            child.trim_log()

    async def stop(self) -> None:
        """End everything, those first that call upon others."""

        def order(child: Child) -> int:
            return child.process.stop_order

        for _, together in groupby(sorted(self.children.values(), key=order), order):
            await asyncio.gather(*(child.stop() for child in together))
