"""Streams of messages over HTTP: one JSON object a line, or server-sent events if the client asks for them.

Server-sent events are those of the HTML standard, section 9.2. An event's `data` is the message, its
`id` what the message says to resume from; a stream that fails midway ends with an event `failure`.
"""

import re
from typing import Protocol

from gateway.transcoding.errors import Fault

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
# No proxy may keep these until there are more of them.
HEADERS = [("cache-control", "no-store"), ("x-accel-buffering", "no")]

_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*$", re.IGNORECASE)


class Framing(Protocol):
    """How messages follow one another in a body."""

    content_type: str
    silence: bytes
    """What says nothing, to be sent now and then while there is nothing to say; may be empty."""

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message, and the text to resume behind it from; empty if there is none."""

    def failure(self, fault: Fault) -> bytes:
        """Frame the last item of a stream that began well."""


class Lines:
    """`{"result": …}` on each line, or `{"error": …}` on the last one."""

    content_type = LINES
    silence = b""

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message; it has its token inside."""
        return b'{"result":' + json + b"}\n"

    def failure(self, fault: Fault) -> bytes:
        """Frame what went wrong."""
        return fault.line()


class Events:
    """Server-sent events."""

    content_type = EVENTS
    silence = b":\n\n"

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message; a token that no header could carry back is left out."""
        name = b"id: " + token.encode() + b"\n" if token and token.isascii() and token.isprintable() else b""
        return name + b"data: " + json + b"\n\n"

    def failure(self, fault: Fault) -> bytes:
        """Frame what went wrong."""
        return b"event: failure\ndata: " + fault.body() + b"\n\n"


def framing(accept: str) -> Framing:
    """Return what the client asks for: events if it names them and prefers nothing else, or lines."""
    wanted = dict(map(_range, accept.split(",")))
    events = wanted.get(EVENTS, 0.0)
    return Events() if events > 0 and events >= wanted.get(LINES, 0.0) else Lines()


def _range(text: str) -> tuple[str, float]:
    quality = _QUALITY.search(text)
    return text.partition(";")[0].strip().lower(), float(quality[1]) if quality else 1.0
