"""Does the name lead to a server?"""

from report_service.assessment.rule import Fact, Rule, Verdict


def _ipv4(domain: str, a: Fact) -> Verdict:
    if not a.values:
        return Verdict("fail", "none", "The name has no IPv4 address (no A record).")
    return Verdict("pass", "found", "The name leads to {address}.", {"address": a.first})


def _ipv6(domain: str, aaaa: Fact) -> Verdict:
    if not aaaa.values:
        return Verdict("fail", "none", "The name has no IPv6 address (no AAAA record).")
    return Verdict("pass", "found", "The name leads to {address}.", {"address": aaaa.first})


RULES: tuple[Rule, ...] = (
    Rule(
        "dns.ipv4",
        6,
        "The name leads to a server",
        ("dns.a",),
        _ipv4,
        "Without an address record nobody can open the site.",
        "Publish an A record with the address of the web server.",
    ),
    Rule(
        "dns.ipv6",
        4,
        "The name is ready for IPv6",
        ("dns.aaaa",),
        _ipv6,
        "Many mobile networks speak IPv6 and reach IPv4 sites through slower translators.",
        "Ask the hosting provider for an IPv6 address and publish it as AAAA record.",
    ),
)
