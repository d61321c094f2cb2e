"""PostgreSQL's notifications: one connection that listens, and hints for whoever waits.

A notification is a hint that there may be something to read, nothing more. None is promised: those
that are sent while the connection is lost are lost. So whoever waits reads whenever a hint comes, and
now and then without one.
"""

import asyncio
from typing import Final

import asyncpg
import structlog

from services.pacing import pause

LISTENER_LOST: Final = "listener.lost"
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# How soon a connection is noticed that died without a word.
PING_SECONDS = 20.0
PING_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Hints:
    """Hints from one channel. Any number that came since they were last waited for counts as one."""

    def __init__(self, url: str, channel: str, *, name: str) -> None:
        """Take the plain DSN, the channel, and what the connection is called in ``pg_stat_activity``."""
        self._url = url
        self._channel = channel
        self._name = name
        self._hinted = asyncio.Event()

    def hint(self) -> None:
        """Wake whoever waits."""
        self._hinted.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next hint, or after that long without one."""
        await pause(self._hinted, seconds)
        self._hinted.clear()

    async def listen(self, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set; a connection that is lost is made again."""
        seconds = FIRST_PAUSE_SECONDS
        while not stop.is_set():
            try:
                connection = await asyncpg.connect(
                    self._url, timeout=5, server_settings={"application_name": self._name}
                )
                seconds = FIRST_PAUSE_SECONDS
                await self._listen_on(connection, stop)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                log.warning(LISTENER_LOST, channel=self._channel, reason=type(error).__name__)
                await pause(stop, seconds)
                seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)

    async def _listen_on(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        """Listen until ``stop`` is set; raises if the connection is lost."""
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await connection.add_listener(self._channel, lambda *_: self.hint())
            # Whatever was sent while nobody listened.
            self.hint()
            while not stop.is_set():
                await _first(stop, gone, PING_SECONDS)
                if gone.is_set():
                    raise ConnectionResetError
                await connection.execute("SELECT 1", timeout=PING_TIMEOUT_SECONDS)
        finally:
            connection.terminate()


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.ensure_future(each.wait()) for each in (one, other)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
