"""Promise: one page costs no more than its limits, and its redirects pass the same door."""

import ssl
from dataclasses import replace
from typing import Any

import pytest

from services.egress import Garbled, Refused, Unreachable, Unresolved
from services.egress.dial import Door
from services.egress.http import Limits, Page, Visit, visit
from tests.fixtures.door import Spy
from tests.site import Site
from tests.site.pages import SECURITY_HEADERS, document

# Far more than any of these takes on a busy machine; what is about time has less.
LIMITS = Limits(timeout_seconds=20)

HOSTILE_REDIRECTS = [
    *("http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/"),
    *("http://[::1]/", "http://[::ffff:169.254.169.254]/", "http://169.254.169.254/latest/meta-data/"),
    *("//127.0.0.1/", "//localhost/", "https://localhost/", "http://printer.local/", "http://①②⑦.0.0.1/"),
    *(
        "http://docs.leadfactory.test:22/",
        "http://docs.leadfactory.test:6379/",
        "//docs.leadfactory.test:25/",
    ),
    *(
        "http://docs.leadfactory.test:0/",
        "http://docs.leadfactory.test:99999/",
        "http://private.leadfactory.test/",
    ),
    *(
        "http://mixed.leadfactory.test/",
        "http://alias-private.leadfactory.test/",
        "https://six-nat64.leadfactory.test/",
    ),
    *(
        "file:///etc/passwd",
        "gopher://docs.leadfactory.test/",
        "ftp://docs.leadfactory.test/",
        "data:text/html,x",
    ),
    *(
        "javascript:alert(1)",
        "unix:/run/docker.sock",
        "http+unix://x/",
        "http:///",
        "http://",
    ),
    *(
        "http://user:pw@docs.leadfactory.test/",
        "http://docs.leadfactory.test@127.0.0.1/",
        "http://127.0.0.1\\@docs/",
    ),
    *("http://docs.leadfactory.test\\@127.0.0.1/", "http://docs leadfactory.test/", "http://\tlocalhost/"),
    *(
        "http://docs.leadfactory.test%00.example/",
        "http://%6c%6f%63%61%6c%68%6f%73%74/",
        "http://[fe80::1%25lo]/",
    ),
    *("http://xn--a/", "http://xn--zzzz99999.example/"),
]


async def look(door: Door, trust: ssl.SSLContext, site: Site, label: str, **limits: Any) -> Visit:
    return await visit(door, trust, replace(LIMITS, **limits), f"https://{site.host(label)}/")


async def test_a_page_comes_whole_with_its_headers(site: Site, door: Door, trust: ssl.SSLContext) -> None:
    visited = await visit(door, trust, LIMITS, f"https://{site.domain}/")
    page = visited.outcome
    assert isinstance(page, Page)
    found = document("/")
    assert found is not None
    assert (page.status, page.body, page.body_problem) == (200, found[1], "")
    assert page.body_bytes < len(page.body)  # it came compressed
    assert visited.urls == (f"https://{site.domain}/",)
    for name, value in SECURITY_HEADERS.items():
        assert page.header(name.lower()) == [value]
    assert b"X-Frame-Options: DENY\r\n" in page.head


async def test_host_and_sni_are_the_name_though_an_address_is_dialled(
    site: Site, door: Door, trust: ssl.SSLContext, spy: Spy
) -> None:
    # The certificate for another name would be shown without SNI, and the handshake would fail.
    visited = await visit(door, trust, LIMITS, "https://www.leadfactory.test/library/http.html")
    assert isinstance(visited.outcome, Page)
    assert site.secure.requests == [("www.leadfactory.test", "/library/http.html")]
    assert spy.dialled == [("127.0.0.1", site.https_port)]


async def test_redirects_are_followed_and_listed(site: Site, door: Door, trust: ssl.SSLContext) -> None:
    visited = await look(door, trust, site, "moved")
    assert visited.urls == ("https://moved.leadfactory.test/", "https://www.leadfactory.test/")
    plain = await visit(door, trust, LIMITS, f"http://{site.domain}/")
    assert plain.urls == (f"http://{site.domain}/", f"https://{site.domain}/")
    assert isinstance(plain.outcome, Page)


@pytest.mark.parametrize("label", ["loop", "far"])
async def test_the_fourth_redirect_is_one_too_many(
    site: Site, door: Door, trust: ssl.SSLContext, label: str
) -> None:
    visited = await look(door, trust, site, label)
    assert isinstance(visited.outcome, Refused)
    assert str(visited.outcome) == "more than 3 redirects"
    assert len(site.secure.requests) == 4


@pytest.mark.parametrize("location", HOSTILE_REDIRECTS)
async def test_a_redirect_inward_is_refused_before_anything_is_dialled(
    site: Site, door: Door, trust: ssl.SSLContext, spy: Spy, location: str
) -> None:
    with site.redirecting(location) as host:
        visited = await visit(door, trust, LIMITS, f"https://{host}/")
    assert isinstance(visited.outcome, (Refused, Unresolved))
    assert spy.dialled == [("127.0.0.1", site.https_port)]  # the redirecting site itself
    assert len(site.secure.requests) + len(site.plain.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://user@docs.leadfactory.test/",
        "file:///etc/passwd",
        "//docs",
        "",
        "https://x",
    ],
)
async def test_the_first_url_is_checked_like_every_other(
    site: Site, door: Door, trust: ssl.SSLContext, spy: Spy, url: str
) -> None:
    assert isinstance((await visit(door, trust, LIMITS, url)).outcome, Refused)
    assert spy.dialled == []


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("endless", "longer than 65536 bytes; the rest was not read"),
        ("oversize", "longer than 65536 bytes; the rest was not read"),
        ("bomb", "longer than 100000 bytes once decompressed; the rest was not read"),
        ("broken-gzip", "encoded as gzip, but no gzip"),
        ("brotli", "encoded as 'br', which was not asked for"),
    ],
)
async def test_a_body_past_its_limits_is_cut_and_says_so(
    site: Site, door: Door, trust: ssl.SSLContext, label: str, problem: str
) -> None:
    visited = await look(door, trust, site, label, body_bytes=65536, decoded_bytes=100_000)
    page = visited.outcome
    assert isinstance(page, Page)
    assert page.body_problem == problem
    assert len(page.body) <= 100_000


@pytest.mark.parametrize(
    ("label", "kind", "why"),
    [
        ("dead", Unreachable, "connection refused"),
        ("missing", Unresolved, "NXDOMAIN"),
        ("private", Refused, "RFC 1918"),
        ("garbage", Garbled, "does not speak HTTP"),
        ("plain", Unreachable, "TLS failed"),
        ("expired", Unreachable, "the certificate is not valid: certificate has expired"),
        ("foreign-name", Unreachable, "the certificate is not valid: Hostname mismatch"),
        ("unknown-issuer", Unreachable, "the certificate is not valid: unable to get local issuer"),
    ],
)
async def test_a_page_that_cannot_be_had_says_why(
    site: Site, door: Door, trust: ssl.SSLContext, label: str, kind: type[Exception], why: str
) -> None:
    outcome = (await look(door, trust, site, label)).outcome
    assert type(outcome) is kind
    assert why in str(outcome)


async def test_a_server_that_falls_silent_is_given_up(site: Site, door: Door, trust: ssl.SSLContext) -> None:
    visited = await visit(door, trust, Limits(timeout_seconds=0.2), "https://silence.leadfactory.test/")
    assert isinstance(visited.outcome, Unreachable)
    assert "did not answer in time" in str(visited.outcome)


async def test_no_cookie_and_no_proxy_of_the_environment_is_used(
    site: Site, door: Door, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.2:9")
    visited = await look(door, trust, site, "cookies")
    assert isinstance(visited.outcome, Page)
    assert visited.outcome.body == b"no cookie"
