"""What a page's headers say: HSTS, cookies, compression, caching."""

import re
from typing import Final

from lead_service.facts import Fact, FactState, Observation
from services.egress.http import Page

SECURITY_HEADERS: Final = (
    "strict-transport-security",
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
)
_AS_THEY_ARE: Final = (*SECURITY_HEADERS, "server")
_HSTS: Final = ("hsts.max_age", "hsts.subdomains", "hsts.preload")
NAMES: Final = (*(f"header.{name}" for name in _AS_THEY_ARE), *_HSTS, "cookies", "compression", "caching")
_CACHING: Final = ("cache-control", "expires", "etag", "last-modified", "age", "vary")


def header_facts(seen: Observation, page: Page) -> list[Fact]:
    """Return one fact for each of NAMES."""
    return [
        *(
            seen.found(f"header.{name}", values)
            if (values := page.header(name))
            else seen.without(f"header.{name}", FactState.NOT_FOUND, f"the answer has no {name} header")
            for name in _AS_THEY_ARE
        ),
        *_hsts(seen, page.header("strict-transport-security")),
        _listed(
            seen, "cookies", [_cookie(each) for each in page.header("set-cookie")], "the page sets no cookie"
        ),
        _listed(
            seen,
            "compression",
            [each for each in page.header("content-encoding") if each.strip().lower() != "identity"],
            "the page came uncompressed, although gzip was offered",
        ),
        _listed(
            seen,
            "caching",
            [f"{name}: {value}" for name in _CACHING for value in page.header(name)],
            "the answer says nothing about caching",
        ),
    ]


def _listed(seen: Observation, name: str, values: list[str], otherwise: str) -> Fact:
    return seen.found(name, values) if values else seen.without(name, FactState.NOT_FOUND, otherwise)


def _hsts(seen: Observation, values: list[str]) -> list[Fact]:
    """Read Strict-Transport-Security (RFC 6797 section 6.1), of several the first (section 8.1)."""
    if not values:
        reason = "the answer has no strict-transport-security header"
        return [seen.without(name, FactState.NOT_FOUND, reason) for name in _HSTS]
    directives: dict[str, str] = {}
    for part in values[0].split(";"):
        name, _, value = (each.strip() for each in part.partition("="))
        if name.lower() in directives:
            reason = f"the header gives {name[:40]} twice, so browsers ignore it"
            return [seen.without(each, FactState.ERROR, reason) for each in _HSTS]
        if name:
            directives[name.lower()] = value.strip('"')
    if not re.fullmatch(r"[0-9]{1,18}", directives.get("max-age", "")):
        reason = "the header has no usable max-age, so browsers ignore it"
        return [seen.without(name, FactState.ERROR, reason) for name in _HSTS]
    return [
        seen.found("hsts.max_age", [directives["max-age"]]),
        seen.found("hsts.subdomains", ["yes" if "includesubdomains" in directives else "no"]),
        seen.found("hsts.preload", ["yes" if "preload" in directives else "no"]),
    ]


def _cookie(header: str) -> str:
    """Say how a cookie is protected (RFC 6265 section 5.2); its value is nobody's business."""
    first, *attributes = header.split(";")
    given = {
        name.strip().lower(): value.strip() for name, _, value in (each.partition("=") for each in attributes)
    }
    flags = [
        "Secure" if "secure" in given else "not Secure",
        "HttpOnly" if "httponly" in given else "not HttpOnly",
        f"SameSite={given['samesite'][:10]}" if given.get("samesite") else "no SameSite",
        "kept" if given.keys() & {"expires", "max-age"} else "for the session",
    ]
    return f"{first.partition('=')[0].strip()[:100]}: {', '.join(flags)}"
