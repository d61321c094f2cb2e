"""Is the connection to the web site trustworthy?"""

from datetime import datetime

from report_service.assessment.rule import Fact, Rule, Verdict


def _trust(domain: str, validity: Fact) -> Verdict:
    if validity.first == "valid":
        return Verdict("pass", "valid", "Browsers trust the certificate.")
    problem = {"problem": validity.first or "unknown"}
    return Verdict("fail", "invalid", "Browsers refuse the certificate: {problem}.", problem)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _expiry(domain: str, not_after: Fact) -> Verdict:
    end, seen = _moment(not_after.first), _moment(not_after.observed_at)
    if end is None or seen is None:
        return Verdict("unknown", "unreadable", "Could not be checked: the date cannot be read.")
    details = {"days": str((end - seen).days), "date": end.date().isoformat()}
    if end <= seen:
        return Verdict("fail", "expired", "The certificate expired on {date}.", details)
    if (end - seen).days < 14:
        return Verdict("warn", "soon", "The certificate expires on {date}, in {days} days.", details)
    return Verdict("pass", "valid", "The certificate is valid until {date}, {days} more days.", details)


def _covers(name: str, domain: str) -> bool:
    """Whether a certificate's name stands for a host, as RFC 9525 section 6.3 has it."""
    name = name.lower().rstrip(".")
    return name == domain or (name.startswith("*.") and name[2:] == domain.partition(".")[2])


def _names(domain: str, names: Fact) -> Verdict:
    stated = [value.removeprefix("DNS:") for value in names.values]
    details = {"domain": domain, "count": str(len(stated))}
    if any(_covers(name, domain.lower()) for name in stated):
        return Verdict("pass", "covered", "The certificate is made out to {domain}.", details)
    return Verdict("fail", "other", "The certificate is not made out to {domain}.", details)


def _protocol(domain: str, protocol: Fact) -> Verdict:
    details = {"protocol": protocol.first}
    if protocol.first == "TLSv1.3":
        return Verdict("pass", "newest", "Connections use TLS 1.3.", details)
    if protocol.first == "TLSv1.2":
        return Verdict("warn", "older", "Connections use TLS 1.2; TLS 1.3 is faster and simpler.", details)
    return Verdict("fail", "obsolete", "Connections use {protocol}, which browsers refuse.", details)


RULES: tuple[Rule, ...] = (
    Rule(
        "tls.trust",
        8,
        "The certificate is trusted",
        ("tls.certificate.validity",),
        _trust,
        "A certificate that browsers refuse locks visitors out with a full-page warning.",
        "Install a certificate from a public authority, with its whole chain.",
    ),
    Rule(
        "tls.expiry",
        6,
        "The certificate is renewed in time",
        ("tls.certificate.not_after",),
        _expiry,
        "From the day it expires, no visitor gets in; customers notice before the owner does.",
        "Renew the certificate now and let it renew itself, for instance by ACME.",
    ),
    Rule(
        "tls.names",
        4,
        "The certificate fits the name",
        ("tls.certificate.names",),
        _names,
        "A certificate for another name is a warning page for every visitor.",
        "Order a certificate that lists the domain itself and the names that lead to it.",
    ),
    Rule(
        "tls.protocol",
        4,
        "The protocol is current",
        ("tls.protocol",),
        _protocol,
        "TLS 1.3 saves a round trip on every first visit and leaves out broken ciphers.",
        "Switch on TLS 1.3 in the web server or at the provider, and everything below 1.2 off.",
    ),
)
