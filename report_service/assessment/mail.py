"""Can mail reach the domain, and who may send in its name?"""

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


def _spf(domain: str, record: Fact, validity: Fact, others: Fact) -> Verdict:
    if not record.values:
        return Verdict("fail", "none", "No SPF record: anyone can send mail in this domain's name.")
    if validity.first != "valid":
        problem = {"problem": validity.first or "unknown"}
        return Verdict(
            "fail", "error", "Receivers must treat the SPF record as an error: {problem}.", problem
        )
    details = {"record": record.first}
    if others.first in ("-", "~"):
        return Verdict("pass", "strict", "Senders are listed, all others turned away: {record}", details)
    return Verdict("warn", "open", "Senders are listed, but others are not turned away: {record}", details)


def _dmarc(domain: str, record: Fact, validity: Fact, action: Fact, percent: Fact) -> Verdict:
    if not record.values:
        return Verdict("fail", "none", "No DMARC record: nobody is told what to do with forged mail.")
    problem = {"problem": validity.first or "unknown"}
    if not action.values:
        return Verdict("fail", "error", "Receivers ignore the DMARC record: {problem}.", problem)
    if validity.first != "valid":
        return Verdict("warn", "flawed", "The DMARC record has a flaw: {problem}.", problem)
    details = {"action": action.first, "percent": percent.first}
    if action.first == "none":
        return Verdict(
            "warn", "watching", "Forged mail is reported at most, and delivered (policy none).", details
        )
    if percent.first != "100":
        return Verdict(
            "warn",
            "partly",
            "Forged mail meets the policy {action}, but {percent} per cent of it only.",
            details,
        )
    return Verdict("pass", "enforced", "Forged mail meets the policy {action}.", details)


def _mta_sts(domain: str, record: Fact, mode: Fact) -> Verdict:
    if not record.values:
        return Verdict("warn", "none", "Mail servers are not told to insist on encryption.")
    if not mode.values:
        return Verdict("fail", "broken", "MTA-STS is announced, but its policy cannot be used.")
    details = {"mode": mode.first}
    if mode.first == "enforce":
        return Verdict("pass", "enforced", "Mail servers are told to insist on encryption.")
    return Verdict("warn", "testing", "The MTA-STS policy is not enforced (mode {mode}).", details)


def _tls_rpt(domain: str, reports: Fact) -> Verdict:
    if not reports.values:
        return Verdict("warn", "none", "Nobody hears of mail that could not be encrypted on its way.")
    return Verdict(
        "pass", "reported", "Failures of encryption are reported to {place}.", {"place": reports.first}
    )


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
        ("mail.spf.record", "mail.spf.validity", "mail.spf.others"),
        _spf,
        "Without SPF, forged mail in your name passes, and your own mail lands in spam more often.",
        "Publish exactly one TXT record that starts with v=spf1, lists your senders and ends with -all "
        "(or with ~all while you are still testing).",
    ),
    Rule(
        "mail.dmarc",
        12,
        "Forged mail is turned away (DMARC)",
        ("mail.dmarc.record", "mail.dmarc.validity", "mail.dmarc.policy", "mail.dmarc.percent"),
        _dmarc,
        "Without a policy, receivers guess, and invoices forged in your name reach your customers.",
        "Publish _dmarc as TXT record: first v=DMARC1; p=none with rua= for reports, then p=quarantine or "
        "p=reject.",
    ),
    Rule(
        "mail.mta_sts",
        2,
        "Mail travels encrypted (MTA-STS)",
        ("mail.mta_sts.record", "mail.mta_sts.mode"),
        _mta_sts,
        "Without it, somebody on the way can strip the encryption from mail that is sent to you.",
        "Publish an MTA-STS record and serve its policy, in mode testing first and then in mode enforce.",
    ),
    Rule(
        "mail.tls_rpt",
        1,
        "Failed encryption is reported (TLS-RPT)",
        ("mail.tls_rpt.reports",),
        _tls_rpt,
        "Other mail servers notice a broken certificate first; the report is how you hear of it.",
        "Publish _smtp._tls as TXT record: v=TLSRPTv1; rua=mailto: and an address that is read.",
    ),
)
