"""HTTP/1.1 with limits on what comes before the body, which uvicorn's httptools protocol does not have."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAXIMUM_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too long, or too long in coming."""

    _head_bytes = 0
    _head_is_open = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; more than the limit without an end of the headers is refused."""
        super().data_received(data)
        if self._head_is_open and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAXIMUM_HEAD_BYTES:
                self.transport.write(_REFUSAL)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to count: one connection carries many requests."""
        super().on_message_begin()
        self._head_is_open = True
        self._head_bytes = 0
        self._await_head()

    def on_headers_complete(self) -> None:
        """Stop counting: the rest is body, which the application bounds."""
        self._head_is_open = False
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
