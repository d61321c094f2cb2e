"""Who calls."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from lineage_service.domain import Reader
from services import identity


def reader() -> Reader:
    """Name who reads, from what the interceptors verified; never from the request."""
    actor, call = identity.current_actor(), identity.current_call()
    return Reader(
        subject=actor.subject,
        workload=actor.workload,
        ip=_address(actor.ip),
        user_agent=actor.user_agent,
        request_id=call.request_id if call else "",
        method=call.method if call else "",
        roles=tuple(sorted(actor.roles)),
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address without its zone, which means something on that machine only."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
