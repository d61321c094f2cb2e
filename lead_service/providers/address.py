"""Facts on the lead's own e-mail address: how it is written, whose it is, whether it is meant to last.

Nothing is sent, and no mail server is asked.
"""

from dataclasses import dataclass
from typing import Final

import idna
from disposable_email_domains import blocklist

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.names import email_address, registrable_domain
from lead_service.providers.dns import text_of
from services.clock import Clock
from services.egress import Unreachable
from services.egress.resolver import NoSuchName, Resolver
from services.errors import InvalidArgument

# Of RFC 2142, and what people use in their place.
# fmt: off
ROLES: Final = frozenset((
    "abuse", "accounting", "accounts", "admin", "administrator", "billing", "bookings", "careers", "contact",
    "customerservice", "enquiries", "feedback", "finance", "ftp", "hello", "help", "helpdesk", "hostmaster",
    "hr", "info", "inquiries", "invoices", "jobs", "legal", "mail", "marketing", "media", "news",
    "newsletter", "no-reply", "noc", "noreply", "office", "orders", "postmaster", "press", "privacy",
    "reception", "root", "sales", "security", "service", "shop", "support", "team", "uucp",
    "webmaster", "www",
))
FREE: Final = frozenset((
    "aol.com", "fastmail.com", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net",
    "googlemail.com", "hotmail.com", "icloud.com", "laposte.net", "libero.it", "live.com", "mail.com",
    "mail.ru", "me.com", "msn.com", "orange.fr", "outlook.com", "pm.me", "proton.me", "protonmail.com",
    "qq.com", "t-online.de", "tuta.com", "web.de", "yahoo.com", "yandex.com", "yandex.ru", "zoho.com",
))
# fmt: on
_NAMES: Final = ("syntax", "idn", "role", "disposable", "free", "same_domain", "deliverable")


@dataclass(frozen=True)
class AddressProvider:
    """Reads the address; asks DNS one thing, `deliverable`: does it name a server (RFC 5321 section 5.1)?

    `role` is "yes" for an office's address, `free` for one at a public mail provider's, `same_domain`
    for one at the lead's own organisation.
    """

    resolver: Resolver
    clock: Clock
    timeout_seconds: float
    name: str = "address"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        seen = self._observed()
        try:
            local, _, host = email_address(subject.email).rpartition("@")
        except InvalidArgument as error:
            reason = error.violations[0].description
            return [seen.without(name, FactState.ERROR, reason) for name in _NAMES]
        ascii_host = idna.encode(host, uts46=True).decode("ascii")
        organisation = registrable_domain(ascii_host)
        return [
            seen.found("syntax", ["valid"]),
            seen.found("idn", [ascii_host])
            if "xn--" in ascii_host
            else seen.without("idn", FactState.NOT_FOUND, "the address's domain is plain ASCII"),
            seen.found("role", [_yes(local.lower().partition("+")[0] in ROLES)]),
            seen.found("disposable", [_yes(_is_disposable(ascii_host, organisation))]),
            seen.found("free", [_yes(organisation in FREE)]),
            seen.found("same_domain", [_yes(organisation == registrable_domain(subject.domain))]),
            await self._deliverable(ascii_host),
        ]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return [self._observed().without(name, state, reason) for name in _NAMES]

    def _observed(self, source: str = "the lead's e-mail address", evidence: bytes = b"") -> Observation:
        return Observation(self.name, source, "DNS" if evidence else "READING", self.clock(), evidence)

    async def _deliverable(self, host: str) -> Fact:
        for kind in ("MX", "A", "AAAA"):
            try:
                answer = await self.resolver.ask(host, kind)
            except NoSuchName as error:
                return self._observed(f"{kind} {host}", error.wire).found("deliverable", ["no"])
            except Unreachable as failure:
                return self._observed(f"{kind} {host}").without(
                    "deliverable", FactState.UNREACHABLE, str(failure)
                )
            if answer.records:
                refuses = kind == "MX" and text_of(answer.records[0]).endswith(" .")
                seen = self._observed(f"{kind} {host}", answer.wire)
                return seen.found("deliverable", [_yes(not refuses)])
        return self._observed(f"AAAA {host}", answer.wire).found("deliverable", ["no"])


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _is_disposable(host: str, organisation: str) -> bool:
    """Look the host up in the list, and every name above it that somebody registered."""
    while host not in blocklist:
        _, _, parent = host.partition(".")
        if host == organisation or not parent:
            return False
        host = parent
    return True
