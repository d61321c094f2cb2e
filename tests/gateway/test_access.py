"""Promise: who may call which RPC is what docs/security.md says, exactly, over gRPC and over HTTP.

Every RPC is called as everybody. Behind the checks of the chassis stand handlers that only say that they were
reached: what a service does for somebody who is admitted is not the question here.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from gateway import contract
from gateway.transcoding.bindings import bindings
from services.errors import Unimplemented
from services.interceptors import Refusal
from services.server import Service
from tests.deploy import access_table
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.rpc import ServeInProcess

STRANGERS = ("nobody", "expired", "wrong audience")
ID = "0190a0f0-0000-7000-8000-000000000000"
_ADDERS = {
    name.removeprefix("add_").removesuffix("Servicer_to_server"): add
    for module in access_table.CODE
    for name, add in vars(module).items()
    if name.startswith("add_")
}


class Reached:
    """A servicer of any service."""

    def __init__(self, methods: list[MethodDescriptor]) -> None:
        for method in methods:
            setattr(self, method.name, self._stream if method.server_streaming else self._unary)

    async def _unary(self, request: Any, context: Any) -> Any:
        raise Unimplemented("reached")

    async def _stream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        raise Unimplemented("reached")
        yield


def callers(issuer: Issuer) -> dict[str, str]:
    """Return everybody's token by who they are."""
    processes = {name for who in access_table.admitted().values() for name in who} - set(access_table.ROLES)
    return {
        "nobody": "",
        "expired": issuer.person("ada", "admin", exp=1),
        "wrong audience": issuer.person("ada", "admin", aud="elsewhere"),
        "without a role": issuer.person("ada"),
        "another service": issuer.workload("mailer"),
        **{role: issuer.person(role, role) for role in access_table.ROLES},
        **{process: issuer.workload(process) for process in processes},
    }


def expected(everybody: dict[str, str]) -> dict[tuple[str, str], str]:
    return {
        (name, who): "unauthenticated" if who in STRANGERS else ("admitted" if who in allowed else "denied")
        for name, allowed in access_table.admitted().items()
        for who in everybody
    }


def outcome(status: int | grpc.StatusCode) -> str:
    return {
        401: "unauthenticated",
        403: "denied",
        grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
        grpc.StatusCode.PERMISSION_DENIED: "denied",
    }.get(status, "admitted")


@pytest.fixture
def noted() -> Counter[str]:
    """What was noted as denied, by RPC."""
    return Counter()


@pytest.fixture
async def address(serve_in_process: ServeInProcess, noted: Counter[str]) -> AsyncIterator[str]:
    async def note(refusal: Refusal) -> None:
        if refusal.code == "PERMISSION_DENIED":
            noted[refusal.method] += 1

    services = [
        Service(service, _ADDERS[service.name], Reached(list(service.methods)))
        for service in access_table.SERVICES
    ]
    async with serve_in_process(*services, on_refusal=note) as listening:
        yield listening


def test_the_page_lists_who_may_call_what_as_it_is() -> None:
    assert access_table.written() == access_table.table(), (
        "run `.venv/bin/python -m tests.deploy.access_table`"
    )


def test_every_rpc_is_in_the_table_and_has_a_rule() -> None:
    admitted = access_table.admitted()
    assert set(admitted) == {
        f"{service.name}.{rpc.name}"
        for name in {each.service.full_name for each in bindings(contract.image())}
        for service in [contract.image().pool.FindServiceByName(name)]
        for rpc in service.methods
    }
    assert all(admitted.values())
    # The one who reads everything changes nothing.
    writes = {
        f"{each.service.name}.{each.rpc.name}" for each in bindings(contract.image()) if each.method != "GET"
    }
    assert {name for name in writes if "auditor" in admitted[name]} <= READ_BY_POST


# Questions that are asked with a body.
READ_BY_POST = {
    "AssuranceService.ReproduceReport",
    "LineageService.LookupPdf",
    "LineageService.SearchLineage",
    "TemplateService.PreviewTemplateVersion",
}


async def test_over_grpc_everybody_may_do_what_the_table_says(
    address: str, issuer: Issuer, noted: Counter[str]
) -> None:
    everybody = callers(issuer)
    found: dict[tuple[str, str], str] = {}
    async with grpc.aio.insecure_channel(address) as channel:
        for method in access_table.methods():
            path = f"/{method.containing_service.full_name}/{method.name}"
            for who, token in everybody.items():
                metadata = [("authorization", f"Bearer {token}")] if token else []
                code = await _call(channel, path, method, metadata)
                found[f"{method.containing_service.name}.{method.name}", who] = outcome(code)
    assert found == expected(everybody)
    # Each denial of somebody known was handed to the context, to be noted.
    assert noted.total() == sum(each == "denied" for each in found.values())


async def _call(channel: Any, path: str, method: MethodDescriptor, metadata: Any) -> grpc.StatusCode:
    sides = (method.client_streaming, method.server_streaming)
    kind = "_".join("stream" if streams else "unary" for streams in sides)
    request: Any = iter([b""]) if method.client_streaming else b""
    call = getattr(channel, kind)(path)(request, metadata=metadata, timeout=10)
    code: grpc.StatusCode = await call.code()
    return code


async def test_over_http_everybody_may_do_what_the_table_says(
    address: str, issuer: Issuer, through_gateway: ThroughGateway, noted: Counter[str]
) -> None:
    everybody = callers(issuer)
    found: dict[tuple[str, str, str], str] = {}
    wanted: dict[tuple[str, str, str], str] = {}
    rules = expected(everybody)
    async with through_gateway(address) as client:
        for each in bindings(contract.image()):
            name = f"{each.service.name}.{each.rpc.name}"
            path = re.sub(r"\{[^}]*\}", ID, each.template.text)
            way = f"{each.method} {path}"
            body = {} if each.method in ("GET", "DELETE") or each.is_upload else {"json": {}}
            for who, token in everybody.items():
                headers = {"authorization": f"Bearer {token}"} if token else {}
                reply = await client.request(each.method, path, headers=headers, **body)
                assert reply.status_code not in (404, 405), way
                found[name, way, who] = outcome(reply.status_code)
                wanted[name, way, who] = rules[name, who]
    assert {key: value for key, value in found.items() if value != wanted[key]} == {}
    assert noted.total() == sum(each == "denied" for each in found.values())
