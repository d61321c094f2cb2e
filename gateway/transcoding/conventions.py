"""Fields that HTTP has a header for, by their name: `etag`, `request_id` and `resume_token`.

| field | header |
|---|---|
| `etag` of a request | `If-Match` (RFC 9110 section 13.1.1) |
| `etag` of a reply | `ETag`; a GET whose `If-None-Match` names it is answered with 304 |
| `request_id` of a request (AIP-155) | `Idempotency-Key` |
| `resume_token` of each message of a stream | the `id` of a server-sent event |
| `resume_token` of a request for a stream | `Last-Event-ID`, which outdates what the query says |

The fields hold the bare text, the headers have it in quotes. They must be singular texts at the top of
their message. A service that fails with ABORTED and the reason ETAG_MISMATCH is quoted with 412 to
a client that sent `If-Match`, else with 409.
"""

import re
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from starlette.datastructures import Headers

from gateway.transcoding.bindings import Binding
from gateway.transcoding.errors import Fault
from gateway.transcoding.scalars import InvalidField

ETAG = "etag"
RESUME_TOKEN = "resume_token"  # noqa: S105  (a field's name)
HEADERS = {ETAG: "If-Match", "request_id": "Idempotency-Key", RESUME_TOKEN: "Last-Event-ID"}
"""By the field of the request that each fills."""
PATTERNS = {
    ETAG: r'^(\*|(W/)?"[!#-~]*"|[!#-+\--~]+)$',
    "request_id": "^[ -~]*[!-~][ -~]*$",
    RESUME_TOKEN: "^[ -~]+$",
}
"""What those headers look like, as JSON Schema says it."""
ETAG_MISMATCH = "ETAG_MISMATCH"

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x7e]+")


class Conventions:
    """What headers mean to one binding."""

    def __init__(self, binding: Binding) -> None:
        """Find the fields."""
        streams = bool(binding.rpc.server_streaming)
        self.headers = {
            name: header
            for name, header in HEADERS.items()
            if _has_text(binding.request, name) and (streams or name != RESUME_TOKEN)
        }
        has_etag = not binding.raw_response and binding.response_body is None
        self.replies_etag = has_etag and _has_text(binding.response, ETAG)
        self._replies_token = streams and _has_text(binding.response, RESUME_TOKEN)

    def fill(self, message: Any, headers: Headers) -> None:
        """Set the fields that the headers speak of. Raises InvalidField."""
        for name, header in self.headers.items():
            given = headers.getlist(header)
            if not given:
                continue
            if len(given) > 1:
                raise InvalidField(header, "is given twice", "GIVEN_TWICE")
            if name == RESUME_TOKEN:
                # A browser that reconnects asks for the same address again, whatever it began with.
                message.resume_token = _printable(given[0], header)
                continue
            value = _condition(given[0]) if name == ETAG else _key(given[0])
            if getattr(message, name) not in ("", value):
                raise InvalidField(header, f"differs from {name}, which is given too", "GIVEN_TWICE")
            setattr(message, name, value)

    def etag(self, reply: Any) -> str:
        """Return the reply's entity tag as a header has it; empty if it has none."""
        bare: str = reply.etag if self.replies_etag else ""
        return f'"{bare}"' if bare and _TAG.fullmatch(f'"{bare}"') else ""

    def token(self, reply: Any) -> str:
        """Return what a stream can be resumed from behind this message; empty if it does not say."""
        return str(reply.resume_token) if self._replies_token else ""


def is_known(etag: str, method: str, headers: Headers) -> bool:
    """Say whether a client has what the tag stands for, and asks for news only."""
    wanted = headers.get("if-none-match", "")
    if not etag or not wanted or method not in ("GET", "HEAD"):
        return False
    return wanted.strip() == "*" or etag in (each.removeprefix("W/") for each in _TAG.findall(wanted))


def judged(fault: Fault, headers: Headers) -> Fault:
    """Let a fault say that it was the client's `If-Match` which failed, if it was."""
    mismatch = any(each.get("reason") == ETAG_MISMATCH for each in fault.details)
    if fault.status == "ABORTED" and mismatch and "if-match" in headers:
        fault.code = 412
    return fault


def _has_text(kind: Descriptor, name: str) -> bool:
    field = kind.fields_by_name.get(name)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _condition(text: str) -> str:
    text = text.strip()
    if text == "*":
        return ""
    if _TAG.fullmatch(text):
        # A weak tag matches nothing here, so it stays what it is.
        return text if text.startswith("W/") else text[1:-1]
    if _BARE.fullmatch(text):
        return text
    raise InvalidField("If-Match", 'must be one entity tag, such as "abc", or *', "INVALID_HEADER")


def _key(text: str) -> str:
    key = text.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    return _printable(key, HEADERS["request_id"])


def _printable(text: str, header: str) -> str:
    if not text or not text.isascii() or not text.isprintable():
        raise InvalidField(header, "must be text of printable ASCII characters", "INVALID_HEADER")
    return text
