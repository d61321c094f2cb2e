"""HTTP/1.1 with limits on what comes before the body, which uvicorn's httptools protocol does not have.

Whatever two servers on the way could understand differently is refused: httptools is strict about lengths and
line ends, and here are the rules of RFC 9112 section 3.2 about the target and the host.
"""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAXIMUM_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
# A path of this site: it is no proxy, and has no fragments. Some readers take a backslash for a slash.
_TARGET = re.compile(rb"/[^#\\]*")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too long, or too long in coming."""

    stall_seconds = 30.0
    """A client that takes nothing of its answer for so long holds a call and its memory for nothing."""
    _head_bytes = 0
    _head_is_open = True
    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self._go_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not take its answer."""
        super().pause_writing()
        # Not close(), which would wait for the client to take the rest.
        self._go_on()
        self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting: some tens of kilobytes were taken."""
        self._go_on()
        super().resume_writing()
        if self.transport.is_closing():
            self._end()

    def data_received(self, data: bytes) -> None:
        """Parse what came; more than the limit without an end of the headers is refused."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_is_open:
            self._head_bytes += len(data)
            if self._head_bytes > MAXIMUM_HEAD_BYTES:
                self.transport.write(_REFUSAL)
                self._end()
        elif self._deadline is None and self.cycle is not None and self.cycle.response_complete:
            # Empty lines between requests, or the rest of a body that nobody wants: bytes that keep a
            # connection from being idle. A next request has to begin in time all the same.
            self._await_head()

    def on_response_complete(self) -> None:
        """Do not wait for ever for a client to take the last bytes before it is closed."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._end()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection on which nothing came for long."""
        self._end()

    def on_message_begin(self) -> None:
        """Begin to count: one connection carries many requests."""
        super().on_message_begin()
        self._head_is_open = True
        self._head_bytes = 0
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head. One behind the body is dropped: it must not pass for the former."""
        if self._head_is_open:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop counting: the rest is body, which the application bounds. A head that is wrong is a 400."""
        self._head_is_open = False
        self._stop_waiting()
        self._require_clear_head()
        super().on_headers_complete()

    def _require_clear_head(self) -> None:
        """Raise ValueError, which httptools makes a parser's error and uvicorn a 400."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        if version not in ("1.0", "1.1") or not _TARGET.fullmatch(self.url):
            raise ValueError("request line")
        if len(hosts) > 1 or (version == "1.1" and not hosts):
            raise ValueError("hosts")
        if hosts and not (_HOST.fullmatch(hosts[0]) and _port(hosts[0]) < 65536):
            raise ValueError("host")
        # A chunked body is none to HTTP/1.0, which takes it for the next request.
        if version == "1.0" and any(name == b"transfer-encoding" for name, _ in self.headers):
            raise ValueError("transfer coding")

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end)

    def _end(self) -> None:
        """Close the connection; what the client does not take of its answer in time is dropped."""
        if self.parser is None:
            # It is lost already.
            return
        self.transport.close()
        if self._stall is None:
            self._stall = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def _go_on(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def patient_for(seconds: float) -> type[BoundedProtocol]:
    """Return the protocol for clients that may stall so long; uvicorn makes one a connection."""
    return type("PatientProtocol", (BoundedProtocol,), {"stall_seconds": seconds})


def _port(host: bytes) -> int:
    _, colon, port = host.rpartition(b"]")[2].rpartition(b":")
    return int(port) if colon else 0
