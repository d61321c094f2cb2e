"""TCP ports on loopback."""

import random
import socket
from pathlib import Path

from deploy.local.home import Problem

LOOPBACK = "127.0.0.1"
_LOWEST = 20_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def choose_free(count: int) -> list[int]:
    """Return different ports that nothing listens on.

    They lie below the kernel's ephemeral range, so that no outgoing connection sits on the port of
    a process while it is being restarted.
    """
    highest = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    candidates = range(_LOWEST, highest) if highest - _LOWEST > 1000 else range(_LOWEST, 60_000)
    free: list[int] = []
    for port in random.sample(candidates, len(candidates)):
        if len(free) == count:
            break
        if is_free(port):
            free.append(port)
    return free


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
    """Return the gateway's port: the setting, 8080 without one, any free one for 0.

    Raises Problem if it is taken or no port number.
    """
    text = setting or "8080"
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise Problem(f"LEADFACTORY_PORT is {text!r}, which is no port number: take one of 1024 to 65535.")
    port = int(text) or choose_free(1)[0]
    if not is_free(port):
        raise Problem(f"Port {port} is taken or not allowed: set another, as in LEADFACTORY_PORT={port + 1}.")
    return port
