"""Beyond this machine the command line encrypts, and believes nobody whom it was not told to trust."""

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import trustme

from client.command import run
from client.session import Session
from protos.leadfactory.lead.v1.lead_pb2 import ListLeadsResponse
from protos.leadfactory.lead.v1.lead_pb2_grpc import LeadServiceServicer, add_LeadServiceServicer_to_server
from tests.client.conftest import Stage


class Leads(LeadServiceServicer):
    def ListLeads(self, request, context):
        return ListLeadsResponse(total_size_estimate=7)


@pytest.fixture(params=[False])
def authority(request: pytest.FixtureRequest) -> Iterator[tuple[trustme.CA, int]]:
    """A server that speaks TLS alone, and who vouches for it; it may want to see a certificate."""
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add_LeadServiceServicer_to_server(Leads(), server)
    credentials = grpc.ssl_server_credentials(
        [(issued.private_key_pem.bytes(), chain)],
        ca.cert_pem.bytes() if request.param else None,
        require_client_auth=request.param,
    )
    port = server.add_secure_port("localhost:0", credentials)
    server.start()
    yield ca, port
    server.stop(0).wait()


def test_a_service_is_reached_over_tls_by_those_who_trust_it(
    stage: Stage, authority: tuple[trustme.CA, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ca, port = authority
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    where = ["--address", f"localhost:{port}", "--tls"]
    assert run([*where, "--ca-file", "ca.pem", "leads", "list", "--json"], Session()) == 0
    assert '"total_size_estimate": 7' in capsys.readouterr().out
    assert run([*where, "leads", "list", "--json"], Session()) == 1
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert run([*where, "--ca-file", "none.pem", "leads", "list"], Session()) == 1
    assert "--ca-file" in capsys.readouterr().err


@pytest.mark.parametrize("authority", [True], indirect=True)
def test_where_services_want_a_certificate_it_is_shown(
    stage: Stage, authority: tuple[trustme.CA, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ca, port = authority
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = ca.issue_cert("ada.example")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate.pem"))
    where = ["--address", f"localhost:{port}", "--tls", "--ca-file", "ca.pem"]
    shown = ["--certificate-file", "certificate.pem"]
    assert run([*where, *shown, "--key-file", "key.pem", "leads", "list", "--json"], Session()) == 0
    assert '"total_size_estimate": 7' in capsys.readouterr().out
    assert run([*where, "leads", "list"], Session()) == 1
    assert run([*where, *shown, "leads", "list"], Session()) == 2
    assert "--key-file" in capsys.readouterr().err
