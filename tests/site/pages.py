"""The site's HTTP and HTTPS servers: pages by others, and the misbehaviour of strangers' servers."""

import gzip
import mimetypes
import pydoc
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import trustme

from tests.site.names import LOOPBACK, ZONE

DEBIAN_DOCUMENTATION: Final = Path("/usr/share/doc/python3-doc/html")
SECURITY_HEADERS: Final = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=()",
}
_PYDOC_TOPICS: Final = ("http", "ssl", "email", "asyncio", "ipaddress")


@cache
def document(path: str) -> tuple[str, bytes] | None:
    """A documentation page by its path: its content type and bytes, or None."""
    name = unquote(urlsplit(path).path).lstrip("/") or "index.html"
    if DEBIAN_DOCUMENTATION.is_dir():
        root = DEBIAN_DOCUMENTATION.resolve()
        file = (root / name).resolve()
        if not file.is_file() or not file.is_relative_to(root):
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return kind, file.read_bytes()
    topic = "http" if name == "index.html" else name.removesuffix(".html")
    if topic not in _PYDOC_TOPICS:
        return None
    __import__(topic)
    html = pydoc.HTMLDoc()
    return "text/html", html.page(topic, html.document(sys.modules[topic], topic)).encode()


# A small shop, with a trace of most of what can be found on a page.
BAKERY: Final = f"""<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8">
<title>Northwind Bakery: bread and cakes from Bristol</title>
<meta name="generator" content="WordPress 6.8.1">
<meta property="og:title" content="Northwind Bakery"><meta property="og:type" content="website">
<link rel="canonical" href="https://bakery.{ZONE}/">
<link rel="stylesheet" href="https://fonts.googleapis.com/css2?family=Inter">
<script src="/wp-content/plugins/woocommerce/assets/js/frontend/cart.min.js?ver=9.1"></script>
<script src="/wp-includes/js/jquery/jquery.min.js?ver=3.7.1"></script>
<script src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
<script type="application/ld+json">{{"@context": "https://schema.org", "@graph": [{{"@type": "WebPage"}},
 {{"@type": ["LocalBusiness", "Bakery"], "name": "Northwind Bakery", "telephone": "+44 117 496 0000",
   "address": {{"@type": "PostalAddress", "streetAddress": "1 Mill Lane", "addressLocality": "Bristol"}},
   "sameAs": ["https://social.example/northwind"]}}]}}</script>
</head><body>
<h1>Bread and cakes</h1><img src="oven.jpg" alt="Our oven"><img src="line.gif" alt=""><img src="cake.jpg">
<a href="/cakes">Cakes</a> <a href="https://www.{ZONE}/">Sister</a> <a href="https://social.example/">Us</a>
<a href="mailto:hello@bakery.{ZONE}">Write</a> <a href="http://[">Broken</a>
</body></html>
""".encode()


class Pages(BaseHTTPRequestHandler):
    """One request. The host's first label decides how the site behaves."""

    protocol_version = "HTTP/1.1"
    server: "PagesServer"

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        label = host.removesuffix(f".{ZONE}")
        self.server.requests.append((host, self.path))
        behave = _BEHAVIOUR.get(label)
        if behave:
            behave(self)
        elif not self.server.secure and label != "plain":
            self._redirect(f"https://{host}{self.path}")
        else:
            self._document()

    def log_message(self, *arguments: object) -> None:
        """Keeps the test run's output quiet."""

    def _document(self) -> None:
        found = document(self.path)
        if found is None:
            self._send(404, "text/plain", b"There is no such page.\n")
            return
        kind, body = found
        headers = SECURITY_HEADERS if self.server.secure and not self.path.startswith("/faq") else {}
        if "gzip" in self.headers.get("Accept-Encoding", "") and kind == "text/html":
            body, headers = gzip.compress(body, mtime=0), {**headers, "Content-Encoding": "gzip"}
        self._send(200, kind, body, headers)

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, location: str, status: int = 301) -> None:
        # Header values are bytes; http.server takes them as the text of latin-1.
        self._send(status, "text/plain", b"", {"Location": location.encode().decode("latin-1")})

    def _moved(self) -> None:
        # moved -> www, which is an alias of docs.
        self._redirect(f"https://www.{ZONE}/", 302)

    def _far(self) -> None:
        step = int(self.path.strip("/") or 0)
        self._redirect(f"/{step + 1}", 307) if step < 9 else self._document()

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b"<!doctype html><title>Endless</title>")
        while not self.server.closing.is_set():
            self.wfile.write(b"<p>and on</p>" * 4096)

    def _slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.server.closing.wait(0.1):
            self.wfile.write(b".")

    def _silence(self) -> None:
        self.server.closing.wait(30)

    def _cookies(self) -> None:
        # Sets a cookie, sends the visitor round once, and says whether it came back.
        if self.path == "/":
            self._send(302, "text/plain", b"", {"Location": "/again", "Set-Cookie": "seen=1; Path=/"})
        else:
            self._send(200, "text/plain", (self.headers.get("Cookie") or "no cookie").encode())

    def _bakery(self) -> None:
        if not self.server.secure:
            self._redirect(f"https://bakery.{ZONE}{self.path}")
        elif self.path == "/":
            self.send_response_only(200)
            for name, value in (
                ("Server", "nginx/1.27.2"),
                ("Content-Type", "text/html"),
                ("Content-Length", str(len(BAKERY))),
                ("Strict-Transport-Security", "max-age=86400; includeSubDomains"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Powered-By", "PHP/8.3.7"),
                ("Cache-Control", "no-cache"),
                ("ETag", '"b1"'),
                ("Set-Cookie", "PHPSESSID=secret; path=/; HttpOnly"),
                ("Set-Cookie", "basket=2; Secure; SameSite=Lax; Max-Age=3600"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(BAKERY)
        elif self.path == "/robots.txt":
            rules = f"User-agent: *\nDisallow: /basket # yours\n\nSitemap: https://bakery.{ZONE}/map.xml\n"
            self._send(200, "text/plain", rules.encode())
        elif self.path == "/map.xml":
            self._send(200, "application/xml", b"<urlset>" + b"<url><loc>x</loc></url>" * 3 + b"</urlset>")
        else:
            self._send(404, "text/plain", b"")

    def _closed(self) -> None:
        if self.path == "/robots.txt":
            self._send(200, "text/plain", b"User-agent: *\nDisallow: /\n")
        else:
            self._send(404, "text/html", b"")

    def _unwelcoming(self) -> None:
        if self.path == "/robots.txt":
            self._send(200, "text/plain", b"User-agent: *\nAllow: /\nUser-agent: leadfactory\nDisallow: /$\n")
        else:
            self._document()

    def _moved_closed(self) -> None:
        if self.path == "/robots.txt":
            self._send(404, "text/plain", b"")
        else:
            self._redirect(f"https://closed.{ZONE}/")

    def _robots_broken(self) -> None:
        if self.path == "/robots.txt":
            self._send(503, "text/plain", b"")
        else:
            self._document()

    def _garbage(self) -> None:
        self.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        self.close_connection = True


def _page(title: str, **headers: str) -> Callable[[Pages], None]:
    body = f"<!doctype html><title>{title}</title>".encode("latin-1")
    return lambda page: page._send(200, "text/html; charset=iso-8859-1", body, headers)


def _redirect(location: str) -> Callable[[Pages], None]:
    return lambda page: page._redirect(location, 302)


def _bomb(page: Pages) -> None:
    # 64 MiB of zeros in 64 KiB.
    body = gzip.compress(b"<!doctype html><title>Bomb</title>" + bytes(64 * 1024 * 1024), 9, mtime=0)
    page._send(200, "text/html", body, {"Content-Encoding": "gzip"})


_BEHAVIOUR: Final[dict[str, Callable[[Pages], None]]] = {
    "bakery": Pages._bakery,
    "soft-404": _page("Whatever you ask for"),
    "closed": Pages._closed,
    "unwelcoming": Pages._unwelcoming,
    "moved-closed": Pages._moved_closed,
    "robots-broken": Pages._robots_broken,
    "odd-headers": lambda page: page._send(
        200,
        "text/html",
        b"<html></html>",
        {"Strict-Transport-Security": "max-age=1; max-age=2", "Set-Cookie": ";"},
    ),
    "moved": Pages._moved,
    "loop": _redirect("/"),
    "far": Pages._far,
    "inward-name": _redirect(f"http://private.{ZONE}/"),
    "inward-literal": _redirect("http://169.254.169.254/latest/meta-data/"),
    "inward-file": _redirect("file:///etc/passwd"),
    "inward-port": _redirect(f"http://docs.{ZONE}:22/"),
    "endless": Pages._endless,
    "oversize": lambda page: page._send(
        200, "text/html", b"<!doctype html><title>Long</title>" + b"<p>long</p>" * 400_000
    ),
    "bomb": _bomb,
    "broken-gzip": lambda page: page._send(200, "text/html", b"no gzip", {"Content-Encoding": "gzip"}),
    "brotli": lambda page: page._send(200, "text/html", b"\x0b\x02\x80", {"Content-Encoding": "br"}),
    "latin": _page("Caf\xe9 <\x07 & friends"),
    "image": lambda page: page._send(200, "image/png", b"\x89PNG\r\n\x1a\n"),
    "empty": lambda page: page._send(200, "text/html", b""),
    "slow": Pages._slow,
    "garbage": Pages._garbage,
    "silence": Pages._silence,
    "cookies": Pages._cookies,
    "mta-sts.guarded": lambda page: page._send(
        200,
        "text/plain",
        b"version: STSv1\r\nmode: enforce\r\nmx: mail.docs.leadfactory.test\r\n"
        b"mx: *.example.net\r\nmax_age: 604800\r\n",
    ),
    "mta-sts.sts-moved": _redirect(f"https://mta-sts.guarded.{ZONE}/.well-known/mta-sts.txt"),
    # Redirects to where a test wants it; see Site.redirecting.
    "hostile": lambda page: page._redirect(page.server.location, 302),
}


class PagesServer(ThreadingHTTPServer):
    """Serves `Pages` on a free port of 127.0.0.1, over TLS if given a context."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((LOOPBACK, 0), Pages)
        self.secure = tls is not None
        self.requests: list[tuple[str, str]] = []
        self.location = "/"
        self.closing = threading.Event()
        if tls is not None:
            # The handshake happens in the request's own thread, at its first read.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what these servers are for."""


@contextmanager
def serve_pages(folder: Path) -> Iterator[tuple[PagesServer, PagesServer, Path]]:
    """Serves HTTP and HTTPS; the certificate authority's PEM file is written to `folder`."""
    authority = trustme.CA(organization_name="LeadFactory trial authority", organization_unit_name="Trial")
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    plain, secure = PagesServer(), PagesServer(_tls(authority))
    threads = [
        threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True) for each in (plain, secure)
    ]
    for thread in threads:
        thread.start()
    try:
        yield plain, secure, bundle
    finally:
        for server, thread in zip((plain, secure), threads, strict=True):
            server.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()


def _tls(authority: trustme.CA) -> ssl.SSLContext:
    now = datetime.now(UTC)
    certificates = {
        "": authority.issue_cert(f"*.{ZONE}", f"mail.docs.{ZONE}"),
        "bakery": authority.issue_cert(
            f"bakery.{ZONE}",
            f"www.bakery.{ZONE}",
            not_before=now - timedelta(days=23),
            not_after=now + timedelta(days=67),
        ),
        "mta-sts.guarded": authority.issue_cert(f"mta-sts.guarded.{ZONE}"),
        "mta-sts.sts-moved": authority.issue_cert(f"mta-sts.sts-moved.{ZONE}"),
        "expired": authority.issue_cert(
            f"expired.{ZONE}", not_before=now - timedelta(days=60), not_after=now - timedelta(days=1)
        ),
        "foreign-name": authority.issue_cert("elsewhere.example"),
        "unknown-issuer": trustme.CA().issue_cert(f"unknown-issuer.{ZONE}"),
    }
    between = authority.create_child_ca()
    certificates["chained"] = between.issue_cert(f"chained.{ZONE}")
    contexts = {}
    for label, certificate in certificates.items():
        contexts[label] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(contexts[label])
        contexts[label].set_alpn_protocols(["http/1.1"])
    # Offers HTTP/2 to whoever prefers it, which ends with the handshake.
    contexts["bakery"].set_alpn_protocols(["h2", "http/1.1"])

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        label = (name or "").removesuffix(f".{ZONE}")
        if label == "plain":
            # A site that has no certificate at all.
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = contexts.get(label, contexts[""])
        return None

    contexts[""].sni_callback = choose
    return contexts[""]
