"""Can mail reach the domain, and who may send in its name?"""

import re

from report_service.assessment.rule import Fact, Rule, Verdict


def _mx(domain: str, mx: Fact) -> Verdict:
    hosts = [value.split()[-1].rstrip(".") for value in mx.values if value.strip()]
    if not hosts:
        return Verdict("fail", "none", "The domain names no mail server (no MX record).")
    if not any(hosts):  # "0 .": RFC 7505
        return Verdict("fail", "null", "The domain declares that it accepts no mail (null MX).")
    details = {"count": str(len(hosts)), "host": hosts[0]}
    if len(hosts) == 1:
        return Verdict("pass", "one", "Mail goes to {host}.", details)
    return Verdict("pass", "many", "Mail goes to {count} servers, first to {host}.", details)


def _spf_records(txt: Fact) -> list[str]:
    return [value for value in txt.values if re.match(r"v=spf1(\s|$)", value, re.IGNORECASE)]


def _spf(domain: str, txt: Fact) -> Verdict:
    records = _spf_records(txt)
    if not records:
        return Verdict("fail", "none", "No SPF record: anyone can send mail in this domain's name.")
    if len(records) > 1:  # RFC 7208 section 4.5
        details = {"count": str(len(records))}
        return Verdict("fail", "many", "{count} SPF records: receivers must treat this as an error.", details)
    details = {"record": records[0]}
    terms = records[0].lower().split()[1:]
    policy = next((term for term in terms if re.fullmatch(r"[-~?+]?all", term)), "")
    if policy in ("-all", "~all"):
        return Verdict("pass", "strict", "Senders are listed, all others turned away: {record}", details)
    if not policy and any(term.startswith("redirect=") for term in terms):
        return Verdict("pass", "redirect", "Senders are listed by another domain: {record}", details)
    return Verdict("warn", "open", "Senders are listed, but others are not turned away: {record}", details)


RULES: tuple[Rule, ...] = (
    Rule(
        "mail.mx",
        12,
        "Mail can be delivered",
        ("dns.mx",),
        _mx,
        "Enquiries that bounce are customers that are lost without a trace.",
        "Publish MX records that name the servers of your mail provider.",
    ),
    Rule(
        "mail.spf",
        14,
        "Senders are declared (SPF)",
        ("dns.txt",),
        _spf,
        "Without SPF, forged mail in your name passes, and your own mail lands in spam more often.",
        "Publish exactly one TXT record that starts with v=spf1, lists your senders and ends with -all "
        "(or with ~all while you are still testing).",
    ),
)
