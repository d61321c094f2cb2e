"""Promise: what robots.txt asks of LeadFactory is kept to, and the facts say so."""

import ssl

import pytest

from lead_service.facts import FactState
from lead_service.providers.homepage import HomepageProvider
from lead_service.providers.robots import Rules, introduction
from lead_service.providers.site import SiteProvider
from services.egress.dial import Door
from services.egress.http import Limits
from tests.lead_service.providers.asking import clock, facts_of, states
from tests.site import Site

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def homepage(door: Door, trust: ssl.SSLContext) -> HomepageProvider:
    return HomepageProvider(door, trust, Limits(timeout_seconds=20), clock, 8)


# What RFC 9309 says, section by section.
@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/", True),
        ("User-agent: *\nDisallow: /", "/", False),
        ("User-agent: *\nDisallow:", "/", True),
        ("User-agent: other\nDisallow: /", "/", True),
        ("user-AGENT : LEADfactory # us\n DISALLOW : / # all", "/x", False),
        ("User-agent: LeadFactory/1.0\nDisallow: /", "/", False),
        # The group that names us counts, and then the one for all does not.
        ("User-agent: *\nDisallow: /\nUser-agent: LeadFactory\nDisallow: /private", "/", True),
        ("User-agent: LeadFactory\nAllow: /\n\nUser-agent: *\nDisallow: /", "/", True),
        # Several lines name one group, and groups of one name are one group.
        ("User-agent: a\nUser-agent: LeadFactory\nDisallow: /", "/", False),
        ("User-agent: LeadFactory\nDisallow: /a\nUser-agent: LeadFactory\nDisallow: /b", "/a", False),
        ("User-agent: a\nSitemap: https://x/\nUser-agent: LeadFactory\nDisallow: /", "/", False),
        ("Disallow: /\nUser-agent: *\nDisallow: /a", "/", True),
        # The longest rule decides, wherever it stands; of equal ones the one that allows.
        ("User-agent: *\nDisallow: /\nAllow: /page", "/page", True),
        ("User-agent: *\nAllow: /page\nDisallow: /page/secret", "/page/secret/x", False),
        ("User-agent: *\nDisallow: /page\nAllow: /page", "/page", True),
        # Wildcards.
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf?x", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf.pdf", False),
        ("User-agent: *\nDisallow: /$", "/", False),
        ("User-agent: *\nDisallow: /$", "/x", True),
        ("User-agent: *\nDisallow: /*/b*c", "/a/b/xc/d", False),
        ("User-agent: *\nDisallow: *", "/", False),
        ("\ufeffUser-agent: *\r\nDisallow: /\r\nCrawl-delay: 9", "/", False),
        ("<html>User-agent: *\nDisallow: /", "/", True),
    ],
)
def test_the_rules_are_read_as_the_standard_says(text: str, path: str, allowed: bool) -> None:
    assert Rules.parse(text).allow("LeadFactory", path) is allowed


def test_a_file_made_to_be_slow_is_read_at_once() -> None:
    pattern = "/" + "*a" * 200 + "$"
    rules = Rules.parse("User-agent: *\n" + f"Disallow: {pattern}b\n" * 50)
    assert rules.allow("LeadFactory", "/" + "a" * 4000)


async def test_a_page_that_we_are_asked_not_to_visit_is_not_visited(
    site: Site, homepage: HomepageProvider
) -> None:
    for label in ("closed", "unwelcoming"):
        facts = await facts_of(homepage, site.host(label))
        assert states(facts) == {REFUSED}
        reason = f"https://{label}.leadfactory.test/robots.txt asks LeadFactory not to visit /"
        assert {fact.reason for fact in facts.values()} == {reason}
    assert {path for _, path in site.secure.requests} == {"/robots.txt"}
    assert site.plain.requests == []


async def test_a_redirect_to_a_site_that_asks_us_not_to_come_is_reported_and_not_followed(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.host("moved-closed"))
    assert facts["status"].state is REFUSED
    assert facts["redirects"].values[-1] == "https://closed.leadfactory.test/"
    assert ("closed.leadfactory.test", "/") not in site.secure.requests


async def test_a_site_that_fails_to_say_what_it_asks_is_left_alone(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.host("robots-broken"))
    assert states(facts) == {REFUSED}
    assert "status is 503" in facts["status"].reason


async def test_each_site_is_asked_for_its_wishes_once_in_a_look_up(
    site: Site, homepage: HomepageProvider
) -> None:
    assert (await facts_of(homepage, site.domain))["status"].values == ("200",)
    assert [path for _, path in site.secure.requests] == ["/robots.txt", "/"]


async def test_what_is_asked_of_us_is_a_fact_beside_what_is_asked_of_all(
    site: Site, door: Door, trust: ssl.SSLContext
) -> None:
    around = SiteProvider(door, trust, Limits(timeout_seconds=20), clock, 8)
    facts = await facts_of(around, site.host("unwelcoming"))
    assert facts["robots.home_page"].values == ("allowed",)
    assert facts["robots.look_up"].values == ("disallowed",)


def test_requests_name_the_product_and_whom_to_ask() -> None:
    assert introduction("") == "LeadFactory/1 (website audit)"
    named = introduction("https://agency.example/bot")
    assert named == "LeadFactory/1 (website audit; https://agency.example/bot)"
