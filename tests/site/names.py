"""The site's DNS: an authoritative server for leadfactory.test, over UDP and TCP."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from dnslib import AAAA, CNAME, MX, QTYPE, RCODE, RD, RR, TXT, A, DNSError, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer, TCPServer, UDPServer

ZONE: Final = "leadfactory.test"
LOOPBACK: Final = "127.0.0.1"

# Sites that answer, each in its own way; see pages.py.
SITES: Final = [
    "plain",
    "moved",
    "loop",
    "inward-name",
    "inward-literal",
    "inward-file",
    "inward-port",
    "far",
    "endless",
    "oversize",
    "bomb",
    "broken-gzip",
    "brotli",
    "latin",
    "image",
    "empty",
    "slow",
    "garbage",
    "silence",
    "cookies",
    "hostile",
    "expired",
    "foreign-name",
    "unknown-issuer",
]

# What each name below leadfactory.test answers. Names that are not here do not exist (NXDOMAIN).
RECORDS: Final[dict[str, list[RD]]] = {
    "docs": [
        A(LOOPBACK),
        MX("mail.docs.leadfactory.test", 10),
        MX("backup.docs.leadfactory.test", 20),
        TXT("v=spf1 mx -all"),
        # One record of two strings, which are to be read as one text.
        TXT([b"site-verification=", b"documentation"]),
    ],
    "www": [CNAME("docs.leadfactory.test")],
    "mail.docs": [A(LOOPBACK)],
    "xn--bcher-kva": [A(LOOPBACK)],
    **{name: [A(LOOPBACK)] for name in SITES},
    # Nothing listens at this address of the loopback network.
    "dead": [A("127.0.0.2")],
    "mailonly": [MX(".", 0)],
    # What the egress door must refuse whatever it is allowed of 127.0.0.0/8.
    "private": [A("10.0.0.7")],
    "metadata": [A("169.254.169.254")],
    "mixed": [A(LOOPBACK), A("192.168.1.1")],
    "six-private": [AAAA("fd00::7")],
    "six-mapped": [AAAA("::ffff:a00:7")],
    "six-nat64": [AAAA("64:ff9b::a9fe:a9fe")],
    "half-private": [A(LOOPBACK), AAAA("fe80::1")],
    "alias-private": [CNAME("private.leadfactory.test")],
    "nowhere-alias": [CNAME("missing.leadfactory.test")],
}
# Names that DNS fails on, and names that it never answers for.
BROKEN: Final = frozenset({"broken"})
SILENT: Final = frozenset({"silent"})
# First a loopback address, then a private one, in turns and with no time to live.
REBINDING: Final = "rebinding"


class Authority:
    """Answers for the zone. Counts what it is asked, so that tests can tell how often that was."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []
        self._turns = itertools.cycle([LOOPBACK, "10.0.0.7"])

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        """The reply to one question (the interface of dnslib)."""
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        self.questions.append((name, kind))
        label = name.removesuffix("." + ZONE)
        reply = request.reply(ra=0)
        if label in SILENT:
            raise DNSError("never answered")
        if label in BROKEN:
            reply.header.rcode = RCODE.SERVFAIL
        elif label == REBINDING:
            if kind == "A":
                reply.add_answer(RR(name, QTYPE.A, rdata=A(next(self._turns)), ttl=0))
        else:
            self._answer(reply, label, kind)
        return reply

    def _answer(self, reply: DNSRecord, label: str, kind: str) -> None:
        if label not in RECORDS:
            reply.header.rcode = RCODE.NXDOMAIN
            return
        for data in RECORDS[label]:
            found = type(data).__name__
            if found in (kind, "CNAME"):
                reply.add_answer(RR(f"{label}.{ZONE}", getattr(QTYPE, found), rdata=data, ttl=60))
            if found == "CNAME":
                self._answer(reply, str(data.label).rstrip(".").removesuffix("." + ZONE), kind)


class _Udp(UDPServer):
    # Questions that are never answered leave their thread behind at once, not at the end.
    block_on_close = False


class _Tcp(TCPServer):
    block_on_close = False


@contextmanager
def serve_names() -> Iterator[tuple[Authority, int]]:
    """Serves the zone on one free port of 127.0.0.1, the same for UDP and TCP."""
    authority = Authority()
    logger = DNSLogger("-request,-reply,-truncated,-error")
    servers: list[DNSServer] = []
    while not servers:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        try:
            # One after the other, so that what was bound can be closed if the second fails.
            servers.append(DNSServer(authority, LOOPBACK, port, logger=logger, server=_Udp))
            servers.append(DNSServer(authority, LOOPBACK, port, tcp=True, logger=logger, server=_Tcp))
        except OSError:
            # Somebody took the port in between; try another one.
            for server in servers:
                server.server.server_close()
            servers.clear()
    threads = [
        threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True) for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield authority, port
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.stop()
            thread.join()
            server.server.server_close()
