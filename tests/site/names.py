"""The site's DNS: an authoritative server for leadfactory.test, over UDP and TCP."""

import base64
import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dnslib import AAAA, CAA, CNAME, MX, NS, QTYPE, RCODE, RD, RR, SOA, TXT, A, DNSError, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer, TCPServer, UDPServer

ZONE: Final = "leadfactory.test"
LOOPBACK: Final = "127.0.0.1"

# Sites that answer, each in its own way; see pages.py.
SITES: Final = [
    "soft-404",
    "closed",
    "odd-headers",
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
    "chained",
    "unwelcoming",
    "moved-closed",
    "robots-broken",
]

# Of the key that `guarded` signs its mail with, 2048 bits of RSA; nobody has kept the other half.
DKIM_KEY: Final = base64.b64encode(
    rsa.generate_private_key(65537, 2048)
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)

# Names that take care of their mail, and names that do it wrong.
MAIL: Final[dict[str, list[RD]]] = {
    "_dmarc": [TXT("v=DMARC1; p=reject; sp=quarantine; pct=50; rua=mailto:reports@leadfactory.test")],
    "bakery": [
        A(LOOPBACK),
        MX("mail.docs.leadfactory.test", 10),
        MX("backup.docs.leadfactory.test", 20),
        TXT("v=spf1 include:_spf.leadfactory.test ?all"),
    ],
    "_dmarc.bakery": [TXT("v=DMARC1; p=none; rua=mailto:hello@bakery.leadfactory.test")],
    "selector1._domainkey.bakery": [TXT([b"v=DKIM1; k=rsa; p=" + DKIM_KEY[:200], DKIM_KEY[200:]])],
    "guarded": [
        A(LOOPBACK),
        MX("mail.docs.leadfactory.test", 10),
        TXT("v=spf1 a mx:docs.leadfactory.test include:_spf.leadfactory.test ip6:2001:db8::/32 ~all"),
    ],
    "_spf": [TXT("v=spf1 ip4:192.0.2.0/24 exists:%{i}.list.example a:docs.leadfactory.test/28//64 ?all")],
    "_dmarc.guarded": [TXT("v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:c@d.example!10m")],
    "google._domainkey.guarded": [TXT([b"v=DKIM1; k=rsa; p=" + DKIM_KEY[:200], DKIM_KEY[200:]])],
    "s2._domainkey.guarded": [TXT("v=DKIM1; p=")],
    "_mta-sts.guarded": [TXT("v=STSv1; id=20261121")],
    "mta-sts.guarded": [A(LOOPBACK)],
    "_smtp._tls.guarded": [TXT("v=TLSRPTv1; rua=mailto:tls@leadfactory.test")],
    "default._bimi.guarded": [TXT("v=BIMI1; l=https://docs.leadfactory.test/logo.svg")],
    "null-and-mx": [MX(".", 0), MX("mail.docs.leadfactory.test", 10)],
    "spf-many": [TXT("v=spf1 -all"), TXT("v=spf1 mx -all")],
    "spf-none": [TXT("v=spf10 -all")],
    "spf-typo": [TXT("v=spf1 ipv4:192.0.2.1 -all")],
    "spf-network": [TXT("v=spf1 ip4:192.0.2.300 -all")],
    "spf-loop": [TXT("v=spf1 include:spf-loop.leadfactory.test -all")],
    "spf-ten": [TXT("v=spf1 " + "exists:%{i}.x.example " * 10 + "-all")],
    "spf-eleven": [TXT("v=spf1 " + "exists:%{i}.x.example " * 11 + "-all")],
    "spf-void": [
        TXT("v=spf1 a:no1.leadfactory.test mx:no2.leadfactory.test exists:no3.leadfactory.test -all")
    ],
    "spf-void-mx": [TXT("v=spf1 mx -all"), *(MX(f"no{each}.leadfactory.test", each) for each in range(3))],
    "spf-void-null": [TXT("v=spf1 mx -all"), MX(".", 0)],
    "spf-nothing": [TXT("v=spf1 include:docs2.leadfactory.test -all")],
    "spf-redirect": [TXT("v=spf1 redirect=guarded.leadfactory.test")],
    "spf-after-all": [TXT("v=spf1 +all include:spf-loop.leadfactory.test")],
    "spf-unsaid": [TXT("v=spf1 ip4:192.0.2.1")],
    "spf-broken": [TXT("v=spf1 include:broken.leadfactory.test -all")],
    "_dmarc.dmarc-many": [TXT("v=DMARC1; p=none"), TXT("v=DMARC1; p=reject")],
    "dmarc-many": [A(LOOPBACK)],
    "_mta-sts.sts-moved": [TXT("v=STSv1; id=1")],
    "mta-sts.sts-moved": [A(LOOPBACK)],
    "_mta-sts.sts-absent": [TXT("v=STSv1; id=1")],
}

# What each name below leadfactory.test answers. Names that are not here do not exist (NXDOMAIN).
RECORDS: Final[dict[str, list[RD]]] = {
    "@": [
        A(LOOPBACK),
        NS("ns1.leadfactory.test"),
        NS("ns2.leadfactory.test"),
        SOA("ns1.leadfactory.test", "hostmaster.leadfactory.test", (2026112101, 7200, 3600, 1209600, 60)),
        CAA(0, "issue", "authority.example"),
    ],
    **MAIL,
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
    "backup.docs": [A(LOOPBACK)],
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
# Names that DNS fails on, and names that it never answers for, with all below them.
BROKEN: Final = frozenset({"broken", "_smtp._tls.bakery"})
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
        label = "@" if name == ZONE else name.removesuffix("." + ZONE)
        reply = request.reply(ra=0)
        if label.rpartition(".")[2] in SILENT:
            raise DNSError("never answered")
        if BROKEN & {label, label.rpartition(".")[2]}:
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
                owner = ZONE if label == "@" else f"{label}.{ZONE}"
                reply.add_answer(RR(owner, getattr(QTYPE, found), rdata=data, ttl=60))
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
