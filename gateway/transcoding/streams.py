"""Streams of messages over HTTP: one JSON object a line, or events or one JSON array to who asks for them.

Server-sent events are those of the HTML standard, section 9.2. An event's `data` is the message, its
`id` what the message says to resume from; a stream that fails midway ends with an event `failure`.
"""

from typing import Protocol

from gateway.transcoding.errors import Fault
from gateway.transcoding.requests import qualities

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
ARRAY = "application/json"
# No proxy may keep these until there are more of them.
HEADERS = [("cache-control", "no-store"), ("x-accel-buffering", "no")]


class Framing(Protocol):
    """How messages follow one another in a body."""

    content_type: str
    opening: bytes
    separator: bytes
    closing: bytes
    silence: bytes
    """What says nothing, to be sent now and then while there is nothing to say; may be empty."""

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message, and the text to resume behind it from; empty if there is none."""

    def failure(self, fault: Fault) -> bytes:
        """Frame the last item of a stream that began well."""


class Lines:
    """`{"result": …}` on each line, or `{"error": …}` on the last one."""

    content_type = LINES
    opening = separator = closing = b""
    silence = b""

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message; it has its token inside."""
        return b'{"result":' + json + b"}\n"

    def failure(self, fault: Fault) -> bytes:
        """Frame what went wrong."""
        return fault.body() + b"\n"


class Array:
    """The same objects as of lines, as the items of one array."""

    content_type = ARRAY
    opening, separator, closing = b"[", b",\n", b"]\n"
    silence = b"\n"

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message; it has its token inside."""
        return b'{"result":' + json + b"}"

    def failure(self, fault: Fault) -> bytes:
        """Frame what went wrong."""
        return fault.body()


class Events:
    """Server-sent events."""

    content_type = EVENTS
    opening = separator = closing = b""
    silence = b":\n\n"

    def message(self, json: bytes, token: str) -> bytes:
        """Frame a message; a token that no header could carry back is left out."""
        name = b"id: " + token.encode() + b"\n" if token and token.isascii() and token.isprintable() else b""
        return name + b"data: " + json + b"\n\n"

    def failure(self, fault: Fault) -> bytes:
        """Frame what went wrong."""
        return b"event: failure\ndata: " + fault.body() + b"\n\n"


def framing(accept: str, usual: str = LINES) -> Framing:
    """Return what the client names and likes best (RFC 9110 section 12.5.1), or the usual form."""
    wanted = qualities(accept)
    forms: tuple[Framing, ...] = (Events(), Lines(), Array())
    best = max(forms, key=lambda each: wanted.get(each.content_type, 0.0))
    if wanted.get(best.content_type, 0.0) > 0:
        return best
    return next(each for each in forms if each.content_type == usual)
