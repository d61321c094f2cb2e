"""Promise: what a page and its headers say is reported as facts, each with what it was read from."""

import json
import re
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from lead_service.facts import FactState, Observation
from lead_service.providers import content
from lead_service.providers.headers import NAMES, header_facts
from lead_service.providers.homepage import HomepageProvider
from lead_service.providers.technology import products, technologies
from lead_service.providers.tls import TlsProvider
from services.egress.dial import Door
from services.egress.http import Limits, Page
from tests.lead_service.providers.asking import NOW, clock, facts_of
from tests.site import Site

FOUND, NOT_FOUND, UNREACHABLE, REFUSED, ERROR = FactState


@pytest.fixture
def homepage(door: Door, trust: ssl.SSLContext) -> HomepageProvider:
    return HomepageProvider(door, trust, Limits(timeout_seconds=20), clock, 8)


async def test_a_shops_page_is_read_whole(site: Site, homepage: HomepageProvider) -> None:
    facts = await facts_of(homepage, site.host("bakery"))
    expected = {
        "language": ("en-GB",),
        "canonical": ("https://bakery.leadfactory.test/",),
        "open_graph": ("og:title: Northwind Bakery", "og:type: website"),
        "organisation": (
            "type: LocalBusiness",
            "type: Bakery",
            "name: Northwind Bakery",
            "telephone: +44 117 496 0000",
            "address: 1 Mill Lane, Bristol",
            "sameAs: https://social.example/northwind",
        ),
        "links.internal": ("2",),
        "links.external": ("1",),
        "images": ("3",),
        "images_without_alt": ("1",),
        "hsts.max_age": ("86400",),
        "hsts.subdomains": ("yes",),
        "hsts.preload": ("no",),
        "cookies": (
            "PHPSESSID: not Secure, HttpOnly, no SameSite, for the session",
            "basket: Secure, not HttpOnly, SameSite=Lax, kept",
        ),
        "caching": ("cache-control: no-cache", 'etag: "b1"'),
    }
    assert {name: facts[name].values for name in expected} == expected
    assert facts["compression"].reason == "the page came uncompressed, although gzip was offered"


async def test_each_product_is_named_with_the_trace_it_left(site: Site, homepage: HomepageProvider) -> None:
    found = (await facts_of(homepage, site.host("bakery")))["technologies"].values
    assert [line.replace("/assets/js", "") for line in found] == [
        "nginx 1.27.2 (web server), by header server: nginx/1.27.2",
        "PHP 8.3.7 (language), by header x-powered-by: PHP/8.3.7",
        "WordPress 6.8.1 (content management), by generator: WordPress 6.8.1",
        "WooCommerce (shop), by script: /wp-content/plugins/woocommerce/frontend/cart.min.js?ver=9.1",
        "jQuery (script library), by script: /wp-includes/js/jquery/jquery.min.js?ver=3.7.1",
        "Google Fonts (fonts), by link: https://fonts.googleapis.com/css2?family=Inter",
        "Google Analytics (analytics), by script: https://www.googletagmanager.com/gtag/js?id=G-1",
    ]


async def test_compression_is_reported(site: Site, homepage: HomepageProvider) -> None:
    assert (await facts_of(homepage, site.domain))["compression"].values == ("gzip",)


async def test_an_hsts_header_that_browsers_ignore_is_an_error(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.host("odd-headers"))
    assert (facts["hsts.max_age"].state, facts["hsts.max_age"].reason) == (
        ERROR,
        "the header gives max-age twice, so browsers ignore it",
    )


async def test_what_stands_beyond_the_end_of_reading_is_not_counted(
    site: Site, homepage: HomepageProvider
) -> None:
    facts = await facts_of(homepage, site.host("endless"))
    assert {facts[name].state for name in ("images", "links.internal", "language")} == {ERROR}


async def test_http_2_is_reported_where_the_server_chooses_it(
    site: Site, door: Door, trust: ssl.SSLContext
) -> None:
    tls = TlsProvider(door, trust, clock, 4)
    assert (await facts_of(tls, site.host("bakery")))["alpn"].values == ("h2",)
    facts = await facts_of(tls, site.domain)
    assert facts["alpn"].values == ("http/1.1",)
    assert re.fullmatch(r"(EC|EllipticCurve|RSA) \d+", facts["certificate.key"].values[0])


def a_page(**headers: str) -> Page:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Page("https://shop.example/", 200, pairs, b"", b"", 0, "")


def test_at_least_sixty_products_are_known_and_none_is_seen_in_an_empty_page() -> None:
    assert len(products()) >= 60
    assert len({product.name for product in products()}) == len(products())
    assert technologies(a_page(server="a", cookie="b"), LexborHTMLParser("<p>")) == []


@pytest.mark.parametrize(
    ("markup", "headers", "product"),
    [
        ("", {"server": "nginx/1.27.2"}, "nginx 1.27.2 (web server)"),
        ("", {"server": "nginx"}, "nginx (web server)"),
        ("", {"server": "Apache/2.4.62 (Debian)"}, "Apache HTTP Server 2.4.62 (web server)"),
        ("", {"server": "cloudflare", "cf_ray": "8c1"}, "Cloudflare (delivery network)"),
        ("", {"set_cookie": "laravel_session=abc; path=/"}, "Laravel (framework)"),
        ("<meta name=Generator content='TYPO3 CMS'>", {}, "TYPO3 (content management)"),
        ("<meta name=generator content='Hugo 0.139.0'>", {}, "Hugo 0.139.0 (static site generator)"),
        ("<script src='https://cdn.shopify.com/s/x.js'></script>", {}, "Shopify (shop)"),
        ("<script src='/js/jquery-3.7.1.min.js'></script>", {}, "jQuery 3.7.1 (script library)"),
        ("<script src='/_next/static/chunks/a.js'></script>", {}, "Next.js (framework)"),
        (
            "<script src='https://unpkg.com/vue@3.5.12/dist/vue.js'></script>",
            {},
            "Vue 3.5.12 (script library)",
        ),
        ("<iframe src='https://www.youtube-nocookie.com/embed/x'>", {}, "YouTube (maps and media)"),
    ],
)
def test_products_are_recognised_by_what_they_leave_behind(
    markup: str, headers: dict[str, str], product: str
) -> None:
    found = technologies(a_page(**headers), LexborHTMLParser(markup))
    assert any(line.startswith(f"{product}, by ") for line in found), found


@given(
    st.lists(
        st.tuples(st.sampled_from(["strict-transport-security", "set-cookie", "age"]), st.text(max_size=60))
    )
)
def test_no_header_can_break_its_reading(pairs: list[tuple[str, str]]) -> None:
    seen = Observation("homepage", "https://shop.example/", "HTTP GET", NOW)
    page = Page("https://shop.example/", 200, tuple(pairs), b"", b"", 0, "")
    assert [fact.name for fact in header_facts(seen, page)] == list(NAMES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@type", "@graph", "name", "address", "streetAddress"]), inner, max_size=4
        )
    ),
)


@given(JSON)
def test_no_structured_data_can_break_its_reading(data: object) -> None:
    organisation = json.dumps({"@type": "Organization", "name": data, "address": data})
    tree = LexborHTMLParser(
        f"<script type='application/ld+json'>{json.dumps(data)}</script>"
        f"<script type='application/ld+json'>{organisation}</script>"
    )
    seen = Observation("homepage", "https://shop.example/", "HTTP GET", NOW)
    facts = content.content_facts(seen, tree, "https://shop.example/", "")
    assert [fact.name for fact in facts] == list(content.NAMES)


def test_structured_data_as_deep_as_the_sea_is_passed_over() -> None:
    tree = LexborHTMLParser(f"<script type='application/ld+json'>{'[' * 100_000}</script>")
    seen = Observation("homepage", "https://shop.example/", "HTTP GET", NOW)
    facts = {fact.name: fact for fact in content.content_facts(seen, tree, "https://shop.example/", "")}
    assert facts["organisation"].state is NOT_FOUND
