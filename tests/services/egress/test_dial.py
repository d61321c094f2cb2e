"""Promise: the door dials checked addresses of public names on the web's two ports, and nothing else."""

import asyncio
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from services.egress import Refused, Unreachable, Unresolved
from services.egress.addresses import Address, networks
from services.egress.dial import Door, Ports
from services.egress.resolver import Resolver
from tests.fixtures.door import Spy
from tests.services.egress.test_addresses import HOSTILE
from tests.site import Site

HOSTILE_HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001"),
    *("0x7f.0.0.1", "0x7F.0x0.0x0.0x1", "127.0.0.1.", "0", "0.0.0.0", "169.254.169.254", "2852039166"),
    *(
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::1]",
        "::1",
        "[::ffff:127.0.0.1]",
        "::ffff:7f00:1",
        "fe80::1%lo",
    ),
    *(
        "①②⑦.0.0.1",
        "127。0。0。1",
        "１２７.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost.localdomain",
    ),
    *(
        "printer.local",
        "metadata.google.internal",
        "kubernetes.default.svc.cluster.local",
        "router.home.arpa",
    ),
    *(
        "1.0.0.127.in-addr.arpa",
        "",
        ".",
        " ",
        "docs",
        "user@docs.leadfactory.test",
        "docs.leadfactory.test:22",
    ),
    *(
        "docs.leadfactory.test/",
        "docs.leadfactory.test\x00.example",
        "docs.leadfactory.test\r\nHost: x",
        "a b.test",
    ),
    *("%6cocalhost", "x" * 300 + ".test"),
]
HOSTILE_NAMES = [
    *(
        "private",
        "metadata",
        "mixed",
        "six-private",
        "six-mapped",
        "six-nat64",
        "half-private",
        "alias-private",
    ),
]


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
async def test_a_host_that_is_no_public_name_is_not_even_looked_up(
    site: Site, door: Door, spy: Spy, host: str
) -> None:
    with pytest.raises(Refused):
        await door.connect_tcp(host, 443, 1)
    assert spy.dialled == []
    assert site.authority.questions == []


@pytest.mark.parametrize("label", HOSTILE_NAMES)
async def test_a_name_with_any_address_that_is_not_public_is_refused_whole(
    site: Site, door: Door, spy: Spy, label: str
) -> None:
    with pytest.raises(Refused, match="is not a public address"):
        await door.connect_tcp(site.host(label), 443, 1)
    assert spy.dialled == []


class Names(Resolver):
    """A resolver for which every name has the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = tuple(map(ip_address, addresses))

    async def addresses(self, name: str) -> tuple[Address, ...]:
        return self._addresses


@pytest.mark.parametrize("address", HOSTILE)
async def test_no_special_purpose_address_is_dialled_not_even_beside_a_public_one(
    spy: Spy, address: str
) -> None:
    for addresses in ((address,), ("8.8.8.8", address), (address, "2606:4700::1")):
        with pytest.raises(Refused):
            await Door(Names(*addresses), spy, Ports()).connect_tcp("www.example.com", 443, 1)
    assert spy.dialled == []


@pytest.mark.parametrize("port", [0, 1, 22, 25, 79, 81, 444, 3306, 5432, 6379, 8080, 65535, 65536, -1])
async def test_no_port_but_the_webs_is_dialled(site: Site, door: Door, spy: Spy, port: int) -> None:
    with pytest.raises(Refused, match=f"port {port}"):
        await door.connect_tcp(site.domain, port, 1)
    assert spy.dialled == []


async def test_the_schemes_ports_lead_to_the_configured_ones(site: Site, door: Door, spy: Spy) -> None:
    for port in (80, 443, site.http_port, site.https_port):
        await (await door.connect_tcp(site.domain, port, 1)).aclose()
    assert spy.dialled == [
        ("127.0.0.1", port) for port in (site.http_port, site.https_port, site.http_port, site.https_port)
    ]


async def test_an_answer_that_changes_after_the_check_changes_nothing(
    site: Site, door: Door, spy: Spy
) -> None:
    outcomes = []
    for _ in range(6):
        try:
            await (await door.connect_tcp(site.host("rebinding"), 443, 1)).aclose()
            outcomes.append("dialled")
        except Refused:
            outcomes.append("refused")
    assert outcomes == ["dialled", "refused"] * 3
    assert spy.dialled == [("127.0.0.1", site.https_port)] * 3
    asked = [kind for name, kind in site.authority.questions if name == site.host("rebinding")]
    assert asked.count("A") == 6  # once for each connection


async def test_loopback_is_refused_unless_it_is_allowed(site: Site, resolver: Resolver, spy: Spy) -> None:
    with pytest.raises(Refused, match="loopback"):
        await Door(resolver, spy, Ports(site.http_port, site.https_port)).connect_tcp(site.domain, 443, 1)
    assert spy.dialled == []


async def test_a_name_without_address_is_not_dialled(site: Site, door: Door, spy: Spy) -> None:
    with pytest.raises(Unresolved):
        await door.connect_tcp(site.host("missing"), 443, 1)
    assert spy.dialled == []


async def test_a_host_that_refuses_says_so(site: Site, door: Door) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        await door.connect_tcp(site.host("dead"), 443, 1)


async def test_the_next_address_is_tried_within_the_same_time(site: Site, spy: Spy) -> None:
    door = Door(
        Names("127.0.0.2", "127.0.0.1"),
        spy,
        Ports(site.http_port, site.https_port),
        networks("127.0.0.0/8"),
    )
    await (await door.connect_tcp(site.domain, 443, 1)).aclose()
    assert [host for host, _ in spy.dialled] == ["127.0.0.2", "127.0.0.1"]


async def test_a_name_with_many_addresses_is_given_up_after_a_few(spy: Spy) -> None:
    many = Names(*(f"127.0.1.{last}" for last in range(1, 200)))
    with pytest.raises(Unreachable):
        await Door(many, spy, Ports(1, 2), networks("127.0.0.0/8")).connect_tcp("www.example.com", 443, 1)
    assert len(spy.dialled) == 3


async def test_a_connection_that_leads_elsewhere_is_closed(site: Site) -> None:
    class Astray(Spy):
        async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> Any:
            return await self.inner.connect_tcp("127.0.0.1", site.http_port, 1)

    door = Door(Names("8.8.8.8"), Astray(), Ports())
    with pytest.raises(Refused, match=r"does not lead to 8\.8\.8\.8"):
        await door.connect_tcp("www.example.com", 80, 1)


async def test_a_silent_address_costs_no_more_than_its_time() -> None:
    class Silent(Spy):
        async def connect_tcp(self, host: str, port: int, timeout: float | None = None, *_: Any) -> Any:  # noqa: ASYNC109
            self.dialled.append((host, port))
            assert timeout is not None
            await asyncio.sleep(timeout)
            raise httpcore.ConnectTimeout

    spy = Silent()
    door = Door(Names("8.8.8.8", "8.8.4.4", "1.1.1.1"), spy, Ports())
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable, match="did not answer"):
            await door.connect_tcp("www.example.com", 80, 0.3)
    assert len(spy.dialled) == 3


async def test_there_is_no_way_to_a_local_socket(door: Door) -> None:
    with pytest.raises(Refused):
        await door.connect_unix_socket("/run/docker.sock")
