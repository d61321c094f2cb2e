"""Promise: only public addresses may be dialled, whatever notation or transition form hides another one."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.egress.addresses import networks, objection

HOSTILE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1"),
    *("127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.170"),
    *("192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1"),
    *("198.18.0.1", "198.19.255.254", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1"),
    *("::ffff:169.254.169.254", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *(
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:0:a9fe:a9fe::1",
    ),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::"),
    *("2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1"),
    *(
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%lo",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1"),
    *("172.15.255.255", "172.32.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255"),
    *("2606:4700::6810:84e5", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2001:200::1"),
    # An IPv6-only network reaches IPv4 sites through its NAT64; the address behind counts.
    *("64:ff9b::808:808", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_special_purpose_address_is_refused_with_its_name(text: str) -> None:
    reason = objection(ip_address(text))
    assert reason
    assert "is not a public address" in reason


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_dialled(text: str) -> None:
    assert objection(ip_address(text)) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_embedding_an_ipv4_address_never_makes_it_more_public(address: IPv4Address) -> None:
    embedded = [
        IPv6Address(f"::ffff:{address}"),
        IPv6Address(f"64:ff9b::{address}"),
        IPv6Address(int(IPv6Address("2002::")) | int(address) << 80),
        IPv6Address(int(IPv6Address("2001::")) | int(address) ^ 0xFFFF_FFFF),
        IPv6Address(int(address)),
    ]
    if objection(address):
        assert all(objection(each) for each in embedded)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_whatever_python_calls_private_is_refused_here_too(address: IPv6Address) -> None:
    if not address.is_global and address.ipv4_mapped is None:
        assert objection(address)


def test_an_allowed_network_is_exempt_in_every_form_that_reaches_it() -> None:
    allowed = networks("127.0.0.0/8, fd00::/8")
    for text in ("127.0.0.1", "::ffff:127.0.0.1", "fd12::1"):
        assert objection(ip_address(text), allowed) is None
    for text in ("10.0.0.1", "::1", "fe80::1", "::127.0.0.1", "2002:7f00:1::"):
        assert objection(ip_address(text), allowed)


@pytest.mark.parametrize("text", ["127.0.0.1/8", "localhost", "10.0.0.0/33", "::/129"])
def test_what_is_no_network_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError):
        networks(text)
