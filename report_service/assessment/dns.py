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


def _caa(domain: str, caa: Fact) -> Verdict:
    issuers = [value.split(maxsplit=2)[-1] for value in caa.values if value.split()[1:2] == ["issue"]]
    if not issuers:
        return Verdict("warn", "none", "Any authority may issue certificates for the name (no CAA record).")
    return Verdict(
        "pass", "limited", "Certificates come from {issuers} only.", {"issuers": ", ".join(issuers)}
    )


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
    Rule(
        "dns.caa",
        2,
        "Who may issue certificates is settled",
        ("dns.caa",),
        _caa,
        "A certificate issued to somebody else lets them pose as your site; fewer issuers, fewer mistakes.",
        "Publish a CAA record that names your certificate authority.",
    ),
)
