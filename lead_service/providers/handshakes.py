"""TLS handshakes through the door: one as a browser's, and one for each protocol version."""

import ssl
import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import httpcore

from services.egress import Garbled, Refused, Unreachable
from services.egress.dial import Door
from services.egress.http import tls_failure

VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class Session(NamedTuple):
    """What a handshake came to. `chain` is what the server presented, its own certificate first, in DER."""

    protocol: str
    application_protocol: str
    chain: Sequence[bytes]


async def shake_hands(door: Door, domain: str, context: ssl.SSLContext, seconds: float) -> Session:
    """Shake hands at the secure port and hang up.

    Raises httpcore's ConnectError and TimeoutException, and what the door and a server without a
    certificate come to.
    """
    stream = await door.connect_tcp(domain, 443, seconds)
    try:
        # Here, as the pages' client sets its own before each of its handshakes.
        context.set_alpn_protocols(["h2", "http/1.1"])
        stream = await stream.start_tls(context, server_hostname=domain, timeout=seconds)
        connection: ssl.SSLObject = stream.get_extra_info("ssl_object")
        chain = _presented(connection)
        if not chain:
            raise Garbled("the server showed no certificate")
        return Session(connection.version() or "unknown", connection.selected_alpn_protocol() or "", chain)
    finally:
        await stream.aclose()


async def accepts(door: Door, domain: str, version: str, seconds: float) -> str:
    """Say whether the server speaks one of VERSIONS: "accepted", or why that is not so, or not known."""
    context = indifferent()
    if not _speaks(context, VERSIONS[version]):
        return "not tested: OpenSSL here does not speak it"
    try:
        await shake_hands(door, domain, context, seconds)
    except httpcore.TimeoutException:
        return "not known: the server did not answer in time"
    except httpcore.ConnectError as error:
        return f"refused ({tls_failure(error).removeprefix('TLS failed: ')})"
    except (Refused, Unreachable, Garbled) as failure:
        return f"not known: {failure}"
    return "accepted"


def indifferent() -> ssl.SSLContext:
    """Return a context that takes any certificate, to look at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _speaks(context: ssl.SSLContext, version: ssl.TLSVersion) -> bool:
    """Bind a context to one version, and return whether a handshake gets as far as its first message."""
    try:
        with warnings.catch_warnings():
            # The old ones are deprecated, which is why it matters who accepts them. Nothing is ever sent.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.com").do_handshake()
    except ssl.SSLWantReadError:
        return True
    except (ValueError, ssl.SSLError):
        return False
    return False


def _presented(connection: ssl.SSLObject) -> list[bytes]:
    # Public from Python 3.13 on, where it returns DER; before, the same below the surface, in objects.
    below = "_sslobj"
    holder: Any = connection if hasattr(connection, "get_unverified_chain") else getattr(connection, below)
    chain = holder.get_unverified_chain() or ()
    return [
        each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain
    ]
