"""Failures over HTTP: `{"error": {"code", "status", "message", "details"}}` as in AIP-193."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

import grpc
import orjson
from google.protobuf.message import DecodeError, Message

from gateway.transcoding.codec import Codec, class_of
from gateway.transcoding.scalars import InvalidField
from gateway.transcoding.wellknown import Unprintable

# google/rpc/code.proto says which HTTP status each code maps to.
HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
# Where a service says nothing of its own, gRPC's own words may hold addresses and stack frames.
_WITHHELD = {
    "UNAVAILABLE": "The service does not answer now; try again.",
    "UNKNOWN": "The service failed.",
    "INTERNAL": "The service failed.",
    "DATA_LOSS": "The service failed.",
}
_DETAILS = "grpc-status-details-bin"
_TYPE = "type.googleapis.com/google.rpc."

Headers = dict[str, str]


class Fault(Exception):
    """A request ends here, with this answer."""

    def __init__(
        self,
        status: str,
        message: str,
        *,
        code: int | None = None,
        details: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Name the gRPC status; `code` is the HTTP status where it is not the one that goes with it."""
        super().__init__(message)
        self.status = status
        self.code = code or HTTP_STATUS[status]
        self.message = message
        self.details = list(details)
        self.headers: Headers = dict(headers or {})

    def body(self) -> bytes:
        """Print the JSON body."""
        error = {"code": self.code, "status": self.status, "message": self.message, "details": self.details}
        return orjson.dumps({"error": error})


class Faults:
    """Makes faults; `domain` is who they are from, as ErrorInfo says it."""

    def __init__(self, codec: Codec, domain: str) -> None:
        """Print the details that services send with this codec."""
        self._codec = codec
        self._domain = domain

    def info(self, reason: str, **metadata: str) -> dict[str, Any]:
        """Make an ErrorInfo."""
        return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": self._domain, "metadata": metadata}

    def invalid(self, wrong: InvalidField) -> Fault:
        """Say which field of a request is wrong."""
        details = [self.info(wrong.reason)]
        if wrong.field:
            violation = {"field": wrong.field, "description": wrong.description, "reason": wrong.reason}
            details.append({"@type": f"{_TYPE}BadRequest", "field_violations": [violation]})
        return Fault("INVALID_ARGUMENT", str(wrong), details=details)

    def not_found(self) -> Fault:
        """Say that no template takes this path."""
        details = [self.info("PATH_UNKNOWN")]
        return Fault(
            "NOT_FOUND", "There is nothing at this path; /openapi.json lists what there is.", details=details
        )

    def wrong_method(self, allowed: Iterable[str]) -> Fault:
        """Say which methods templates take this path with."""
        allow = ", ".join(sorted(allowed))
        message = f"This path takes {allow} only."
        return Fault(
            "UNIMPLEMENTED",
            message,
            code=405,
            details=[self.info("METHOD_NOT_ALLOWED")],
            headers={"allow": allow},
        )

    def too_large(self, limit: int) -> Fault:
        """Say that the body exceeds the limit, in bytes."""
        details = [self.info("BODY_TOO_LARGE", maximum_bytes=str(limit))]
        # What is left of the body is not read, so the connection cannot serve another request.
        headers = {"connection": "close"}
        return Fault(
            "INVALID_ARGUMENT", f"The body exceeds {limit} bytes.", code=413, details=details, headers=headers
        )

    def too_slow(self, seconds: float) -> Fault:
        """Say that the body did not arrive in time."""
        return Fault(
            "DEADLINE_EXCEEDED",
            f"The body did not arrive within {seconds:g} seconds.",
            code=408,
            details=[self.info("BODY_TOO_SLOW")],
            headers={"connection": "close"},
        )

    def wrong_content_type(self, given: str) -> Fault:
        """Say that the body is not what the method reads."""
        message = (
            f"The body must be JSON: send 'Content-Type: application/json', not {given[:80] or 'nothing'!r}."
        )
        details = [self.info("CONTENT_TYPE_UNSUPPORTED")]
        return Fault(
            "INVALID_ARGUMENT", message, code=415, details=details, headers={"accept": "application/json"}
        )

    def broken_reply(self) -> Fault:
        """Say that the service answered with something that has no JSON form."""
        return Fault(
            "INTERNAL", "The service's answer cannot be printed.", details=[self.info("REPLY_UNPRINTABLE")]
        )

    def from_rpc(self, error: grpc.aio.AioRpcError) -> Fault:
        """Tell what a service, or the way to it, answered with."""
        status = error.code().name
        details, retry_after = self._details(error)
        message = error.details() or ""
        if not details:
            message = _WITHHELD.get(status, message)
            details = [self.info(f"UPSTREAM_{status}")]
            retry_after = 1 if status == "UNAVAILABLE" else None
        fault = Fault(status, message, details=details)
        if retry_after is not None:
            fault.headers["retry-after"] = str(retry_after)
        if status == "UNAUTHENTICATED":
            fault.headers["www-authenticate"] = "Bearer"
        return fault

    def _details(self, error: grpc.aio.AioRpcError) -> tuple[list[dict[str, Any]], int | None]:
        packed = [
            value
            for key, value in error.trailing_metadata() or ()
            if key == _DETAILS and isinstance(value, bytes)
        ]
        if not packed:
            return [], None
        try:
            status: Any = self._message("google.rpc.Status").FromString(packed[0])
        except DecodeError:
            return [], None
        return [self._detail(each) for each in status.details], self._retry_after(status.details)

    def _detail(self, detail: Any) -> dict[str, Any]:
        try:
            tree: dict[str, Any] = self._codec.tree(detail)
        except Unprintable:
            tree = {"@type": detail.type_url}
        return tree

    def _retry_after(self, details: Iterable[Any]) -> int | None:
        for detail in details:
            if detail.type_url.endswith("/google.rpc.RetryInfo"):
                try:
                    retry: Any = self._message("google.rpc.RetryInfo").FromString(detail.value)
                except DecodeError:
                    return None
                seconds: float = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
                return max(0, ceil(seconds))
        return None

    def _message(self, full_name: str) -> type[Message]:
        kind = self._codec.image.message(full_name)
        assert kind is not None, "Image adds the error details itself"
        return class_of(kind)
