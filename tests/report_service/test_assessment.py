"""Promise: the score follows from the facts alone, and a silent source is never held against the lead."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_service.assessment import AREAS, RULES, Assessment, Check, assess, to_json

SEEN = datetime(2026, 11, 21, 8, tzinfo=UTC)
NAMES = sorted({name for rule in RULES for name in rule.needs})

# A lead with nothing to mend.
PERFECT = {
    "dns.a": ["192.0.2.1"],
    "dns.aaaa": ["2001:db8::1"],
    "dns.mx": ["10 mx1.mail.example", "20 mx2.mail.example"],
    "dns.caa": ["0 issue authority.example", "0 iodef mailto:a@shop.example"],
    "mail.spf.record": ["v=spf1 include:_spf.mail.example -all"],
    "mail.spf.validity": ["valid"],
    "mail.spf.others": ["-"],
    "mail.dmarc.record": ["v=DMARC1; p=reject"],
    "mail.dmarc.validity": ["valid"],
    "mail.dmarc.policy": ["reject"],
    "mail.dmarc.percent": ["100"],
    "mail.mta_sts.record": ["v=STSv1; id=1"],
    "mail.mta_sts.mode": ["enforce"],
    "mail.tls_rpt.reports": ["mailto:tls@shop.example"],
    "site.plain.leads_to": ["https"],
    "homepage.status": ["200"],
    "homepage.final_url": ["https://shop.example/"],
    "homepage.title": ["Shop: bread and cakes"],
    "homepage.description": ["Bread and cakes from our own oven, delivered to your door each morning."],
    "homepage.weight_bytes": ["40000"],
    "homepage.header.strict-transport-security": ["max-age=31536000; includeSubDomains"],
    "homepage.header.content-security-policy": ["default-src 'self'; frame-ancestors 'none'"],
    "homepage.header.x-content-type-options": ["nosniff"],
    "homepage.header.x-frame-options": ["DENY"],
    "homepage.header.referrer-policy": ["strict-origin-when-cross-origin"],
    "tls.protocol": ["TLSv1.3"],
    "tls.certificate.validity": ["valid"],
    "tls.certificate.names": ["shop.example", "www.shop.example"],
    "tls.certificate.not_after": ["2027-02-01T00:00:00+00:00"],
}


def fact(name: str, values: list[str] | None = None, state: str = "", reason: str = "") -> dict[str, Any]:
    provider, _, rest = name.partition(".")
    return {
        "provider": provider,
        "name": rest,
        "state": state or ("FOUND" if values else "NOT_FOUND"),
        "values": values or [],
        "reason": reason,
        "observed_at": SEEN.isoformat(),
    }


def a_lead(**changes: list[str] | None) -> dict[str, Any]:
    """A lead with a perfect score, except for the facts that are given."""
    return {
        "domain": "shop.example",
        "facts": [fact(name, changes.get(name, found)) for name, found in PERFECT.items()],
    }


def with_fact(name: str, values: list[str]) -> Assessment:
    return assess(a_lead(**{name: values}))


def check(assessment: Assessment, rule: str) -> Check:
    return next(each for each in assessment.checks if each.id == rule)


def test_a_lead_with_nothing_to_mend_earns_a_hundred_and_has_no_priorities() -> None:
    assessment = assess(a_lead())
    assert {each.id: each.outcome for each in assessment.checks} == {rule.id: "pass" for rule in RULES}
    assert assessment.score == 100
    assert assessment.priorities == ()


@pytest.mark.parametrize(
    ("name", "values", "rule", "outcome", "verdict"),
    [
        ("dns.mx", [], "mail.mx", "fail", "none"),
        ("dns.mx", ["0 ."], "mail.mx", "fail", "null"),
        ("dns.mx", ["1 smtp.mail.example"], "mail.mx", "pass", "one"),
        ("mail.spf.record", [], "mail.spf", "fail", "none"),
        ("mail.spf.validity", ["2 SPF records where there may be one"], "mail.spf", "fail", "error"),
        ("mail.spf.others", ["~"], "mail.spf", "pass", "strict"),
        ("mail.spf.others", ["?"], "mail.spf", "warn", "open"),
        ("mail.spf.others", ["+"], "mail.spf", "warn", "open"),
        ("mail.dmarc.record", [], "mail.dmarc", "fail", "none"),
        ("mail.dmarc.policy", [], "mail.dmarc", "fail", "error"),
        ("mail.dmarc.policy", ["none"], "mail.dmarc", "warn", "watching"),
        ("mail.dmarc.policy", ["quarantine"], "mail.dmarc", "pass", "enforced"),
        ("mail.dmarc.percent", ["20"], "mail.dmarc", "warn", "partly"),
        ("mail.dmarc.validity", ["pct=half is no percentage"], "mail.dmarc", "warn", "flawed"),
        ("mail.mta_sts.record", [], "mail.mta_sts", "warn", "none"),
        ("mail.mta_sts.mode", [], "mail.mta_sts", "fail", "broken"),
        ("mail.mta_sts.mode", ["testing"], "mail.mta_sts", "warn", "testing"),
        ("mail.tls_rpt.reports", [], "mail.tls_rpt", "warn", "none"),
        ("site.plain.leads_to", ["http"], "web.redirect", "fail", "http"),
        ("dns.caa", [], "dns.caa", "warn", "none"),
        ("dns.caa", ["0 iodef mailto:a@shop.example"], "dns.caa", "warn", "none"),
        ("dns.a", [], "dns.ipv4", "fail", "none"),
        ("dns.aaaa", [], "dns.ipv6", "fail", "none"),
        ("homepage.status", ["503"], "web.status", "fail", "refused"),
        ("homepage.final_url", ["http://shop.example/"], "web.https", "fail", "http"),
        ("homepage.final_url", ["http://shop.example/"], "web.hsts", "fail", "plain"),
        ("homepage.header.strict-transport-security", [], "web.hsts", "fail", "none"),
        ("homepage.header.strict-transport-security", ["max-age=0"], "web.hsts", "fail", "off"),
        ("homepage.header.strict-transport-security", ['max-age="86400"'], "web.hsts", "warn", "short"),
        ("homepage.header.content-security-policy", [], "web.csp", "fail", "none"),
        ("homepage.header.content-security-policy", ["frame-ancestors 'self'"], "web.csp", "warn", "scripts"),
        (
            "homepage.header.content-security-policy",
            ["script-src 'unsafe-inline'"],
            "web.csp",
            "warn",
            "inline",
        ),
        ("homepage.header.content-security-policy", ["default-src 'self'"], "web.framing", "pass", "header"),
        ("homepage.header.x-content-type-options", ["sniff"], "web.nosniff", "fail", "none"),
        ("homepage.header.referrer-policy", [], "web.referrer", "warn", "none"),
        ("homepage.header.referrer-policy", ["origin, unsafe-url"], "web.referrer", "fail", "open"),
        ("homepage.title", [], "web.title", "fail", "none"),
        ("homepage.title", ["Shop"], "web.title", "warn", "length"),
        ("homepage.description", ["Short."], "web.description", "warn", "length"),
        ("homepage.weight_bytes", ["300000"], "web.weight", "warn", "heavy"),
        ("homepage.weight_bytes", ["3000000"], "web.weight", "fail", "heavy"),
        ("homepage.weight_bytes", ["a lot"], "web.weight", "unknown", "unreadable"),
        ("tls.certificate.validity", ["self-signed certificate"], "tls.trust", "fail", "invalid"),
        ("tls.certificate.names", ["other.example"], "tls.names", "fail", "other"),
        ("tls.certificate.names", ["*.shop.example"], "tls.names", "fail", "other"),
        ("tls.certificate.names", ["*.example"], "tls.names", "pass", "covered"),
        ("tls.certificate.not_after", ["soon"], "tls.expiry", "unknown", "unreadable"),
        ("tls.protocol", ["TLSv1.2"], "tls.protocol", "warn", "older"),
        ("tls.protocol", ["TLSv1"], "tls.protocol", "fail", "obsolete"),
    ],
)
def test_each_rule_tells_its_cases_apart(
    name: str,
    values: list[str],
    rule: str,
    outcome: str,
    verdict: str,
) -> None:
    found = check(with_fact(name, values), rule)
    assert (found.outcome, found.verdict) == (outcome, verdict)
    assert found.points == {"pass": found.max_points, "warn": found.max_points // 2}.get(outcome, 0)
    assert bool(found.remedy) == (outcome != "pass")


@pytest.mark.parametrize(
    ("days", "outcome"), [(60, "pass"), (14, "pass"), (13, "warn"), (0, "fail"), (-400, "fail")]
)
def test_a_certificate_is_judged_at_the_time_it_was_seen_and_not_today(days: int, outcome: str) -> None:
    ends = (SEEN + timedelta(days=days)).isoformat()
    assert check(with_fact("tls.certificate.not_after", [ends]), "tls.expiry").outcome == outcome


@pytest.mark.parametrize("state", ["UNREACHABLE", "REFUSED", "ERROR"])
def test_a_silent_source_costs_nothing_and_its_reason_is_told(state: str) -> None:
    lead = a_lead()
    lead["facts"] = [
        fact(f"{each['provider']}.{each['name']}", state=state, reason="the server hung up.")
        if each["provider"] == "tls"
        else each
        for each in lead["facts"]
    ]
    assessment = assess(lead)
    assert assessment.score == 100
    silent = [each for each in assessment.checks if each.area == "tls"]
    assert {each.outcome for each in silent} == {"unknown"}
    assert {each.finding for each in silent} == {"Could not be checked: the server hung up."}


@pytest.mark.parametrize("facts", [[], [fact(name, state="UNREACHABLE", reason="down") for name in NAMES]])
def test_where_nothing_answered_there_is_no_score(facts: list[dict[str, Any]]) -> None:
    assessment = assess({"domain": "shop.example", "facts": facts})
    assert assessment.score is None
    assert assessment.priorities == ()
    assert {each.outcome for each in assessment.checks} == {"unknown"}


def test_priorities_are_the_three_checks_that_cost_most() -> None:
    assessment = assess(a_lead(**{"dns.mx": [], "mail.spf.record": [], "dns.aaaa": [], "homepage.title": []}))
    assert assessment.priorities == ("mail.spf", "mail.mx", "web.title")


def test_areas_add_up_to_the_score() -> None:
    told = to_json(with_fact("mail.spf.others", ["?"]))
    assert [area["area"] for area in told["areas"]] == list(AREAS)
    earned, possible = (sum(area[key] for area in told["areas"]) for key in ("points", "max_points"))
    assert told["score"] == round(100 * earned / possible)
    assert sum(area["checks"] for area in told["areas"]) == len(told["checks"]) == len(RULES)


def test_braces_in_a_fact_are_text() -> None:
    record = "v=spf1 exists:%{i}.{0}.{record} -all"
    assert check(with_fact("mail.spf.record", [record]), "mail.spf").finding.endswith(record)


STATES = st.sampled_from(["FOUND", "NOT_FOUND", "UNREACHABLE", "REFUSED", "ERROR"])


@st.composite
def any_facts(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return [
        fact(
            name,
            draw(st.lists(st.text(max_size=30), min_size=1, max_size=3)) if state == "FOUND" else [],
            state,
            "why",
        )
        for name in names
        for state in [draw(STATES)]
    ]


@given(any_facts())
def test_any_facts_make_an_assessment_that_json_can_hold(facts: list[dict[str, Any]]) -> None:
    lead = {"domain": "shop.example", "facts": facts}
    told = to_json(assess(lead))
    assert told == json.loads(json.dumps(told)) == to_json(assess(lead))
    assert told["score"] is None or 0 <= told["score"] <= 100
    answered = {
        f"{each['provider']}.{each['name']}" for each in facts if each["state"] in ("FOUND", "NOT_FOUND")
    }
    for each in told["checks"]:
        assert 0 <= each["points"] <= each["max_points"]
        assert each["outcome"] == "unknown" or answered.issuperset(each["evidence"])
