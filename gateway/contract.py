"""What the gateway serves: the committed descriptor image, and the OpenAPI document made from it."""

from functools import cache
from importlib import resources
from typing import Any

from gateway.transcoding import openapi
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

Errors are `{"error": {"code", "status", "message", "details"}}` as in AIP-193. Names are snake_case;
a name or a query parameter that is not listed here is refused, not ignored.
"""
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


@cache
def image() -> Image:
    """Return the image of all three services."""
    return Image(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())


def document() -> dict[str, Any]:
    """Make the OpenAPI document."""
    return openapi.document(
        image(), title="LeadFactory", version="v1", description=_DESCRIPTION, security=_SECURITY
    )
