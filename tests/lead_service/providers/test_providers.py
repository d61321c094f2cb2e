"""Promise: providers report what real servers say, tell silence from absence, and invent nothing."""

import asyncio
import hashlib
import ssl
from dataclasses import replace
from datetime import datetime

import pytest
import trustme

from lead_service.facts import FactState
from lead_service.providers import handshakes
from lead_service.providers.dns import DnsProvider
from lead_service.providers.homepage import HomepageProvider
from lead_service.providers.tls import TlsProvider
from services.egress.dial import Door, Ports
from services.egress.http import Limits
from services.egress.resolver import Resolver
from tests.lead_service.providers.asking import NOW, clock, facts_of, states, subject
from tests.site import Site
from tests.site.pages import document

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def dns(resolver: Resolver) -> DnsProvider:
    return DnsProvider(resolver, clock, 5)


@pytest.fixture
def tls(door: Door, trust: ssl.SSLContext) -> TlsProvider:
    return TlsProvider(door, trust, clock, 4)


@pytest.fixture
def homepage(door: Door, trust: ssl.SSLContext) -> HomepageProvider:
    return HomepageProvider(door, trust, Limits(timeout_seconds=20), clock, 8)


async def test_dns_records_are_reported_as_dns_has_them(site: Site, dns: DnsProvider) -> None:
    facts = await facts_of(dns, site.domain)
    assert facts["a"].values == ("127.0.0.1",)
    assert facts["mx"].values == ("10 mail.docs.leadfactory.test", "20 backup.docs.leadfactory.test")
    assert facts["txt"].values == ("v=spf1 mx -all", "site-verification=documentation")
    assert facts["mx"].source == "MX docs.leadfactory.test"
    assert facts["mx"].method == "DNS"
    assert (facts["aaaa"].state, facts["aaaa"].reason) == (NOT_FOUND, "the name has no AAAA record")


async def test_the_zones_records_are_sought_upwards_and_say_where_they_stand(
    site: Site, dns: DnsProvider
) -> None:
    facts = await facts_of(dns, site.domain)
    assert facts["ns"].values == ("ns1.leadfactory.test", "ns2.leadfactory.test")
    assert facts["soa"].values == ("ns1.leadfactory.test hostmaster.leadfactory.test 2026112101",)
    assert facts["caa"].values == ("0 issue authority.example",)
    assert facts["caa"].source == "CAA leadfactory.test"


async def test_a_null_mx_is_reported_as_such(site: Site, dns: DnsProvider) -> None:
    assert (await facts_of(dns, site.host("mailonly")))["mx"].values == ("0 .",)


@pytest.mark.parametrize(
    ("label", "state", "reason"),
    [
        ("missing", NOT_FOUND, "the name does not exist (NXDOMAIN)"),
        ("broken", UNREACHABLE, "no nameserver could answer: SERVFAIL"),
        ("silent", UNREACHABLE, "no nameserver answered within 1 s"),
    ],
)
async def test_dns_outcomes_are_told_apart(
    site: Site, dns: DnsProvider, label: str, state: FactState, reason: str
) -> None:
    facts = await facts_of(dns, site.host(label))
    assert {(fact.state, fact.reason) for fact in facts.values()} == {(state, reason)}
    assert list(facts) == ["a", "aaaa", "mx", "txt", "ns", "soa", "caa"]


async def test_a_certificate_is_reported_with_its_names_and_dates(site: Site, tls: TlsProvider) -> None:
    facts = await facts_of(tls, site.domain)
    assert facts["certificate.validity"].values == ("valid",)
    assert facts["certificate.names"].values == ("*.leadfactory.test", "mail.docs.leadfactory.test")
    assert "LeadFactory trial authority" in facts["certificate.issuer"].values[0]
    assert facts["protocol"].values == ("TLSv1.3",)
    before, after = (
        datetime.fromisoformat(facts[name].values[0])
        for name in ("certificate.not_before", "certificate.not_after")
    )
    assert before < NOW < after
    certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", site.https_port)))
    assert facts["certificate.names"].evidence_sha256 == hashlib.sha256(certificate).hexdigest()


async def test_the_presented_chain_is_reported_with_issuers_and_ends(site: Site, tls: TlsProvider) -> None:
    own = (await facts_of(tls, site.domain))["chain"].values
    assert len(own) == 1
    assert "LeadFactory trial authority" in own[0].partition(", issued by ")[2]
    assert ", until 3000-01-01T00:00:00+00:00" in own[0]
    whole = (await facts_of(tls, site.host("chained")))["chain"].values
    assert len(whole) == 2
    assert whole[0].partition(", issued by ")[2].startswith(whole[1].partition(", issued by ")[0])


V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"),
    [
        (V1_2, V1_3, {"TLSv1.2", "TLSv1.3"}),
        (V1_2, V1_2, {"TLSv1.2"}),
        (V1_3, V1_3, {"TLSv1.3"}),
    ],
)
async def test_each_version_of_the_protocol_is_tried_by_itself(
    site: Site, door: Door, oldest: ssl.TLSVersion, newest: ssl.TLSVersion, spoken: set[str]
) -> None:
    authority = trustme.CA()
    context, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(site.domain).configure_cert(context)
    authority.configure_trust(trust)
    context.minimum_version, context.maximum_version = oldest, newest
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        ports = Ports(site.http_port, server.sockets[0].getsockname()[1])
        provider = TlsProvider(replace(door, ports=ports), trust, clock, 4)
        facts = await facts_of(provider, site.domain)
    outcomes = dict(line.split(": ", 1) for line in facts["versions"].values)
    assert list(outcomes) == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert {version for version, outcome in outcomes.items() if outcome == "accepted"} == spoken
    for version in outcomes.keys() - spoken:
        assert outcomes[version].startswith(("refused (", "not tested: OpenSSL here does not speak it"))


async def test_a_version_that_openssl_does_not_speak_is_said_not_to_be_tested(
    site: Site, tls: TlsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(handshakes.VERSIONS, "TLSv1", ssl.TLSVersion.SSLv3)
    (old, *_) = (await facts_of(tls, site.domain))["versions"].values
    assert old == "TLSv1: not tested: OpenSSL here does not speak it"


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("expired", "certificate has expired"),
        ("foreign-name", "Hostname mismatch"),
        ("unknown-issuer", "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_that_browsers_refuse_is_still_reported(
    site: Site, tls: TlsProvider, label: str, problem: str
) -> None:
    facts = await facts_of(tls, site.host(label))
    assert states(facts) == {FOUND}
    assert problem in facts["certificate.validity"].values[0]


@pytest.mark.parametrize(
    ("label", "state", "reason"),
    [
        ("plain", UNREACHABLE, "TLS failed"),
        ("dead", UNREACHABLE, "connection refused"),
        ("missing", UNREACHABLE, "NXDOMAIN"),
        ("private", REFUSED, "10.0.0.7 is not a public address"),
    ],
)
async def test_every_question_is_answered_if_only_with_why_not(
    site: Site, tls: TlsProvider, homepage: HomepageProvider, label: str, state: FactState, reason: str
) -> None:
    for provider in (tls, homepage) if label != "plain" else (tls,):
        facts = await facts_of(provider, site.host(label))
        assert states(facts) == {state}
        assert all(reason in fact.reason for fact in facts.values())
        blank = provider.unanswered(subject(site.host(label)), state, reason)
        assert {fact.name for fact in blank} == set(facts)


async def test_a_home_page_is_reported_with_its_texts_and_headers(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.domain)
    page = document("/")
    assert page is not None
    assert facts["status"].values == ("200",)
    assert facts["final_url"].values == ("https://docs.leadfactory.test/",)
    assert facts["redirects"].state is NOT_FOUND
    assert facts["title"].values[0] in page[1].decode()
    assert facts["title"].evidence_sha256 == hashlib.sha256(page[1]).hexdigest()
    assert 0 < int(facts["weight_bytes"].values[0]) < len(page[1])
    assert facts["header.content-security-policy"].values[0].startswith("default-src 'self'")
    assert {facts[name].state for name in facts if name.startswith("header.")} == {FOUND}
    assert facts["description"].reason == "the page has no description"


async def test_a_site_without_tls_is_read_in_the_clear(site: Site, homepage: HomepageProvider) -> None:
    facts = await facts_of(homepage, site.host("plain"))
    assert facts["final_url"].values == ("http://plain.leadfactory.test/",)
    assert facts["title"].state is FOUND
    missing = facts["header.strict-transport-security"]
    assert (missing.state, missing.reason) == (
        NOT_FOUND,
        "the answer has no strict-transport-security header",
    )


async def test_redirects_are_reported_even_where_they_end_in_a_refusal(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.host("inward-name"))
    assert facts["redirects"].values == (
        "https://inward-name.leadfactory.test/",
        "http://private.leadfactory.test/",
    )
    assert facts["status"].state is REFUSED
    literal = await facts_of(homepage, site.host("inward-literal"))
    assert "169.254.169.254" in literal["status"].reason


async def test_what_was_read_of_an_endless_page_counts(site: Site, homepage: HomepageProvider) -> None:
    facts = await facts_of(homepage, site.host("endless"))
    assert facts["title"].values == ("Endless",)
    assert facts["weight_bytes"].state is ERROR
    assert facts["description"].state is ERROR


async def test_hostile_text_is_stored_as_one_harmless_line(site: Site, homepage: HomepageProvider) -> None:
    assert (await facts_of(homepage, site.host("latin")))["title"].values == ("Café < & friends",)


async def test_what_is_no_html_has_no_title(site: Site, homepage: HomepageProvider) -> None:
    facts = await facts_of(homepage, site.host("image"))
    assert facts["title"].reason == "the page is image/png, not HTML"
    assert facts["weight_bytes"].values == ("8",)
    assert (await facts_of(homepage, site.host("empty")))["title"].state is NOT_FOUND


async def test_gibberish_is_an_error_and_not_silence(site: Site, homepage: HomepageProvider) -> None:
    assert states(await facts_of(homepage, site.host("garbage"))) == {ERROR}
