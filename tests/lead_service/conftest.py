"""What tests of the lead context share: the real site, and a door that counts what it dials."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore
import pytest

from lead_service.egress.addresses import networks
from lead_service.egress.dial import Door, Ports
from lead_service.egress.resolver import Resolver, nameservers
from services.database import Database
from services.evidence.checkpoints import CheckpointFile
from services.evidence.examination import examine
from services.identity import acting_as, serving
from tests.fixtures.evidence import KEYS
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import ADA, CALL
from tests.lead_service.thief import Found, Thief
from tests.site.serving import Site, site_running


@dataclass
class Spy(httpcore.AsyncNetworkBackend):
    """Opens real sockets, and keeps a list of what was dialled."""

    dialled: list[tuple[str, int]] = field(default_factory=list)
    inner: httpcore.AsyncNetworkBackend = field(default_factory=httpcore.AnyIOBackend)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        return await self.inner.connect_tcp(host, port, timeout, local_address, socket_options)


@pytest.fixture(scope="session")
def running_site() -> Iterator[Site]:
    with site_running() as running:
        yield running


@pytest.fixture
def site(running_site: Site) -> Site:
    """The site, with nothing asked of it yet."""
    for record in (
        running_site.authority.questions,
        running_site.plain.requests,
        running_site.secure.requests,
    ):
        record.clear()
    return running_site


@pytest.fixture
def spy() -> Spy:
    return Spy()


@pytest.fixture
def resolver(site: Site) -> Resolver:
    return Resolver(nameservers(site.nameserver), timeout_seconds=1)


@pytest.fixture
def door(site: Site, resolver: Resolver, spy: Spy) -> Door:
    """The door as the site's own settings open it: loopback is allowed, everything else is not."""
    return Door(resolver, spy, Ports(site.http_port, site.https_port), networks("127.0.0.0/8"))


@pytest.fixture
def trust(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.ca_bundle_path)


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as its owner, who may write in every way; the application may in fewer."""
    opened = Database(lead_database.owner_url, name="test", pool_size=40)
    with acting_as(ADA), serving(CALL):
        yield opened
    await opened.close()


@pytest.fixture
async def thief(sealed_log: TestDatabase) -> AsyncIterator[Thief]:
    thief = await Thief.connect(sealed_log.superuser_url)
    yield thief
    await thief.connection.close()


@pytest.fixture
def found(sealed_log: TestDatabase, kept_checkpoints: Path) -> Found:
    """Return what the verifier says, with or without the checkpoints that were kept outside."""

    async def run(*, kept: bool = False) -> list[str]:
        notes = list(CheckpointFile(kept_checkpoints).notes()) if kept else None
        report = await examine(sealed_log.superuser_url, KEYS, notes)
        return [str(each) for each in report.damages]

    return run
