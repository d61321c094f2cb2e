"""Promise: what stands around the home page is asked for where it belongs, and never taken from elsewhere."""

import ssl

import pytest

from lead_service.facts import FactState
from lead_service.providers.site import SiteProvider
from services.egress.dial import Door
from services.egress.http import Limits
from tests.lead_service.providers.asking import clock, facts_of, states
from tests.site import Site

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def around(door: Door, trust: ssl.SSLContext) -> SiteProvider:
    return SiteProvider(door, trust, Limits(timeout_seconds=3), clock, 4)


async def test_a_site_that_is_well_kept_is_reported_whole(site: Site, around: SiteProvider) -> None:
    facts = await facts_of(around, site.host("bakery"))
    assert {name: fact.values for name, fact in facts.items()} == {
        "plain.status": ("200",),
        "plain.redirects": ("http://bakery.leadfactory.test/", "https://bakery.leadfactory.test/"),
        "plain.leads_to": ("https",),
        "robots": ("User-agent: *", "Disallow: /basket", "Sitemap: https://bakery.leadfactory.test/map.xml"),
        "robots.home_page": ("allowed",),
        "robots.look_up": ("allowed",),
        "sitemap": ("https://bakery.leadfactory.test/map.xml lists 3",),
    }


async def test_a_site_without_tls_stays_in_the_clear(site: Site, around: SiteProvider) -> None:
    facts = await facts_of(around, site.host("plain"))
    assert facts["plain.leads_to"].values == ("http",)
    assert facts["plain.redirects"].state is NOT_FOUND


async def test_a_page_instead_of_a_file_is_not_taken_for_one(site: Site, around: SiteProvider) -> None:
    facts = await facts_of(around, site.host("soft-404"))
    assert {facts[name].reason for name in ("robots", "robots.home_page", "robots.look_up", "sitemap")} == {
        "the answer is a page, not a file"
    }


async def test_a_site_that_keeps_crawlers_out_says_so(site: Site, around: SiteProvider) -> None:
    facts = await facts_of(around, site.host("closed"))
    assert facts["robots.home_page"].values == ("disallowed",)
    assert facts["robots.look_up"].values == ("disallowed",)
    reason = "https://closed.leadfactory.test/robots.txt asks LeadFactory not to visit /sitemap.xml"
    assert (facts["sitemap"].state, facts["sitemap"].reason) == (REFUSED, reason)
    assert {path for _, path in site.secure.requests} == {"/robots.txt"}


@pytest.mark.parametrize(
    ("label", "state"),
    [
        ("private", REFUSED),
        ("dead", UNREACHABLE),
        ("missing", UNREACHABLE),
        ("silence", UNREACHABLE),
        ("garbage", ERROR),
    ],
)
async def test_every_question_is_answered_if_only_with_why_not(
    site: Site, around: SiteProvider, label: str, state: FactState
) -> None:
    facts = await facts_of(around, site.host(label))
    crawlers = {name: fact for name, fact in facts.items() if not name.startswith("plain.")}
    assert states(crawlers) == {state}
    assert facts["plain.status"].state is state
