"""Which IP addresses belong to the public internet.

The tables are IANA's special-purpose address registries (RFC 6890 and its updates), multicast
included. `ipaddress.is_global` is no substitute: it follows the Python release, and calls multicast,
6to4 relays and most addresses that embed an IPv4 address global.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, every entry. The few that the
# registry calls globally reachable are anycast services (AS112, AMT, PCP), where no web site lives.
_SPECIAL_IPV4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network, RFC 791"),
        ("10.0.0.0/8", "private use, RFC 1918"),
        ("100.64.0.0/10", "shared address space, RFC 6598"),
        ("127.0.0.0/8", "loopback, RFC 1122"),
        ("169.254.0.0/16", "link local, RFC 3927"),
        ("172.16.0.0/12", "private use, RFC 1918"),
        ("192.0.0.0/24", "IETF protocol assignments, RFC 6890"),
        ("192.0.2.0/24", "documentation, RFC 5737"),
        ("192.31.196.0/24", "AS112, RFC 7535"),
        ("192.52.193.0/24", "AMT, RFC 7450"),
        ("192.88.99.0/24", "deprecated 6to4 relay anycast, RFC 7526"),
        ("192.168.0.0/16", "private use, RFC 1918"),
        ("192.175.48.0/24", "direct delegation AS112, RFC 7534"),
        ("198.18.0.0/15", "benchmarking, RFC 2544"),
        ("198.51.100.0/24", "documentation, RFC 5737"),
        ("203.0.113.0/24", "documentation, RFC 5737"),
        ("224.0.0.0/4", "multicast, RFC 1112"),
        ("240.0.0.0/4", "reserved, RFC 1112"),
    )
)

# https://www.iana.org/assignments/iana-ipv6-special-registry, the entries inside 2000::/3. Outside of
# it nothing has been allocated as global unicast, so everything there is refused in one go.
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_SPECIAL_IPV6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("2001::/32", "Teredo, RFC 4380"),
        ("2001::/23", "IETF protocol assignments, RFC 2928"),
        ("2001:db8::/32", "documentation, RFC 3849"),
        ("2002::/16", "6to4, deprecated by RFC 7526"),
        ("2620:4f:8000::/48", "direct delegation AS112, RFC 7534"),
        ("3fff::/20", "documentation, RFC 9637"),
    )
)
_OUTSIDE_GLOBAL_UNICAST: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified, RFC 4291"),
        ("::1/128", "loopback, RFC 4291"),
        ("::/96", "deprecated IPv4-compatible, RFC 4291"),
        ("64:ff9b:1::/48", "local-use IPv4/IPv6 translation, RFC 8215"),
        ("100::/64", "discard only, RFC 6666"),
        ("5f00::/16", "segment routing, RFC 9602"),
        ("fc00::/7", "unique local, RFC 4193"),
        ("fe80::/10", "link local, RFC 4291"),
        ("fec0::/10", "deprecated site local, RFC 3879"),
        ("ff00::/8", "multicast, RFC 4291"),
        ("::/0", "not global unicast, RFC 4291"),
    )
)

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def objection(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Say why `address` must not be dialled; None if it may be.

    Networks in `allowed` are exempt. An IPv4-mapped or NAT64 address is judged by the IPv4 address
    that packets to it would reach; the other forms that embed one (IPv4-compatible, 6to4, Teredo)
    are refused whatever they embed, for no web site needs them any more.
    """
    if is_in(address, allowed):
        return None
    reached = _unwrapped(address)
    if isinstance(reached, IPv4Address):
        name = next((name for network, name in _SPECIAL_IPV4 if reached in network), None)
    elif reached.scope_id is not None:
        name = "a zone, which has a meaning on this machine only, RFC 4007"
    else:
        table = _SPECIAL_IPV6 if reached in _GLOBAL_UNICAST else _OUTSIDE_GLOBAL_UNICAST
        name = next((name for network, name in table if reached in network), None)
    if name is None:
        return None
    through = "" if reached == address else f" (through {address})"
    return f"{reached}{through} is not a public address: {name}"


def is_in(address: Address, allowed: Sequence[Network]) -> bool:
    """Tell whether packets to `address` reach one of these networks."""
    reached = _unwrapped(address)
    return any(reached in network for network in allowed if network.version == reached.version)


def networks(text: str) -> tuple[Network, ...]:
    """Read CIDRs separated by commas; raises ValueError for one that is none."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return ip_address(int(address) & 0xFFFF_FFFF)
    return address
