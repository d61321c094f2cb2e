"""Facts from DNS: where the domain is served, who takes its mail, what its texts say, who runs its zone."""

import asyncio
from dataclasses import dataclass
from typing import Final

import dns.rdata
import dns.rdtypes.ANY.CAA
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.names import registrable_domain
from services.clock import Clock
from services.egress import Unreachable
from services.egress.resolver import NoSuchName, Resolver

_OF_THE_NAME: Final = ("A", "AAAA", "MX", "TXT")
# These hold for every name below the one that has them, as far up as the domain that was registered.
_OF_THE_ZONE: Final = ("NS", "SOA", "CAA")


@dataclass(frozen=True)
class DnsProvider:
    """Asks for all records at once (RFC 1035, RFC 3596, and RFC 8659 for CAA).

    NS, SOA and CAA are sought at the name and then upwards; `source` says where they were found.
    """

    resolver: Resolver
    clock: Clock
    timeout_seconds: float
    name: str = "dns"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        domain = subject.domain
        return list(
            await asyncio.gather(
                *(self._ask(domain, each) for each in _OF_THE_NAME),
                *(self._climb(domain, each) for each in _OF_THE_ZONE),
            )
        )

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return [
            self._observed(subject.domain, each).without(each.lower(), state, reason)
            for each in _OF_THE_NAME + _OF_THE_ZONE
        ]

    async def _climb(self, domain: str, record_type: str) -> Fact:
        top = registrable_domain(domain)
        fact = await self._ask(domain, record_type)
        if "NXDOMAIN" in fact.reason:
            return fact
        while fact.state is FactState.NOT_FOUND and domain.endswith(f".{top}"):
            domain = domain.partition(".")[2]
            fact = await self._ask(domain, record_type)
        return fact

    async def _ask(self, domain: str, record_type: str) -> Fact:
        name = record_type.lower()
        try:
            answer = await self.resolver.ask(domain, record_type)
        except NoSuchName as error:
            seen = self._observed(domain, record_type, error.wire)
            return seen.without(name, FactState.NOT_FOUND, str(error))
        except Unreachable as error:
            return self._observed(domain, record_type).without(name, FactState.UNREACHABLE, str(error))
        seen = self._observed(domain, record_type, answer.wire)
        if not answer.records:
            return seen.without(name, FactState.NOT_FOUND, f"the name has no {record_type} record")
        return seen.found(name, map(text_of, answer.records))

    def _observed(self, domain: str, record_type: str, wire: bytes = b"") -> Observation:
        return Observation(self.name, f"{record_type} {domain}", "DNS", self.clock(), wire)


def text_of(record: dns.rdata.Rdata) -> str:
    """Return a record as people write it, names without the final dot."""
    match record:
        case dns.rdtypes.ANY.TXT.TXT():
            # The strings of one record are one text (RFC 7208 section 3.3).
            return b"".join(record.strings).decode("utf-8", "replace")
        case dns.rdtypes.ANY.MX.MX():
            return f"{record.preference} {record.exchange.to_text(omit_final_dot=True) or '.'}"
        case dns.rdtypes.ANY.NS.NS():
            return record.target.to_text(omit_final_dot=True)
        case dns.rdtypes.ANY.SOA.SOA():
            primary, contact = (each.to_text(omit_final_dot=True) for each in (record.mname, record.rname))
            return f"{primary} {contact} {record.serial}"
        case dns.rdtypes.ANY.CAA.CAA():
            return f"{record.flags} {record.tag.decode()} {record.value.decode('utf-8', 'replace')}"
        case _:
            return record.to_text()
