"""Promise: DNS's outcomes are told apart: records, none of this type, no such name, no answer, failure."""

import pytest

from services.egress import Unreachable, Unresolved
from services.egress.resolver import NoSuchName, Resolver, nameservers
from tests.site import Site


async def test_records_come_with_the_bytes_they_were_read_from(site: Site, resolver: Resolver) -> None:
    answer = await resolver.ask("docs.leadfactory.test", "MX")
    assert [str(record) for record in answer.records] == [
        "10 mail.docs.leadfactory.test.",
        "20 backup.docs.leadfactory.test.",
    ]
    assert b"leadfactory" in answer.wire


async def test_an_alias_is_followed(resolver: Resolver) -> None:
    assert [str(each) for each in await resolver.addresses("www.leadfactory.test")] == ["127.0.0.1"]


async def test_a_name_without_records_of_a_type_is_no_error(resolver: Resolver) -> None:
    answer = await resolver.ask("docs.leadfactory.test", "AAAA")
    assert answer.records == ()
    assert answer.wire


async def test_a_name_that_does_not_exist_is_told_from_one_that_fails(resolver: Resolver) -> None:
    with pytest.raises(NoSuchName, match="NXDOMAIN") as missing:
        await resolver.ask("missing.leadfactory.test", "A")
    assert missing.value.wire
    with pytest.raises(Unreachable, match="SERVFAIL"):
        await resolver.ask("broken.leadfactory.test", "A")


async def test_a_denial_without_proof_from_the_machines_own_nameserver_says_nothing_about_the_name(
    site: Site,
) -> None:
    resolver = Resolver(nameservers(site.nameserver), timeout_seconds=20)
    resolver._is_configured = False
    with pytest.raises(Unreachable, match="without naming its zone"):
        await resolver.ask("missing.leadfactory.test", "A")
    assert (await resolver.ask("docs.leadfactory.test", "MX")).records


async def test_a_server_that_never_answers_is_given_up(site: Site) -> None:
    impatient = Resolver(nameservers(site.nameserver), timeout_seconds=0.2)
    with pytest.raises(Unreachable, match=r"no nameserver answered within 0\.2 s"):
        await impatient.ask("silent.leadfactory.test", "A")


async def test_a_nameserver_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await Resolver((("127.0.0.2", 9),), timeout_seconds=0.3).ask("example.com", "A")


async def test_every_address_of_a_name_is_returned_ipv4_first(resolver: Resolver) -> None:
    assert [str(each) for each in await resolver.addresses("half-private.leadfactory.test")] == [
        "127.0.0.1",
        "fe80::1",
    ]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("mailonly", "no address"),
        ("missing", "NXDOMAIN"),
        ("nowhere-alias", "NXDOMAIN"),
        ("broken", "SERVFAIL"),
    ],
)
async def test_a_name_without_address_says_why(resolver: Resolver, label: str, why: str) -> None:
    with pytest.raises(Unresolved, match=why):
        await resolver.addresses(f"{label}.leadfactory.test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("127.0.0.1:5353", (("127.0.0.1", 5353),)),
        ("9.9.9.9", (("9.9.9.9", 53),)),
        ("[2620:fe::fe]:5353, 2620:fe::9", (("2620:fe::fe", 5353), ("2620:fe::9", 53))),
    ],
)
def test_nameservers_are_addresses_with_ports(text: str, expected: tuple[tuple[str, int], ...]) -> None:
    assert nameservers(text) == expected


@pytest.mark.parametrize("text", ["dns.example.com", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", ":53"])
def test_what_is_no_nameserver_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        nameservers(text)
