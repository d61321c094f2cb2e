"""The whole stack in one home: started in parallel, kept up, and ended in order."""

import asyncio
import json
import signal
import sys
import time
from contextlib import suppress

from deploy.local import keys, schemas
from deploy.local.home import CHECKOUT, Home, Problem, write_private
from deploy.local.ports import LOOPBACK
from deploy.local.postgres import CONTEXTS, Postgres
from deploy.local.processes import DATABASE, GATEWAY, NAMES, PYTHON, Addresses, table
from deploy.local.supervisor import Supervisor, until
from deploy.local.terminal import Progress

LONGEST_START_SECONDS = 120.0
HOUSEKEEPING_SECONDS = 30.0
TOKEN_REFRESH_SECONDS = keys.WORKLOAD_SECONDS / 4


class Stack:
    """Every process of one home."""

    def __init__(self, home: Home, addresses: Addresses, progress: Progress) -> None:
        """Say where, and who shows what happens; nothing runs yet."""
        self._home, self._addresses, self._progress = home, addresses, progress
        self._postgres = Postgres(home, addresses.database)
        self._supervisor = Supervisor(home.run, home.logs, progress.observe)

    async def start(self) -> None:
        """Return when every process is ready; raises Problem if one cannot be."""
        try:
            async with asyncio.timeout(LONGEST_START_SECONDS):
                await self._start()
        except TimeoutError:
            late = [each for each in self._supervisor.children.values() if not each.ever_ready.is_set()]
            words = f"{late[0].process.name}: {late[0].last_words()}" if late else ""
            raise Problem(
                f"Not ready after {LONGEST_START_SECONDS:.0f} s; {words or '/readyz says no'}"
            ) from None

    async def _start(self) -> None:
        keys.write_workload_tokens(self._home, PYTHON)
        endpoints = self._addresses.endpoints(self._postgres)
        write_private(self._home.endpoints, json.dumps(endpoints, indent=2))
        processes = table(self._home, self._addresses, self._postgres)
        gateway = self._supervisor.start(processes[GATEWAY])
        self._progress.doing(DATABASE, "initialising")
        await self._postgres.initialise()
        await self._supervisor.start(processes[DATABASE]).ready()
        await self._postgres.ensure_databases()

        async def start_context(name: str) -> None:
            members = (name, f"{name}-worker")
            for member in members:
                self._progress.doing(member, "migrating")
            await schemas.migrate(name, self._postgres)
            children = [self._supervisor.start(processes[member]) for member in members]
            await asyncio.gather(*(child.ready() for child in children))

        await asyncio.gather(gateway.ready(), *(start_context(name) for name in CONTEXTS))
        await until(self._is_ready)

    async def keep(self) -> None:
        """Renew tokens and trim logs, for ever."""
        renewed = time.time()
        while True:
            try:
                # The wall clock is what tokens go by; unlike the monotonic one it counts a laptop's sleep.
                if abs(time.time() - renewed) > TOKEN_REFRESH_SECONDS:
                    keys.write_workload_tokens(self._home, PYTHON)
                    renewed = time.time()
                keys.forget_old_logins(self._home)
                self._supervisor.trim_logs()
            except OSError as error:  # a full disk, say: what runs may run on
                self._progress.say(f"Cannot keep house in {self._home.path}: {error}")
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def stop(self) -> None:
        """End every process; returns when none is left."""
        await self._supervisor.stop()
        for path in (self._home.endpoints, *self._home.tokens.iterdir(), *self._home.logins.iterdir()):
            path.unlink(missing_ok=True)

    async def _is_ready(self) -> bool:
        """Ask the gateway whether all services are ready."""
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._addresses.gateway)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = await reader.read(64)
            writer.close()
        except OSError:
            return False
        return answer.split(b" ")[1:2] == [b"200"]


async def serve(home: Home, addresses: Addresses, *, demo: str | None = None, once: bool = False) -> int:
    """Run the stack until it is told to stop; returns the exit status.

    With a domain to demonstrate, a client of the gateway takes it to its PDF first; ``once`` ends
    everything after that.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    progress = Progress(NAMES)
    stack = Stack(home, addresses, progress)

    async def work() -> int:
        progress.begin()
        await stack.start()
        progress.end()
        keeping = asyncio.create_task(stack.keep())
        progress.say(f"LeadFactory is ready after {progress.seconds:.1f} s.")
        status = await _demonstrate(demo) if demo else 0
        _announce(home, addresses, progress)
        if not once:
            await keeping
        keeping.cancel()
        return status

    working = asyncio.create_task(work())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else 0
    finally:
        progress.end()
        for task in (working, stopped):
            task.cancel()
        with suppress(asyncio.CancelledError, Problem):
            await working
        progress.say("Stopping …")
        await stack.stop()


def _announce(home: Home, addresses: Addresses, progress: Progress) -> None:
    progress.say(
        f"  Console  {addresses.url}/login?token={keys.make_login(home)}\n"
        "           (signs you in once, within the hour; `make login` prints another link)\n"
        f"  API      {addresses.url}/api/leads  (`make token` prints a bearer token)\n"
        f"  Docs     {addresses.url}/docs\n"
        f"  Logs     {home.logs}\n"
        "Ctrl-C stops it; the next start finds everything as it is."
    )


async def _demonstrate(domain: str) -> int:
    # A process of its own: what a client needs is not kept in memory once it is done. It shares the
    # terminal, and Ctrl-C reaches it too.
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.local.demo", domain, cwd=CHECKOUT
    )
    return await client.wait()
