"""Facts from DNS: where the domain is served, who takes its mail, and what its texts say."""

import asyncio
from dataclasses import dataclass

import dns.rdata
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT

from lead_service.domain import Fact, FactState, Observation
from lead_service.egress import Unreachable
from lead_service.egress.resolver import NoSuchName, Resolver
from services.clock import Clock

_RECORD_TYPES = ("A", "AAAA", "MX", "TXT")


@dataclass(frozen=True)
class DnsProvider:
    """Asks for A, AAAA, MX and TXT records (RFC 1035, RFC 3596), all at once."""

    resolver: Resolver
    clock: Clock
    timeout_seconds: float
    name: str = "dns"

    async def look_up(self, domain: str) -> list[Fact]:
        """See Provider."""
        return list(await asyncio.gather(*(self._ask(domain, each) for each in _RECORD_TYPES)))

    def unanswered(self, domain: str, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return [self._observed(domain, each).without(each.lower(), state, reason) for each in _RECORD_TYPES]

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
        return seen.found(name, map(_text, answer.records))

    def _observed(self, domain: str, record_type: str, wire: bytes = b"") -> Observation:
        return Observation(self.name, f"{record_type} {domain}", "DNS", self.clock(), wire)


def _text(record: dns.rdata.Rdata) -> str:
    if isinstance(record, dns.rdtypes.ANY.TXT.TXT):
        # The strings of one record are one text (RFC 7208 section 3.3).
        return b"".join(record.strings).decode("utf-8", "replace")
    if isinstance(record, dns.rdtypes.ANY.MX.MX):
        exchange = record.exchange.to_text(omit_final_dot=True)
        return f"{record.preference} {exchange or '.'}"
    return record.to_text()
