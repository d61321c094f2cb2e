"""Promise: where it is set, processes talk only to processes that their own authority has certified."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services import errors, identity
from services.certificates import Certificates
from services.channels import open_channel
from services.connections import RenewedChannel, names
from services.identity import Actor
from services.server import Service
from services.settings import InvalidSettings, ServiceSettings
from tests.fixtures.certificates import Authority
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess

WORKER = Actor("system:report-worker", workload="report-worker")
REQUEST = lead_pb2.GetLeadRequest(id="0190a0f0-0000-7000-8000-000000000000")


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Answers with the caller; a watcher hears when it began, and when it is told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def GetLead(self, request: lead_pb2.GetLeadRequest, context: Any) -> lead_pb2.Lead:
        return lead_pb2.Lead(name=identity.current_actor().subject)

    async def WatchLeads(self, request: Any, context: Any) -> AsyncIterator[lead_pb2.LeadEvent]:
        yield lead_pb2.LeadEvent()
        await self.go_on.wait()
        yield lead_pb2.LeadEvent()


@pytest.fixture
def leads() -> Leads:
    return Leads()


@pytest.fixture
async def address(serve_in_process: ServeInProcess, authority: Authority, leads: Leads) -> AsyncIterator[str]:
    """Where the lead service listens, with its certificate."""
    service = Service(
        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        leads,
    )
    async with serve_in_process(service, **authority.settings("lead")) as listening:
        yield listening


@asynccontextmanager
async def calling(
    address: str, issuer: Issuer, process: str = "report-worker", **tls: Any
) -> AsyncIterator[Any]:
    """A process that calls the lead service, with a certificate or without."""
    channel = open_channel(address, ServiceSettings(**issuer.settings(process), **tls))
    try:
        with identity.acting_as(WORKER):
            yield lead_pb2_grpc.LeadServiceStub(channel)
    finally:
        await channel.close()


async def shown_by(address: str) -> bytes:
    """Return the certificate that a server shows."""
    from ssl import get_server_certificate

    host, port = address.split(":")
    return (await asyncio.to_thread(get_server_certificate, (host, int(port)))).encode()


async def refused(address: str, issuer: Issuer, **tls: Any) -> bool:
    async with calling(address, issuer, **tls) as stub:
        with pytest.raises(errors.ServiceError) as caught:
            await stub.GetLead(REQUEST, timeout=3)
    return caught.value.code == "UNAVAILABLE"


async def test_two_processes_of_one_authority_talk(
    address: str, issuer: Issuer, authority: Authority
) -> None:
    async with calling(address, issuer, **authority.settings("report-worker")) as stub:
        assert (await stub.GetLead(REQUEST)).name == "system:report-worker"


async def test_who_shows_no_certificate_is_not_talked_to(
    address: str, issuer: Issuer, authority: Authority
) -> None:
    trust = grpc.ssl_channel_credentials(authority.settings("x")["tls_authority_file"].read_bytes())
    async with grpc.aio.secure_channel(address, trust) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await lead_pb2_grpc.LeadServiceStub(channel).GetLead(REQUEST, timeout=3)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await refused(address, issuer), "and who speaks plain text is not, either"


async def test_a_certificate_of_another_authority_is_refused(
    address: str, issuer: Issuer, authority: Authority, other_authority: Authority
) -> None:
    tls = other_authority.settings("report-worker", believes=authority)
    assert await refused(address, issuer, **tls)


async def test_an_expired_certificate_is_refused(address: str, issuer: Issuer, authority: Authority) -> None:
    assert await refused(address, issuer, **authority.settings("report-worker", expired=True))


async def test_a_server_is_held_to_its_authority_and_to_the_name_it_is_called_by(
    address: str, issuer: Issuer, authority: Authority, other_authority: Authority
) -> None:
    tls = authority.settings("report-worker", believes=other_authority)
    assert await refused(address, issuer, **tls)
    # The certificate names 127.0.0.1 and no other way to get there.
    here = address.replace("127.0.0.1", "localhost")
    assert await refused(here, issuer, **authority.settings("report-worker"))


async def test_a_process_cannot_use_another_processs_token(
    address: str, issuer: Issuer, authority: Authority
) -> None:
    stolen = calling(address, issuer, "report-worker", **authority.settings("lead-worker"))
    async with stolen as stub:
        with pytest.raises(errors.Unauthenticated) as caught:
            await stub.GetLead(REQUEST)
    assert caught.value.reason == "CERTIFICATE_MISMATCH"
    # Nor vouch for a person as another process: the gateway's word on an address is the gateway's.
    vouching = calling(address, issuer, "gateway", **authority.settings("lead-worker"))
    call = identity.Call("x/Y", "request-0001", bearer=issuer.person("ada", "viewer"))
    async with vouching as stub:
        with identity.serving(call), pytest.raises(errors.Unauthenticated) as caught:
            await stub.GetLead(REQUEST)
    assert caught.value.reason == "CERTIFICATE_MISMATCH"


def test_a_certificate_names_processes_by_dns_names_and_by_spiffe_uris() -> None:
    shown = {
        "peer_dns": [b"lead", b"lead.leadfactory.svc"],
        "peer_uri": [b"spiffe://cluster.local/ns/leadfactory/sa/report"],
        "x509_common_name": [b"gateway"],
    }
    assert names(shown) == {"lead", "lead.leadfactory.svc", "report"}
    assert names({}) == set()


async def test_a_renewed_certificate_is_shown_without_a_restart(
    address: str, issuer: Issuer, authority: Authority
) -> None:
    before = await shown_by(address)
    async with calling(address, issuer, **authority.settings("report-worker")) as stub:
        assert (await stub.GetLead(REQUEST)).name
        authority.settings("lead")
        authority.settings("report-worker")
        assert (await stub.GetLead(REQUEST)).name
    assert await shown_by(address) != before


async def test_a_call_under_way_outlives_the_certificate_it_began_with(
    address: str, issuer: Issuer, authority: Authority, leads: Leads
) -> None:
    bearer = issuer.person("ada", "viewer")
    async with calling(address, issuer, "report", **authority.settings("report")) as stub:
        with identity.serving(identity.Call("x/Y", "request-0001", bearer=bearer)):
            watching = aiter(stub.WatchLeads(lead_pb2.WatchLeadsRequest(), timeout=30))
            await anext(watching)
            authority.settings("report")
            assert (await stub.GetLead(REQUEST)).name == "ada"
            leads.go_on.set()
            await anext(watching)


async def test_a_renewed_certificate_is_another_connection(
    address: str, issuer: Issuer, authority: Authority
) -> None:
    tls = authority.settings("report-worker")
    settings = ServiceSettings(**issuer.settings("report-worker"), **tls)
    channel = open_channel(address, settings)
    assert isinstance(channel, RenewedChannel)
    first = channel.present()
    assert channel.present() is first
    authority.settings("report-worker")
    assert channel.present() is not first
    await channel.close()


def test_while_files_do_not_fit_each_other_the_former_ones_are_shown(
    authority: Authority, tmp_path: Path
) -> None:
    tls = authority.settings("lead")
    certificates = Certificates(*tls.values())
    whole = certificates.current()
    key = tls["tls_key_file"].read_bytes()
    elsewhere = authority.settings("report")
    tls["tls_key_file"].write_bytes(elsewhere["tls_key_file"].read_bytes())
    assert certificates.current() is whole
    for garbage in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        tls["tls_certificate_file"].write_bytes(garbage)
        assert certificates.current() is whole
    tls["tls_certificate_file"].unlink()
    assert certificates.current() is whole
    tls["tls_certificate_file"].write_bytes(whole.certificate)
    tls["tls_key_file"].write_bytes(key)
    assert certificates.current() == whole


def test_half_of_the_settings_or_unusable_files_end_the_process_with_one_line(
    authority: Authority, tmp_path: Path
) -> None:
    tls = authority.settings("lead")
    with pytest.raises(InvalidSettings, match="together or not at all"):
        ServiceSettings.load(tls_certificate_file=tls["tls_certificate_file"])
    missing = ServiceSettings(**{**tls, "tls_key_file": tmp_path / "none.pem"})
    with pytest.raises(InvalidSettings, match=r"TLS_CERTIFICATE_FILE.*none\.pem") as caught:
        Certificates.of(missing)
    assert os.linesep not in str(caught.value)
    assert Certificates.of(ServiceSettings()) is None
