"""Does the home page answer, protect its visitors and say what it is?"""

import re

from report_service.assessment.rule import Fact, Outcome, Rule, Verdict

HALF_A_YEAR = 15_768_000
"""Seconds: the least HSTS ``max-age`` that earns all points."""


def _status(domain: str, status: Fact) -> Verdict:
    details = {"status": status.first}
    if status.first.startswith("2"):
        return Verdict("pass", "ok", "The home page answers with status {status}.", details)
    return Verdict("fail", "refused", "The home page answers with status {status}.", details)


def _https(domain: str, final_url: Fact) -> Verdict:
    details = {"url": final_url.first}
    if final_url.first.lower().startswith("https://"):
        return Verdict("pass", "https", "Visitors arrive at {url}.", details)
    return Verdict("fail", "http", "Visitors arrive at {url}, which is not encrypted.", details)


def _redirect(domain: str, leads_to: Fact) -> Verdict:
    if leads_to.first == "https":
        return Verdict("pass", "https", "Whoever types the bare name is led to the encrypted site.")
    return Verdict("fail", "http", "Whoever types the bare name stays on an unencrypted page.")


def _hsts(domain: str, header: Fact, final_url: Fact) -> Verdict:
    if not header.values:
        return Verdict("fail", "none", "The site does not tell browsers to insist on HTTPS.")
    if not final_url.first.lower().startswith("https://"):  # RFC 6797 section 8.1
        return Verdict("fail", "plain", "Browsers ignore the HSTS header, as it came without encryption.")
    found = re.search(r'max-age\s*=\s*"?(\d{1,12})', header.first, re.IGNORECASE)
    seconds = int(found[1]) if found else 0
    details = {"days": str(seconds // 86_400)}
    if seconds == 0:
        return Verdict("fail", "off", "The HSTS header is present but switched off (max-age 0).")
    if seconds < HALF_A_YEAR:
        return Verdict("warn", "short", "Browsers insist on HTTPS for {days} days only.", details)
    return Verdict("pass", "long", "Browsers insist on HTTPS for {days} days.", details)


def _csp(domain: str, header: Fact) -> Verdict:
    if not header.values:
        return Verdict("fail", "none", "No content security policy is sent.")
    policy = header.first.lower()
    scripts = re.search(r"(?:script-src|default-src)\s([^;]*)", policy)
    if not scripts:
        return Verdict("warn", "scripts", "The content security policy says nothing about scripts.")
    if "'unsafe-inline'" in scripts[1] and "'nonce-" not in scripts[1] and "'sha" not in scripts[1]:
        return Verdict("warn", "inline", "The content security policy lets injected scripts run.")
    return Verdict("pass", "strict", "A content security policy limits which scripts may run.")


def _nosniff(domain: str, header: Fact) -> Verdict:
    if header.first.strip().lower() == "nosniff":
        return Verdict("pass", "nosniff", "Browsers are told not to guess content types.")
    return Verdict("fail", "none", "Browsers may guess content types (no nosniff).")


def _framing(domain: str, options: Fact, csp: Fact) -> Verdict:
    if "frame-ancestors" in csp.first.lower():
        return Verdict("pass", "csp", "The content security policy says who may frame the site.")
    if options.first.strip().upper() in ("DENY", "SAMEORIGIN"):
        return Verdict("pass", "header", "Other sites may not frame this one (X-Frame-Options).")
    return Verdict("fail", "none", "Any site may show this one inside a frame.")


def _referrer(domain: str, header: Fact) -> Verdict:
    if not header.values:
        return Verdict("warn", "none", "No referrer policy is sent; browsers use their own.")
    # Of several, browsers take the last they know (Referrer Policy, section 8.1).
    policy = header.values[-1].split(",")[-1].strip().lower()
    if policy in ("unsafe-url", "no-referrer-when-downgrade"):
        return Verdict(
            "fail", "open", "Full addresses are sent to other sites ({policy}).", {"policy": policy}
        )
    return Verdict("pass", "limited", "What other sites learn is limited ({policy}).", {"policy": policy})


def _title(domain: str, title: Fact) -> Verdict:
    length = len(" ".join(title.first.split()))
    details = {"length": str(length)}
    if not length:
        return Verdict("fail", "none", "The home page has no title.")
    if 10 <= length <= 65:
        return Verdict("pass", "fits", "The title has {length} characters and is shown whole.", details)
    return Verdict("warn", "length", "The title has {length} characters; 10 to 65 serve best.", details)


def _description(domain: str, description: Fact) -> Verdict:
    length = len(" ".join(description.first.split()))
    details = {"length": str(length)}
    if not length:
        return Verdict("fail", "none", "The home page has no meta description.")
    if 50 <= length <= 165:
        return Verdict("pass", "fits", "The meta description has {length} characters.", details)
    return Verdict(
        "warn", "length", "The meta description has {length} characters; 50 to 165 serve best.", details
    )


def _weight(domain: str, weight: Fact) -> Verdict:
    if not weight.first.isascii() or not weight.first.isdigit():
        return Verdict("unknown", "unreadable", "Could not be checked: the size cannot be read.")
    size = int(weight.first)
    details = {"kilobytes": f"{-(-size // 1000):,}"}
    if size <= 150_000:
        return Verdict("pass", "light", "The home page's document weighs {kilobytes} kB.", details)
    outcome: Outcome = "warn" if size <= 500_000 else "fail"
    return Verdict(outcome, "heavy", "The home page's document weighs {kilobytes} kB.", details)


RULES: tuple[Rule, ...] = (
    Rule(
        "web.https",
        10,
        "Visits are encrypted",
        ("homepage.final_url",),
        _https,
        "Browsers mark unencrypted pages as not secure, and networks can read and change them.",
        "Serve the site over HTTPS and redirect every http address to it, permanently.",
    ),
    Rule(
        "web.redirect",
        4,
        "Plain http leads to https",
        ("site.plain.leads_to",),
        _redirect,
        "Old links and typed names start at the plain port; what is sent there can be read and changed.",
        "Answer every http address with a permanent redirect (301 or 308) to its https twin.",
    ),
    Rule(
        "web.status",
        6,
        "The home page answers",
        ("homepage.status",),
        _status,
        "A home page that answers with an error costs visitors and its place in search results.",
        "Find the cause in the web server's log and let the page answer with status 200.",
    ),
    Rule(
        "web.hsts",
        6,
        "HTTPS is insisted on (HSTS)",
        ("homepage.header.strict-transport-security", "homepage.final_url"),
        _hsts,
        "Without it, the first step of a visit can be diverted before the redirect to HTTPS.",
        "Send Strict-Transport-Security: max-age=31536000; includeSubDomains.",
    ),
    Rule(
        "web.csp",
        6,
        "Foreign scripts are kept out",
        ("homepage.header.content-security-policy",),
        _csp,
        "One injected script is enough to read forms, payments and passwords.",
        "Send a Content-Security-Policy that names your script sources; start in report-only mode.",
    ),
    Rule(
        "web.framing",
        4,
        "The site cannot be framed",
        ("homepage.header.x-frame-options", "homepage.header.content-security-policy"),
        _framing,
        "A hidden frame can lure visitors into clicks they never meant (clickjacking).",
        "Send Content-Security-Policy: frame-ancestors 'self'.",
    ),
    Rule(
        "web.nosniff",
        3,
        "Content types are binding",
        ("homepage.header.x-content-type-options",),
        _nosniff,
        "A browser that guesses may run an uploaded file as a script.",
        "Send X-Content-Type-Options: nosniff with every answer.",
    ),
    Rule(
        "web.referrer",
        2,
        "Addresses stay private",
        ("homepage.header.referrer-policy",),
        _referrer,
        "Full addresses can carry names, search terms and tokens to every linked site.",
        "Send Referrer-Policy: strict-origin-when-cross-origin.",
    ),
    Rule(
        "web.title",
        4,
        "The page has a good title",
        ("homepage.title",),
        _title,
        "The title is the first line people read in search results and in their tabs.",
        "Write a title of 10 to 65 characters that says what you offer, and where.",
    ),
    Rule(
        "web.description",
        3,
        "The page is described",
        ("homepage.description",),
        _description,
        "Search engines show this text below the title; without it they pick words at random.",
        "Write a meta description of 50 to 165 characters that invites to visit.",
    ),
    Rule(
        "web.weight",
        4,
        "The page is light",
        ("homepage.weight_bytes",),
        _weight,
        "Every further second of loading loses visitors, above all on phones.",
        "Keep the document under 150 kB: move inline data out and remove unused markup.",
    ),
)
