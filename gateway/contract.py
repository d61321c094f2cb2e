"""What the gateway serves: the committed descriptor image, and the OpenAPI document made from it."""

from functools import cache
from importlib import resources
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from gateway.transcoding import openapi
from gateway.transcoding.answers import ANYTHING, Download, Failures, Reasons, Replies
from gateway.transcoding.image import Image

# Asked for by address, and telling nothing that a stranger could use.
PROBES = frozenset({"/healthz", "/readyz"})
COOKIE = "leadfactory_session"
"""Followed by ``_<port>`` where the port is not the scheme's own: browsers tell ports apart everywhere
but in cookies, and two stacks on one machine must not sign each other out."""
ERROR_DOMAIN = "leadfactory"
_DESCRIPTION = """\
Leads in, PDF reports out, and proof of where every page came from.

Send `Authorization: Bearer …` with a token (on one machine, `make token` prints one),
or open the one-time login link and let the cookie speak.

Errors are `{"error": {"code", "status", "message", "details"}}` as in AIP-193; each operation lists those
of its own with their reasons. Names are snake_case; a name or a query parameter that is not listed here is
refused, not ignored. `Request-Timeout: 2.5` makes any call give up after so many seconds.
"""
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Followed by `_<port>` where the port is not the scheme's own.",
    },
}


EVERYWHERE = (
    (
        401,
        "UNAUTHENTICATED",
        (
            "CREDENTIAL_MISSING",
            "TOKEN_INVALID",
            "TOKEN_ISSUER_UNKNOWN",
            "TOKEN_MALFORMED",
            "TOKEN_ROLES_INVALID",
            "TOKEN_SIGNATURE_INVALID",
            "TOKEN_SUBJECT_INVALID",
            "TOKEN_TOO_LONG",
            "TOKEN_TYPE_INVALID",
        ),
    ),
    (403, "PERMISSION_DENIED", ("ACCESS_DENIED", "CROSS_ORIGIN")),
    (421, "PERMISSION_DENIED", ("HOST_UNKNOWN",)),
    (429, "RESOURCE_EXHAUSTED", ("RATE_LIMITED",)),
    (500, "INTERNAL", ("INTERNAL",)),
    (503, "UNAVAILABLE", ("TOO_BUSY", "UNAVAILABLE", "WORKLOAD_TOKEN_MISSING")),
    (504, "DEADLINE_EXCEEDED", ("DEADLINE_EXCEEDED",)),
)

# Of draft-ietf-httpapi-ratelimit-headers; see gateway/limits.py.
RATE_LIMIT = {
    "RateLimit-Policy": {
        "description": "How often one subject may ask: `q` times in `w` seconds.",
        "schema": {"type": "string", "examples": ['"subject";q=500;w=5']},
    },
    "RateLimit": {
        "description": "How many requests are left, `r`, and after how many seconds, `t`, all are again.",
        "schema": {"type": "string", "examples": ['"subject";r=499;t=1']},
    },
}


@cache
def image() -> Image:
    """Return the image of all three services."""
    return Image(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())


def roles(method: MethodDescriptor) -> tuple[str, ...]:
    """Return the roles that a method admits, in lower case, as tokens have them."""
    rule = image().option(method, "leadfactory.options.v1.access")
    names = image().pool.FindEnumTypeByName("leadfactory.options.v1.Access.Role").values_by_number
    return tuple(names[each].name.lower() for each in rule.roles) if rule else ()


def failures(method: MethodDescriptor) -> Reasons:
    """Return how a method may fail beyond what every method may, by gRPC status."""
    codes = image().pool.FindEnumTypeByName("google.rpc.Code").values_by_number
    found: dict[str, list[str]] = {}
    for each in image().option(method, "leadfactory.options.v1.failures") or ():
        code = codes[each.code].name
        found.setdefault(code, []).extend(each.reasons or [code])
    return found


def download(method: MethodDescriptor) -> Download:
    """Return what the bytes of a method's answer are."""
    told = image().option(method, "leadfactory.options.v1.download")
    return Download(tuple(told.media_types), has_parts=not told.made_on_the_way) if told else ANYTHING


def document() -> dict[str, Any]:
    """Make the OpenAPI document."""
    return openapi.document(
        image(),
        title="LeadFactory",
        version="v1",
        description=_DESCRIPTION,
        security=_SECURITY,
        roles=roles,
        failures=Failures(ERROR_DOMAIN, failures, EVERYWHERE),
        replies=Replies(download, RATE_LIMIT),
    )
