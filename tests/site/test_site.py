"""Promise: the trial site is a real one, for any client that knows its nameserver and its authority."""

import asyncio
import http.client
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.site import Site, pages
from tests.site.serving import site_running

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_running() as running:
        yield running


def ask(site: Site, name: str, kind: str, ask_with: object = dns.query.udp) -> dns.message.Message:
    address, port = site.nameserver.split(":")
    assert callable(ask_with)
    return ask_with(dns.message.make_query(name, kind), address, port=int(port), timeout=5)


@pytest.mark.parametrize("ask_with", [dns.query.udp, dns.query.tcp])
def test_its_names_are_answered_over_udp_and_tcp(site: Site, ask_with: object) -> None:
    answer = ask(site, site.domain, "A", ask_with)
    assert answer.answer[0].to_text() == "docs.leadfactory.test. 60 IN A 127.0.0.1"
    assert ask(site, "nobody.leadfactory.test", "A", ask_with).rcode() == dns.rcode.NXDOMAIN
    assert ask(site, "broken.leadfactory.test", "A", ask_with).rcode() == dns.rcode.SERVFAIL


def fetch(site: Site, path: str, secure: bool = True) -> tuple[http.client.HTTPMessage, bytes]:
    trust = ssl.create_default_context(cafile=site.ca_bundle_path)
    with socket.create_connection(("127.0.0.1", site.https_port if secure else site.http_port)) as connection:
        wire = trust.wrap_socket(connection, server_hostname=site.domain) if secure else connection
        client = http.client.HTTPConnection(site.domain)
        client.sock = wire
        client.request("GET", path)
        response = client.getresponse()
        body = response.read()
        client.close()
        return response.headers, body


def test_its_pages_come_over_tls_with_security_headers_on_some_paths(site: Site) -> None:
    headers, body = fetch(site, "/")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"<title>" in body
    assert fetch(site, "/faq/")[0]["X-Content-Type-Options"] is None
    assert fetch(site, "/../../etc/passwd")[1] == b"There is no such page.\n"
    assert fetch(site, "/", secure=False)[0]["Location"] == f"https://{site.domain}/"


def test_without_debians_documentation_pydoc_s_pages_are_served(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "DEBIAN_DOCUMENTATION", tmp_path / "absent")
    pages.document.cache_clear()
    try:
        _, body = fetch(site, "/")
        assert b"HTTPStatus" in body
        assert b"<title>" in body
        assert pages.document("/ssl.html") is not None
        assert pages.document("/os.html") is None
    finally:
        pages.document.cache_clear()


async def test_it_is_served_in_the_foreground_and_says_how_to_get_there() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.site", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip() for _ in range(5)]
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert list(exported) == [
        "ENRICHMENT_NAMESERVERS",
        "ENRICHMENT_ALLOWED_NETWORKS",
        "ENRICHMENT_PORTS",
        "ENRICHMENT_CA_BUNDLE",
        "DOMAIN",
    ]
    assert Path(exported["ENRICHMENT_CA_BUNDLE"]).exists()
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not Path(exported["ENRICHMENT_CA_BUNDLE"]).exists()
