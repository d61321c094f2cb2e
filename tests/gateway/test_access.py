"""Promise: who may call which RPC is what docs/security.md says, exactly, over gRPC and over HTTP.

Every RPC is called as everybody, and each denial is found in the audit of its context. Behind the checks of
the chassis stand handlers that only say that they were reached: what a service does for somebody who is
admitted is not the question here.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from sqlalchemy import text

from gateway import contract
from gateway.transcoding.bindings import bindings
from lead_service import refusals as lead_refusals
from lead_service.audit_repository import PostgresAuditStore as LeadAuditStore
from lineage_service import refusals as lineage_refusals
from lineage_service.repository import PostgresLineageStore
from report_service.audit import notes as report_notes
from report_service.audit.repository import PostgresAuditStore as ReportAuditStore
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import Unimplemented
from services.interceptors import Refusal
from services.server import Service
from tests.deploy import access_table
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
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


def subject(who: str) -> str:
    """Return the subject of the token of one of the callers."""
    if who in access_table.ROLES:
        return who
    return {"without a role": "ada", "another service": "system:mailer"}.get(who, f"system:{who}")


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


class Audits:
    """The contexts' audits, in their databases, filled as each context does it."""

    def __init__(self, databases: dict[str, Database]) -> None:
        lead, lineage, report = (databases[context] for context in ("lead", "lineage", "report"))
        self._databases = databases
        self._notes = {
            "lead": lead_refusals.noting(UnitsOfWork(lead, LeadAuditStore)),
            "lineage": lineage_refusals.noting(UnitsOfWork(lineage, PostgresLineageStore), utc_now),
            "report": report_notes.noting(UnitsOfWork(report, ReportAuditStore), utc_now),
        }

    async def note(self, refusal: Refusal) -> None:
        await self._notes[refusal.method.split(".")[1]](refusal)

    async def denied(self) -> Counter[tuple[str, str]]:
        """Return how often somebody was denied an RPC."""
        found: Counter[tuple[str, str]] = Counter()
        for context, (table, who) in AUDITS.items():
            query = f"SELECT method, {who}, count(*) FROM {table} WHERE action = 'DENIED' GROUP BY 1, 2"
            async with self._databases[context].read() as session:
                rows = await session.execute(text(query))
                found += Counter({(method, subject): count for method, subject, count in rows})
        return found


# Where each context keeps its audit, and in which column who called.
AUDITS = {
    "lead": ("lead_audit", "user_id"),
    "lineage": ("lineage_accesses", "subject"),
    "report": ("report_audit", "user_id"),
}


@pytest.fixture
async def audits(
    lead_database: TestDatabase, lineage_database: TestDatabase, report_database: TestDatabase
) -> AsyncIterator[Audits]:
    databases = {
        context: Database(each.url, name="test")
        for context, each in (
            ("lead", lead_database),
            ("lineage", lineage_database),
            ("report", report_database),
        )
    }
    yield Audits(databases)
    for each in databases.values():
        await each.close()


@pytest.fixture
async def address(serve_in_process: ServeInProcess, audits: Audits) -> AsyncIterator[str]:
    services = [
        Service(service, _ADDERS[service.name], Reached(list(service.methods)))
        for service in access_table.SERVICES
    ]
    async with serve_in_process(*services, on_refusal=audits.note) as listening:
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
    address: str, issuer: Issuer, audits: Audits
) -> None:
    everybody = callers(issuer)
    found: dict[tuple[str, str], str] = {}
    denied: Counter[tuple[str, str]] = Counter()
    async with grpc.aio.insecure_channel(address) as channel:
        for method in access_table.methods():
            path = f"/{method.containing_service.full_name}/{method.name}"
            for who, token in everybody.items():
                metadata = [("authorization", f"Bearer {token}")] if token else []
                code = await _call(channel, path, method, metadata)
                found[f"{method.containing_service.name}.{method.name}", who] = outcome(code)
                if outcome(code) == "denied":
                    denied[path[1:], subject(who)] += 1
    assert found == expected(everybody)
    assert await audits.denied() == denied


async def _call(channel: Any, path: str, method: MethodDescriptor, metadata: Any) -> grpc.StatusCode:
    sides = (method.client_streaming, method.server_streaming)
    kind = "_".join("stream" if streams else "unary" for streams in sides)
    request: Any = iter([b""]) if method.client_streaming else b""
    call = getattr(channel, kind)(path)(request, metadata=metadata, timeout=10)
    code: grpc.StatusCode = await call.code()
    return code


async def test_over_http_everybody_may_do_what_the_table_says(
    address: str, issuer: Issuer, through_gateway: ThroughGateway, audits: Audits
) -> None:
    everybody = callers(issuer)
    found: dict[tuple[str, str, str], str] = {}
    wanted: dict[tuple[str, str, str], str] = {}
    denied: Counter[tuple[str, str]] = Counter()
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
                if outcome(reply.status_code) == "denied":
                    denied[f"{each.service.full_name}/{each.rpc.name}", subject(who)] += 1
    assert {key: value for key, value in found.items() if value != wanted[key]} == {}
    assert await audits.denied() == denied
