"""TCP ports on loopback."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from deploy.local.home import Problem

LOOPBACK = "127.0.0.1"
BLOCK = 32
_LOWEST = 20_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@contextmanager
def reserved(count: int) -> Iterator[list[int]]:
    """Yield different ports that nothing listens on, and that no other stack takes until the end.

    A process that begins or is restarted leaves its port free for a moment, in which another stack
    could take it, and its callers would find the other one's process. So ports are taken in blocks,
    and who listens on the first of a block has all of it. They lie below the kernel's ephemeral
    range: no outgoing connection sits on one while its process is being restarted. Raises Problem
    if there are not so many.
    """
    highest = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    blocks = range(_LOWEST, highest if highest - _LOWEST > 1000 else 60_000, BLOCK)
    for first in random.sample(blocks, len(blocks)):
        with socket.socket() as guard:
            try:
                guard.bind((LOOPBACK, first))
                guard.listen()
            except OSError:
                continue
            free = list(islice(filter(is_free, range(first + 1, first + BLOCK)), count))
            if len(free) == count:
                yield free
                return
    raise Problem(f"No {count} neighbouring TCP ports are free on {LOOPBACK}.")


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: connections that linger from a stack just stopped are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
        return True


def gateway_port(setting: str | None) -> int:
    """Return the gateway's port: the setting, 8080 without one, 0 for any free one.

    Raises Problem if it is taken or no port number.
    """
    text = setting or "8080"
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise Problem(f"LEADFACTORY_PORT is {text!r}, which is no port number: take one of 1024 to 65535.")
    port = int(text)
    if port and not is_free(port):
        raise Problem(f"Port {port} is taken or not allowed: set another, as in LEADFACTORY_PORT={port + 1}.")
    return port
