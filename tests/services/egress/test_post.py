"""Promise: a message goes once, in time, to a public host over TLS or to a network allowed by name."""

import ssl

import httpcore
import pytest

from services.egress import Garbled, Refused, Unreachable, Unresolved
from services.egress.addresses import Address, networks
from services.egress.post import Answer, Reach, Slot, post
from services.egress.resolver import Resolver
from tests.fixtures.door import Spy
from tests.fixtures.receiver import Receiver, Reply
from tests.services.egress.test_addresses import HOSTILE
from tests.services.egress.test_dial import HOSTILE_HOSTS, HOSTILE_NAMES, Names
from tests.services.egress.test_http import HOSTILE_REDIRECTS
from tests.site import Site

LOOPBACK = networks("127.0.0.0/8")
TLS = ssl.create_default_context()


def slot(spy: Spy, resolver: Resolver, **reach: object) -> Slot:
    return Slot(resolver, Reach(**reach), spy)  # type: ignore[arg-type]


async def sent(through: Slot, url: str, *, seconds: float = 5, tls: ssl.SSLContext = TLS) -> Answer:
    return await post(through, tls, url, b'{"a":1}', {"Content-Type": "application/json"}, seconds=seconds)


async def test_a_message_arrives_with_its_headers_and_what_is_said_to_it_comes_back(
    receiver: Receiver, spy: Spy, resolver: Resolver
) -> None:
    receiver.replies = [Reply(202, {"Retry-After": "7"}, b"taken\r\n\x00in")]
    answer = await sent(slot(spy, resolver, allowed=LOOPBACK), receiver.url + "?a=b")
    assert answer == Answer(202, 7, "taken   in")
    assert answer.is_accepted
    (request,) = receiver.received
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=b", b'{"a":1}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "LeadFactory/1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert spy.dialled == [("127.0.0.1", receiver.port)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_no_way_on(
    receiver: Receiver, spy: Spy, resolver: Resolver, status: int
) -> None:
    receiver.replies = [Reply(status, {"Location": receiver.url})]
    answer = await sent(slot(spy, resolver, allowed=LOOPBACK), receiver.url)
    assert (answer.status, answer.is_accepted) == (status, False)
    assert len(receiver.received) == 1


async def test_a_receiver_that_dawdles_is_left(receiver: Receiver, spy: Spy, resolver: Resolver) -> None:
    receiver.replies = [Reply(200, seconds=3)]
    with pytest.raises(Unreachable, match=r"in time|within"):
        await sent(slot(spy, resolver, allowed=LOOPBACK), receiver.url, seconds=0.3)


async def test_an_answer_that_drips_for_ever_counts_by_its_status(
    site: Site, spy: Spy, resolver: Resolver
) -> None:
    class Dripping(httpcore.AsyncMockStream):
        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
            return await super().read(max_bytes, timeout) or b"x" * max_bytes

    class Endless(Spy):
        async def connect_tcp(
            self, host: str, port: int, *_: object, **__: object
        ) -> httpcore.AsyncNetworkStream:
            stream = Dripping([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
            stream.get_extra_info = lambda info: (host, port) if info == "server_addr" else None  # type: ignore[method-assign]
            return stream

    answer = await sent(slot(Endless(), resolver, allowed=LOOPBACK), "http://127.0.0.1:1/")
    assert (answer.status, len(answer.beginning)) == (200, 1024)


async def test_what_is_no_http_is_said_to_be_none(spy: Spy, resolver: Resolver) -> None:
    class Gibberish(Spy):
        async def connect_tcp(
            self, host: str, port: int, *_: object, **__: object
        ) -> httpcore.AsyncNetworkStream:
            stream = httpcore.AsyncMockStream([b"SSH-2.0-OpenSSH\r\n"])
            stream.get_extra_info = lambda info: (host, port) if info == "server_addr" else None  # type: ignore[method-assign]
            return stream

    with pytest.raises(Garbled):
        await sent(slot(Gibberish(), resolver, allowed=LOOPBACK), "http://127.0.0.1:1/")


async def test_nobody_listening_is_unreachable(spy: Spy, resolver: Resolver) -> None:
    with pytest.raises(Unreachable, match="refused"):
        await sent(slot(spy, resolver, allowed=LOOPBACK), "http://127.0.0.1:1/")


@pytest.mark.parametrize("url", HOSTILE_REDIRECTS)
async def test_a_url_that_is_no_public_receiver_is_refused_before_anything_is_dialled(
    spy: Spy, resolver: Resolver, url: str
) -> None:
    with pytest.raises(Refused):
        await sent(slot(spy, resolver), url)
    assert spy.dialled == []


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
async def test_a_host_that_is_no_public_name_is_not_even_looked_up(
    site: Site, spy: Spy, resolver: Resolver, host: str
) -> None:
    with pytest.raises(Refused):
        await slot(spy, resolver).connect_tcp(host, 443, 1)
    assert spy.dialled == []
    assert site.authority.questions == []


@pytest.mark.parametrize("label", HOSTILE_NAMES)
async def test_a_name_with_any_address_that_is_not_public_is_refused_whole(
    site: Site, spy: Spy, resolver: Resolver, label: str
) -> None:
    with pytest.raises(Refused, match="is not a public address"):
        await sent(slot(spy, resolver, ports=frozenset({443})), f"https://{site.host(label)}/")
    assert spy.dialled == []


@pytest.mark.parametrize("address", HOSTILE)
async def test_no_special_purpose_address_is_sent_to_unless_its_own_network_is_allowed(
    spy: Spy, address: str
) -> None:
    for reach in ({}, {"allowed": networks("192.168.99.0/24")}):
        for addresses in ((address,), ("8.8.8.8", address), (address, "2606:4700::1")):
            with pytest.raises(Refused):
                await slot(spy, Names(*addresses), **reach).connect_tcp("hooks.example.com", 443, 1)
    assert spy.dialled == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://hooks.example.com:8443/",
        "https://hooks.example.com:80/",
        "http://8.8.8.8/",
        "https://8.8.8.8/",
    ],
)
async def test_outside_of_allowed_networks_it_is_https_by_name_on_an_open_port(spy: Spy, url: str) -> None:
    for reach in ({}, {"allowed": LOOPBACK}):
        with pytest.raises(Refused):
            await sent(slot(spy, Names("8.8.8.8"), **reach), url)
    assert spy.dialled == []


async def test_a_public_receiver_is_sent_to_over_tls_and_its_certificate_counts(
    site: Site, spy: Spy, resolver: Resolver, trust: ssl.SSLContext
) -> None:
    within = slot(spy, resolver, ports=frozenset({site.https_port}), allowed=LOOPBACK)
    answer = await sent(within, f"https://{site.domain}:{site.https_port}/", tls=trust)
    assert answer.status in (200, 404, 405, 501)
    with pytest.raises(Unreachable, match="certificate is not valid"):
        await sent(within, f"https://{site.domain}:{site.https_port}/")


INSIDE = "127.0.0.1"
OUTSIDE = "8.8.8.8"


@pytest.mark.parametrize(
    ("url", "addresses", "complaint"),
    [
        ("http://hooks.corp.example.com:8080/", [INSIDE], ""),
        ("http://receiver:8080/", [INSIDE], ""),
        ("https://hooks.example.com/", [OUTSIDE], ""),
        # Nobody knows yet where these lead: as public ones they will do, or not.
        ("https://hooks.example.com/", [], ""),
        ("http://hooks.example.com/", [], "plain HTTP"),
        ("https://hooks.example.com:8443/", [], "port 8443"),
        ("http://receiver:8080/", [], "leads to no allowed network"),
        ("http://hooks.example.com/", [OUTSIDE], "plain HTTP"),
        ("http://hooks.example.com/", [INSIDE, OUTSIDE], "plain HTTP"),
        ("https://hooks.example.com:8443/", [OUTSIDE], "port 8443"),
        ("https://hooks.example.com/", ["10.0.0.1"], "not a public address"),
        ("http://127.0.0.1:1/", [], ""),
        ("http://10.0.0.1/", [], "not a public address"),
    ],
)
async def test_where_it_is_registered_a_name_is_judged_by_what_it_leads_to_as_when_it_is_sent_to(
    url: str, addresses: list[str], complaint: str
) -> None:
    class Nowhere(Resolver):
        async def addresses(self, name: str) -> tuple[Address, ...]:
            raise Unresolved("the name does not exist (NXDOMAIN)")

    resolver = Names(*addresses) if addresses else Nowhere(timeout_seconds=1)
    reach = Reach(allowed=LOOPBACK)
    if complaint:
        with pytest.raises(Refused, match=complaint):
            await reach.foresee(url, resolver)
    else:
        await reach.foresee(url, resolver)


async def test_where_no_network_is_allowed_nothing_is_looked_up_to_register(
    site: Site, resolver: Resolver
) -> None:
    await Reach().foresee(f"https://{site.domain}/", resolver)
    with pytest.raises(Refused):
        await Reach().foresee("http://hooks.example.com/", resolver)
    assert site.authority.questions == []


def test_a_url_is_judged_where_it_is_registered_as_far_as_it_can_be() -> None:
    assert str(Reach().target("https://hooks.example.com/a?b=c")) == "https://hooks.example.com/a?b=c"
    inside = Reach(allowed=LOOPBACK)
    assert inside.target("http://127.0.0.1:9999/").port == 9999
    assert inside.target("http://receiver.default.svc.cluster.local:8000/").port == 8000
    for url in (
        "http://10.0.0.1/",
        "http://[::1]/",
        "https://a.example/#x",
        "https://u:p@a.example/",
        "https://a.example:0/",
        "ftp://a.example/",
        "https:///",
        "https://a b/",
        "https://" + "a" * 2000 + ".example/",
        "",
    ):
        with pytest.raises(Refused):
            inside.target(url)
