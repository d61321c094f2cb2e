"""The whole site, started and stopped as one."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.site.names import LOOPBACK, ZONE, Authority, serve_names
from tests.site.pages import PagesServer, serve_pages


@dataclass(frozen=True)
class Site:
    """Where the site is. `domain` is the well-behaved one; `host()` names the others."""

    domain: str
    nameserver: str
    http_port: int
    https_port: int
    ca_bundle_path: Path
    authority: Authority
    plain: PagesServer
    secure: PagesServer

    @property
    def settings(self) -> dict[str, str]:
        """The environment with which a lead worker can reach the site, and nothing else inside."""
        return {
            "ENRICHMENT_NAMESERVERS": self.nameserver,
            "ENRICHMENT_ALLOWED_NETWORKS": "127.0.0.0/8",
            "ENRICHMENT_PORTS": f"{self.http_port},{self.https_port}",
            "ENRICHMENT_CA_BUNDLE": str(self.ca_bundle_path),
        }

    def host(self, label: str) -> str:
        """Return a name of the site's zone, such as `expired.leadfactory.test`."""
        return f"{label}.{ZONE}"

    @contextmanager
    def redirecting(self, location: str) -> Iterator[str]:
        """Let `hostile.leadfactory.test`, whose name is given, redirect to `location`."""
        before = self.secure.location
        self.secure.location = location
        try:
            yield self.host("hostile")
        finally:
            self.secure.location = before


@contextmanager
def site_running() -> Iterator[Site]:
    """The site, served by threads of this process until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="leadfactory-site-") as folder,
        serve_names() as (authority, nameserver_port),
        serve_pages(Path(folder)) as (plain, secure, bundle),
    ):
        yield Site(
            domain=f"docs.{ZONE}",
            nameserver=f"{LOOPBACK}:{nameserver_port}",
            http_port=plain.port,
            https_port=secure.port,
            ca_bundle_path=bundle,
            authority=authority,
            plain=plain,
            secure=secure,
        )


@asynccontextmanager
async def serve_site() -> AsyncIterator[Site]:
    """`site_running` for tests that are coroutines; the servers have threads of their own."""
    with site_running() as site:
        yield site
