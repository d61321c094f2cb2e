"""What is under way for a session ends soon after the session: a stream that is watched, a long download.

A request that is answered at once is asked about when it comes. One that goes on is asked about again
and again; when its session is over, the application hears what it hears when a browser goes away.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.oidc.sessions import Sessions

# With the time that a session goes unasked this stays well within a minute.
LOOK_SECONDS = 15.0


class Endings:
    """Middleware around whatever may take long."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        """Wrap the application."""
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request for as long as its session lasts."""
        connection = HTTPConnection(scope)
        if "authorization" in connection.headers or "cookie" not in connection.headers:
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        looking: list[asyncio.Task[None]] = []

        def look() -> None:
            looking.append(loop.create_task(self._look(connection, over)))

        async def received() -> Message:
            return await _unless(over, receive())

        # Most requests have been answered by then, and cost no more than this.
        first = loop.call_later(LOOK_SECONDS, look)
        try:
            await self._app(scope, received, send)
        finally:
            first.cancel()
            for task in looking:
                task.cancel()

    async def _look(self, connection: HTTPConnection, over: "asyncio.Future[None]") -> None:
        while await self._sessions.stands(connection):  # noqa: ASYNC110  (it is asked, and tells nobody)
            await asyncio.sleep(LOOK_SECONDS)
        over.set_result(None)


async def _unless(over: "asyncio.Future[None]", receiving: Awaitable[Message]) -> Message:
    message = asyncio.ensure_future(receiving)
    waiting: set[asyncio.Future[Any]] = {message, over}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return {"type": "http.disconnect"} if over.done() else message.result()
    finally:
        message.cancel()
