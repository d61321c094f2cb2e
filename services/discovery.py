"""What an OpenID provider says about itself (OpenID Connect Discovery 1.0, RFC 8414)."""

import ipaddress
import ssl
from functools import cache
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0
WELL_KNOWN = "/.well-known/openid-configuration"


def is_trustworthy(url: str) -> bool:
    """Tell whether nobody on the way can change what this URL answers: https, or this machine itself."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


async def request(method: str, url: str, **options: Any) -> Any:
    """Send one HTTP request and return httpx's response, whatever its status.

    Raises ValueError for a URL that is not trustworthy, and httpx.HTTPError if nobody answers.
    """
    if not is_trustworthy(url):
        raise ValueError(f"{url!r} is neither https nor on this machine")
    # Only an issuer behind a URL needs an HTTP client, which is much to carry for all others.
    import httpx

    # The machine's own certificates, so that an issuer under a company's own authority is believed, too.
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, verify=_certificates()) as client:
        return await client.request(method, url, **options)


async def fetch(url: str) -> Any:
    """Return a JSON document. Raises ValueError or httpx.HTTPError if there is none."""
    response = await request("GET", url)
    response.raise_for_status()
    return response.json()


async def metadata(issuer: str) -> dict[str, Any]:
    """Return what the issuer publishes. Raises ValueError if it speaks for another, or httpx.HTTPError."""
    found = await fetch(issuer.rstrip("/") + WELL_KNOWN)
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise ValueError(f"what is found at {issuer} is not its own description")
    return found


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
