"""DNS questions, each with one of five outcomes.

Questions go to the configured nameservers, or to the machine's own; the answers are strangers'
text. Which addresses may be dialled is judged in `dial`, not here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver

from services.egress import Unreachable, Unresolved
from services.egress.addresses import Address


class NoSuchName(Exception):
    """DNS answered that the name does not exist (NXDOMAIN). Carries the answer's bytes."""

    def __init__(self, wire: bytes) -> None:
        """Keep the answer."""
        super().__init__("the name does not exist (NXDOMAIN)")
        self.wire = wire


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS said to one question: the records, none if there are none of this type, and its bytes."""

    records: tuple[dns.rdata.Rdata, ...]
    wire: bytes


class Resolver:
    """Asks DNS. Each question has `timeout_seconds`, all its retries included."""

    def __init__(self, nameservers: Sequence[tuple[str, int]] = (), *, timeout_seconds: float) -> None:
        """Ask `nameservers` (address and port), or the machine's own if none are given."""
        self._timeout = timeout_seconds
        self._is_configured = bool(nameservers)
        self._resolver: dns.asyncresolver.Resolver | None = None
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        except dns.resolver.NoResolverConfiguration:
            return
        # A lost packet is asked for again well inside the question's time.
        self._resolver.timeout = min(2.0, timeout_seconds / 2)
        if nameservers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(address, port) for address, port in nameservers
            ]

    async def ask(self, name: str, record_type: str) -> Answer:
        """Return the records of `record_type` at `name`, through any CNAMEs.

        Raises:
            NoSuchName: the name does not exist.
            Unreachable: no server answered in time, or none could (SERVFAIL, REFUSED).
        """
        if self._resolver is None:
            raise Unreachable("this machine has no nameserver configured")
        try:
            answer = await self._resolver.resolve(
                dns.name.from_text(name),
                record_type,
                raise_on_no_answer=False,
                lifetime=self._timeout,
            )
        except dns.resolver.NXDOMAIN as error:
            denial = next(iter(error.kwargs["responses"].values()), None)
            if not (self._is_configured or _is_proven(denial)):
                raise Unreachable("the nameserver denies the name without naming its zone") from error
            raise NoSuchName(_wire(denial)) from error
        except dns.exception.Timeout as error:
            raise Unreachable(f"no nameserver answered within {self._timeout:g} s") from error
        except dns.resolver.NoNameservers as error:
            raise Unreachable(_failures(error)) from error
        except (dns.exception.DNSException, OSError) as error:
            raise Unreachable(f"DNS could not be asked: {error}") from error
        return Answer(tuple(answer.rrset or ()), _wire(answer.response))

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """Return every address of `name`, IPv4 first, from one look-up of each kind.

        Raises:
            Unresolved: there is none, or DNS cannot say.
        """
        outcomes = await asyncio.gather(self.ask(name, "A"), self.ask(name, "AAAA"), return_exceptions=True)
        found: list[Address] = []
        for outcome in outcomes:
            if isinstance(outcome, Answer):
                found += (ip_address(record.to_text()) for record in outcome.records)
            elif not isinstance(outcome, (NoSuchName, Unreachable)):
                raise outcome
        if found:
            return tuple(found)
        failure = next((each for each in outcomes if isinstance(each, Exception)), None)
        raise Unresolved(str(failure or "the name has no address"))


def nameservers(text: str) -> tuple[tuple[str, int], ...]:
    """Read `host:port` pairs separated by commas, IPv6 hosts in brackets; a missing port means 53.

    Raises:
        ValueError: for a host that is no IP address, or a port that is none.
    """
    pairs = []
    for part in filter(None, map(str.strip, text.split(","))):
        host, colon, port = part.rpartition(":")
        if not colon or (":" in host and not host.endswith("]")):
            host, port = part, "53"
        if not 0 < int(port) < 65536:
            raise ValueError(f"{port} is not a port")
        pairs.append((str(ip_address(host.removeprefix("[").removesuffix("]"))), int(port)))
    return tuple(pairs)


def _is_proven(denial: dns.message.Message | None) -> bool:
    """Return whether a denial carries the SOA record that every real one does (RFC 2308 section 3).

    The machine's own nameserver may be one without a way out, which denies whatever it is asked; that
    is no word about the name.
    """
    return denial is not None and any(rrset.rdtype == dns.rdatatype.SOA for rrset in denial.authority)


def _wire(message: dns.message.Message | None) -> bytes:
    return (message.wire or b"") if message is not None else b""


def _failures(error: dns.resolver.NoNameservers) -> str:
    # dnspython's own message lists servers and sockets; what a reader needs is the outcome.
    outcomes = []
    for _, _, _, problem, response in error.kwargs.get("errors", []):
        if response is not None and response.rcode() != dns.rcode.NOERROR:
            outcomes.append(dns.rcode.to_text(response.rcode()))
        else:
            outcomes.append(str(problem))
    return f"no nameserver could answer: {', '.join(dict.fromkeys(outcomes)) or 'no reason given'}"
