"""What an operation may answer with, in OpenAPI: its reply, and each failure with its reasons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from gateway.transcoding import streams
from gateway.transcoding.bindings import Binding
from gateway.transcoding.conventions import ETAG, ETAG_MISMATCH, Conventions
from gateway.transcoding.errors import HTTP_STATUS
from gateway.transcoding.image import Image
from gateway.transcoding.samples import Samples
from gateway.transcoding.schemas import Schema, Schemas

Reasons = Mapping[str, Sequence[str]]
"""By the name of the gRPC status, what ErrorInfo may say; no reason at all is the status's own name."""

_BODY: Schema = {
    "type": "object",
    "required": ["code", "status", "message", "details"],
    "properties": {
        "code": {"type": "integer", "description": "The HTTP status.", "examples": [404]},
        "status": {
            "type": "string",
            "description": "The gRPC status.",
            "enum": sorted(HTTP_STATUS),
            "examples": ["NOT_FOUND"],
        },
        "message": {"type": "string", "description": "What to tell a developer, in English."},
        "details": {
            "type": "array",
            "description": "`google.rpc.ErrorInfo` first, then `BadRequest` and others, as `@type` says.",
            "items": {
                "type": "object",
                "required": ["@type"],
                "properties": {
                    "@type": {"type": "string", "examples": ["type.googleapis.com/google.rpc.ErrorInfo"]},
                    "reason": {"type": "string", "description": "A constant for programs."},
                    "domain": {"type": "string", "description": "Who gives the reason."},
                    "metadata": {
                        "type": "object",
                        "description": "What the reason is about.",
                        "additionalProperties": {"type": "string"},
                    },
                },
                "additionalProperties": True,
            },
        },
    },
}
ERRORS: dict[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "What went wrong, as in AIP-193.",
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/ErrorBody"}},
    },
    "ErrorBody": _BODY,
}
_MEANINGS = {
    400: "The request is wrong, or cannot be done as things are.",
    401: "Nobody knows who is asking.",
    403: "Who is asking may not do this.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "Something stands in the way, or somebody else was faster.",
    412: "It is not as `If-Match` has it any more.",
    413: "The body is too large.",
    415: "The body is not of a type that is taken here.",
    416: "There is no byte of the range.",
    421: "This site does not answer to that host name.",
    429: "Too much was asked for; `Retry-After` says when to try again.",
    500: "The service failed.",
    503: "Not now; `Retry-After` says when to try again.",
    504: "It took longer than the request, or the site, has time for.",
}
_NAMES = {
    400: "BadRequest",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    408: "TooSlow",
    409: "Conflict",
    412: "Changed",
    413: "TooLarge",
    415: "WrongType",
    421: "WrongHost",
    429: "TooMany",
    500: "Failed",
    503: "Unavailable",
    504: "TimedOut",
}
_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
_AUTHENTICATE = {"description": "How to say who is asking (RFC 9110, 11.6.1).", "schema": {"type": "string"}}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _AUTHENTICATE},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}
_TEXT: Schema = {"schema": {"type": "string"}}
_ENTITY_TAG = {"description": "Stands for the resource as it is now (RFC 9110, 8.8.3).", **_TEXT}
# What a download may say about itself; services decide.
_NAMED: dict[str, Any] = {
    "Content-Disposition": {"description": "The name to save it under (RFC 6266).", **_TEXT}
}
_STORED: dict[str, Any] = {
    "ETag": {"description": "Stands for these bytes (RFC 9110, 8.8.3).", **_TEXT},
    "Accept-Ranges": {"description": "`bytes`, where a part can be asked for (RFC 9110, 14.3).", **_TEXT},
    **_NAMED,
    "Repr-Digest": {"description": "SHA-256 of the whole (RFC 9530).", **_TEXT},
}
_NOT_MODIFIED = {"description": "What the caller has is current.", "headers": {"ETag": _ENTITY_TAG}}
_CONTENT_RANGE = {"description": "Which bytes of how many (RFC 9110, 14.4).", **_TEXT}


def _nothing(_: MethodDescriptor) -> Reasons:
    return {}


@dataclass(frozen=True)
class Failures:
    """The failures that the transcoder cannot know of."""

    domain: str = "transcoding"
    """Who gives the reasons, as `Options.error_domain` says it."""
    of: Callable[[MethodDescriptor], Reasons] = _nothing
    """Those of a method's own."""
    everywhere: tuple[tuple[int, str, Sequence[str]], ...] = ()
    """Those that the application adds to each operation: HTTP status, gRPC status, reasons."""


@dataclass(frozen=True)
class Download:
    """What the bytes of an `HttpBody` are."""

    media_types: Sequence[str] = ("*/*",)
    has_parts: bool = True
    """Whether they bear an entity tag, and a part of them can be asked for."""


ANYTHING = Download()


def _anything(_: MethodDescriptor) -> Download:
    return ANYTHING


@dataclass(frozen=True)
class Replies:
    """What the transcoder cannot know of replies."""

    download: Callable[[MethodDescriptor], Download] = _anything
    headers: Mapping[str, Schema] = field(default_factory=dict)
    """Those that the application adds to replies, and to the refusal of who asks too often."""


class Answers:
    """Makes the `responses` of operations, and the components that they share."""

    def __init__(
        self, image: Image, schemas: Schemas, samples: Samples, failures: Failures, replies: Replies
    ) -> None:
        """Take where comments, schemas and examples are found."""
        self._image, self._schemas, self._samples, self._failures = image, schemas, samples, failures
        self._replies = replies
        self._headers = {name: {"$ref": f"#/components/headers/{name}"} for name in replies.headers}
        schemas.components |= ERRORS
        self.components: dict[str, Any] = {}

    def of(self, binding: Binding) -> dict[str, Any]:
        """Return all that one binding may answer with, by HTTP status."""
        found = {"200": self._reply(binding)}
        if binding.raw_response:
            found |= self._parts(binding)
        elif binding.method == "GET" and Conventions(binding).replies_etag:
            found["304"] = _NOT_MODIFIED
        for reply in found:
            if headers := found[reply].get("headers", {}) | self._headers:
                found[reply] = found[reply] | {"headers": headers}
        for code, reasons in sorted(self._failures_of(binding).items()):
            found[str(code)] = self._failure(code, reasons)
        return found

    def _parts(self, binding: Binding) -> dict[str, dict[str, Any]]:
        download = self._replies.download(binding.rpc)
        if not download.has_parts:
            return {}
        headers = {**_STORED, "Content-Range": _CONTENT_RANGE}
        content = _bytes(download)
        return {
            "206": {"description": "The part asked for.", "headers": headers, "content": content},
            "304": _NOT_MODIFIED,
            "416": {"description": _MEANINGS[416], "headers": {"Content-Range": _CONTENT_RANGE}},
        }

    def _reply(self, binding: Binding) -> dict[str, Any]:
        if binding.raw_response:
            download = self._replies.download(binding.rpc)
            return {
                "description": "The bytes, as they are stored." if download.has_parts else "The file.",
                "headers": _STORED if download.has_parts else _NAMED,
                "content": _bytes(download),
            }
        body = binding.response_body
        schema = self._schemas.field(body) if body is not None else self._schemas.message(binding.response)
        schema = {key: value for key, value in schema.items() if key not in ("readOnly", "writeOnly")}
        if binding.rpc.server_streaming:
            return self._stream(schema)
        reply: dict[str, Any] = {
            "description": self._image.comment(binding.response).split("\n\n")[0] or "Done.",
            "content": self._json(schema),
        }
        if Conventions(binding).replies_etag:
            reply["headers"] = {"ETag": _ENTITY_TAG}
        return reply

    def _stream(self, schema: Schema) -> dict[str, Any]:
        error = {"$ref": "#/components/schemas/ErrorBody"}
        line = {"type": "object", "properties": {"result": schema, "error": error}}
        return {
            "description": "One JSON object a line, in each event's `data`, or the items of an array. The"
            " last one may be an `error`.",
            "content": {
                streams.LINES: {"schema": line},
                streams.EVENTS: {"schema": schema},
                streams.ARRAY: {"schema": {"type": "array", "items": line}},
            },
        }

    def _failures_of(self, binding: Binding) -> dict[int, dict[str, list[str]]]:
        found: dict[int, dict[str, list[str]]] = {}
        for code, status, reasons in self._each_failure(binding):
            known = found.setdefault(code, {}).setdefault(status, [])
            known += [reason for reason in reasons if reason not in known]
        return found

    def _each_failure(self, binding: Binding) -> Iterator[tuple[int, str, Sequence[str]]]:
        yield 400, "INVALID_ARGUMENT", ()
        if binding.path:
            yield 404, "NOT_FOUND", ("PATH_UNKNOWN",)
        if binding.takes_body:
            yield 408, "DEADLINE_EXCEEDED", ("BODY_TOO_SLOW",)
            yield 413, "INVALID_ARGUMENT", ("BODY_TOO_LARGE",)
            if not binding.raw_body:
                yield 415, "INVALID_ARGUMENT", ("CONTENT_TYPE_UNSUPPORTED",)
        for status in ("RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"):
            # What gRPC itself says, of the service or of the way to it.
            yield HTTP_STATUS[status], status, (f"UPSTREAM_{status}",)
        yield 500, "INTERNAL", ("REPLY_UNPRINTABLE",)
        yield from self._failures.everywhere
        for status, reasons in self._failures.of(binding.rpc).items():
            yield HTTP_STATUS[status], status, reasons or (status,)
            if ETAG_MISMATCH in reasons and ETAG in Conventions(binding).headers:
                yield 412, status, (ETAG_MISMATCH,)

    def _failure(self, code: int, reasons: dict[str, list[str]]) -> dict[str, Any]:
        lines = [
            f"- `{status}`: {', '.join(f'`{each}`' for each in names)}"
            for status, names in reasons.items()
            if names
        ]
        made: dict[str, Any] = {"description": "\n".join([_MEANINGS[code], *lines])}
        if code in _HEADERS:
            made["headers"] = _HEADERS[code] | (self._headers if code == 429 else {})
        made["content"] = self._json({"$ref": "#/components/schemas/Error"})
        made["content"]["application/json"]["example"] = self._example(code, reasons)
        made["x-reasons"] = {status: sorted(names) for status, names in reasons.items()}
        return self._shared(_NAMES[code], made)

    def _example(self, code: int, reasons: dict[str, list[str]]) -> dict[str, Any]:
        status, names = next(reversed(reasons.items()))
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": names[-1] if names else status,
            "domain": self._failures.domain,
            "metadata": {},
        }
        return {"error": {"code": code, "status": status, "message": _MEANINGS[code], "details": [info]}}

    def _shared(self, name: str, made: dict[str, Any]) -> dict[str, Any]:
        """Return a reference to the component that says the same; a first one of its kind becomes one."""
        number = 1
        while (key := f"{name}{number if number > 1 else ''}") in self.components:
            if self.components[key] == made:
                break
            number += 1
        self.components[key] = made
        return {"$ref": f"#/components/responses/{key}"}

    def _json(self, schema: Schema) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": schema}
        if schema.get("$ref") != "#/components/schemas/Error":
            content["example"] = self._samples.reply(schema)
        return {"application/json": content}


def _bytes(download: Download) -> dict[str, Any]:
    return {kind: {"schema": {}} for kind in download.media_types}
