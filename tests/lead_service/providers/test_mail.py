"""Promise: a domain's mail records are judged as receivers judge them, and what is unknown stays unknown."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_service.facts import FactState
from lead_service.providers.dmarc import policy, tags
from lead_service.providers.mail import MailProvider
from services.egress.dial import Door
from services.egress.http import Limits
from services.egress.resolver import Resolver
from tests.fixtures.door import Spy
from tests.lead_service.providers.asking import clock, facts_of, states
from tests.site import Site

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def mail(resolver: Resolver, door: Door, trust: ssl.SSLContext) -> MailProvider:
    return MailProvider(resolver, door, trust, Limits(timeout_seconds=2), clock, 8)


async def test_a_well_kept_domain_is_reported_whole(site: Site, mail: MailProvider) -> None:
    facts = await facts_of(mail, site.host("guarded"))
    found = {name: fact.values for name, fact in facts.items() if fact.state is FOUND}
    assert found == {
        "spf.record": (
            "v=spf1 a mx:docs.leadfactory.test include:_spf.leadfactory.test ip6:2001:db8::/32 ~all",
        ),
        "spf.validity": ("valid",),
        "spf.others": ("~",),
        "spf.lookups": ("5",),
        "spf.void_lookups": ("0",),
        "dmarc.record": ("v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example!10m",),
        "dmarc.validity": ("valid",),
        "dmarc.policy": ("reject",),
        "dmarc.percent": ("100",),
        "dmarc.reports": ("mailto:a@b.example", "mailto:c@d.example!10m"),
        "dkim.keys": ("google: rsa, 2048 bit", "s2: rsa, revoked"),
        "mta_sts.record": ("v=STSv1; id=20261121",),
        "mta_sts.mode": ("enforce",),
        "mta_sts.servers": ("mail.docs.leadfactory.test", "*.example.net"),
        "tls_rpt.reports": ("mailto:tls@leadfactory.test",),
        "bimi.record": ("v=BIMI1; l=https://docs.leadfactory.test/logo.svg",),
    }
    assert facts["null_mx"].state is NOT_FOUND
    assert all(fact.evidence_sha256 for fact in facts.values())


async def test_a_subdomain_inherits_its_organisations_policy_for_subdomains(
    site: Site, mail: MailProvider
) -> None:
    facts = await facts_of(mail, site.domain)
    assert facts["dmarc.policy"].values == ("quarantine",)
    assert facts["dmarc.percent"].values == ("50",)
    assert facts["dmarc.policy"].source == "TXT _dmarc.leadfactory.test"


async def test_no_dkim_key_on_common_selectors_is_not_called_absence(site: Site, mail: MailProvider) -> None:
    (reason,) = {(await facts_of(mail, site.domain))["dkim.keys"].reason}
    assert reason == "not found on 20 common selectors, which does not say that there is none"


@pytest.mark.parametrize(
    ("label", "problem", "lookups"),
    [
        ("spf-many", "2 SPF records where there may be one", 0),
        ("spf-typo", "'ipv4:192.0.2.1' is no term of SPF", 0),
        ("spf-network", "ip4:192.0.2.300 names no network", 0),
        ("spf-loop", "more than 10 DNS look-ups are needed", 11),
        ("spf-eleven", "more than 10 DNS look-ups are needed", 11),
        ("spf-void", "more than 2 names that do not exist or have no record", 3),
        ("spf-void-mx", "more than 2 names that do not exist or have no record", 1),
        ("spf-nothing", "docs2.leadfactory.test has no SPF record", 1),
    ],
)
async def test_spf_errors_are_found_and_named(
    site: Site, mail: MailProvider, label: str, problem: str, lookups: int
) -> None:
    facts = await facts_of(mail, site.host(label))
    assert facts["spf.validity"].values == (problem,)
    assert facts["spf.lookups"].values == (str(lookups),)
    assert facts["spf.others"].state is NOT_FOUND


@pytest.mark.parametrize(
    ("label", "others", "lookups"),
    [
        ("docs", "-", "1"),
        ("spf-ten", "-", "10"),
        ("spf-redirect", "~", "6"),
        ("spf-after-all", "+", "0"),
        ("spf-unsaid", "?", "0"),
    ],
)
async def test_what_becomes_of_unlisted_senders_is_reported(
    site: Site, mail: MailProvider, label: str, others: str, lookups: str
) -> None:
    facts = await facts_of(mail, site.host(label))
    assert facts["spf.validity"].values == ("valid",)
    assert (facts["spf.others"].values, facts["spf.lookups"].values) == ((others,), (lookups,))


async def test_a_record_whose_include_cannot_be_asked_is_not_judged(site: Site, mail: MailProvider) -> None:
    facts = await facts_of(mail, site.host("spf-broken"))
    assert facts["spf.record"].state is FOUND
    assert (facts["spf.validity"].state, facts["spf.validity"].reason) == (
        UNREACHABLE,
        "a name in the record: no nameserver could answer: SERVFAIL",
    )


async def test_what_is_no_spf_record_counts_as_none(site: Site, mail: MailProvider) -> None:
    facts = await facts_of(mail, site.host("spf-none"))
    assert {facts[name].state for name in facts if name.startswith("spf.")} == {NOT_FOUND}


async def test_two_dmarc_records_are_none(site: Site, mail: MailProvider) -> None:
    facts = await facts_of(mail, site.host("dmarc-many"))
    assert facts["dmarc.validity"].values == ("2 DMARC records where there may be one",)
    assert facts["dmarc.policy"].state is NOT_FOUND


async def test_a_null_mx_stands_alone(site: Site, mail: MailProvider) -> None:
    assert (await facts_of(mail, site.host("mailonly")))["null_mx"].values == ("0 .",)
    assert (await facts_of(mail, site.host("null-and-mx")))["null_mx"].state is ERROR


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("sts-moved", "there is a record, but no usable policy: more than 0 redirects"),
        ("sts-absent", "there is a record, but no usable policy: the name does not exist (NXDOMAIN)"),
    ],
)
async def test_an_mta_sts_policy_is_taken_from_its_own_place_only(
    site: Site, mail: MailProvider, label: str, reason: str
) -> None:
    facts = await facts_of(mail, site.host(label))
    assert facts["mta_sts.record"].state is FOUND
    assert {
        (facts[f"mta_sts.{name}"].state, facts[f"mta_sts.{name}"].reason) for name in ("mode", "servers")
    } == {(NOT_FOUND, reason)}


async def test_nothing_is_dialled_for_a_name_without_a_policy(
    site: Site, mail: MailProvider, spy: Spy
) -> None:
    await facts_of(mail, site.domain)
    assert spy.dialled == []


@pytest.mark.parametrize(
    ("label", "state"), [("missing", NOT_FOUND), ("broken", UNREACHABLE), ("silent", UNREACHABLE)]
)
async def test_absence_failure_and_silence_are_told_apart(
    site: Site, mail: MailProvider, label: str, state: FactState
) -> None:
    facts = await facts_of(mail, site.host(label))
    own = {name: fact for name, fact in facts.items() if name.startswith(("spf.", "null_mx"))}
    assert states(own) == {state}


@pytest.mark.parametrize(
    ("record", "inherited", "action", "percent", "problem"),
    [
        ("v=DMARC1; p=none", False, "none", 100, ""),
        ("v=DMARC1;p=Reject;pct=0", False, "reject", 0, ""),
        ("v=DMARC1; p=reject; sp=none", False, "reject", 100, ""),
        ("v=DMARC1; p=reject; sp=none", True, "none", 100, ""),
        ("v=DMARC1; p=reject", True, "reject", 100, ""),
        ("v=DMARC1; rua=mailto:a@b.example", False, "none", 100, "it has no policy (p=)"),
        ("v=DMARC1; p=strict", False, "none", 100, "the policy 'strict' is none"),
        ("v=DMARC1; p=reject; pct=half", False, "reject", 100, "pct=half is no percentage"),
        (
            "v=DMARC1; p=reject; rua=a@b.example",
            False,
            "reject",
            100,
            "'a@b.example' is no place for reports",
        ),
    ],
)
def test_dmarc_records_are_read_as_written(
    record: str, inherited: bool, action: str, percent: int, problem: str
) -> None:
    read = policy(record, inherited=inherited)
    assert (read.action, read.percent, read.problem) == (action, percent, problem)


@given(st.text(max_size=300), st.booleans())
def test_no_text_can_break_the_reading_of_a_record(record: str, inherited: bool) -> None:
    assert policy(record, inherited=inherited).action in ("none", "quarantine", "reject")
    assert all(name == name.strip() for name in tags(record))
