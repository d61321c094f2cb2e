"""Promise: the REST interface of leads, from HTTP through the gateway to PostgreSQL and back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from lead_service.domain import LeadStores
from lead_service.facts import Observation
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from lead_service.suggestions import drawn
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.identity import Actor, acting_as
from services.server import Service
from tests.fixtures.evidence import SIGNER, seal, sealing
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess


@pytest.fixture
async def stores(lead_database: TestDatabase) -> AsyncIterator[LeadStores]:
    database = Database(lead_database.url, name="beside")
    yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


@pytest.fixture
async def api(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, through_gateway: ThroughGateway
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(lead_database.url, name="test")
    service = Service(
        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now, records(database)),
    )
    async with serve_in_process(service) as address, through_gateway(address, "operator") as client:
        yield client
    await database.close()


async def made(api: httpx.AsyncClient, email: str = "ada@example.com", **values: Any) -> dict[str, Any]:
    reply = await api.post("/api/leads", json={"email": email, **values})
    assert reply.status_code == 200, reply.text
    lead: dict[str, Any] = reply.json()
    return lead


async def test_a_put_takes_the_whole_and_a_patch_what_it_holds(api: httpx.AsyncClient) -> None:
    lead = await made(api, name="Ada", is_manual=True)
    path = f"/api/leads/{lead['id']}"
    patched = (await api.patch(path, json={"name": "Grace"})).json()
    assert (patched["name"], patched["is_manual"], patched["email"]) == ("Grace", True, lead["email"])
    put = (await api.put(path, json={"email": "bob@example.org"})).json()
    assert (put["name"], put["is_manual"], put["domain"]) == ("", False, "example.org")
    # What was read can be sent back.
    assert (await api.put(path, json=put)).json() == put
    masked = await api.patch(f"{path}?update_mask=name", json={"name": "x", "email": "not looked at"})
    assert (masked.json()["name"], masked.json()["email"]) == ("x", "bob@example.org")


async def test_a_lead_can_be_read_as_it_was(api: httpx.AsyncClient, issuer: Issuer) -> None:
    before, lead = utc_now(), await made(api, name="Ada")
    path = f"/api/leads/{lead['id']}"
    seen = [(utc_now(), lead)]
    for method, url, body in (
        ("PATCH", path, {"name": "Grace"}),
        ("DELETE", path, None),
        ("POST", f"{path}:undelete", None),
    ):
        reply = await api.request(method, url, json=body)
        seen.append((utc_now(), reply.json()))
    viewer = {"authorization": f"Bearer {issuer.person('vera', 'viewer')}"}
    for moment, then in seen:
        reply = await api.get(path, params={"as_of": moment.isoformat()})
        assert reply.json() == then
        # For a viewer it was not there while it was deleted.
        seen_by_viewer = await api.get(path, params={"as_of": moment.isoformat()}, headers=viewer)
        assert seen_by_viewer.json() == then or (then["delete_time"] and seen_by_viewer.status_code == 404)
    assert len({then["etag"] for _, then in seen}) == 4
    for moment, status in (
        (before.isoformat(), 404),
        ((utc_now() + timedelta(hours=1)).isoformat(), 400),
        ("yesterday", 400),
        ("10000-01-01T00:00:00Z", 400),
    ):
        assert (await api.get(path, params={"as_of": moment})).status_code == status, moment


@pytest.mark.parametrize(
    ("method", "body", "named"),
    [
        ("PATCH", {"created_by": "mallory"}, "update_mask"),
        ("PATCH", {"email": "nobody"}, "email"),
        ("PATCH", {"name": "a\0b"}, "name"),
        ("PATCH", {"colour": "red"}, "colour"),
        ("PATCH", {"id": "0190a0f0-0000-7000-8000-000000000000", "name": "x"}, "id"),
        ("PUT", {}, "email"),
        ("PUT", None, "lead"),
    ],
)
async def test_a_bad_change_is_refused_by_its_field(
    api: httpx.AsyncClient, method: str, body: Any, named: str
) -> None:
    lead = await made(api)
    path = f"/api/leads/{lead['id']}"
    reply = await (api.request(method, path, json=body) if body is not None else api.request(method, path))
    assert reply.status_code == 400, reply.text
    assert named in reply.text
    assert (await api.get(path)).json() == lead


async def test_conditions_are_http_s_own(api: httpx.AsyncClient) -> None:
    lead = await made(api)
    path = f"/api/leads/{lead['id']}"
    read = await api.get(path)
    etag = read.headers["etag"]
    assert etag == f'"{lead["etag"]}"'
    assert (await api.get(path, headers={"if-none-match": etag})).status_code == 304
    changed = await api.patch(path, json={"name": "Ada"}, headers={"if-match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    assert (await api.get(path, headers={"if-none-match": etag})).status_code == 200
    for late in (
        await api.patch(path, json={"name": "Bob"}, headers={"if-match": etag}),
        await api.put(path, json=lead, headers={"if-match": etag}),
        await api.delete(path, headers={"if-match": etag}),
    ):
        assert (late.status_code, late.json()["error"]["status"]) == (412, "ABORTED")
        assert late.json()["error"]["details"][0]["reason"] == "ETAG_MISMATCH"
    assert (await api.put(path, json={**lead, "name": "Bob"})).status_code == 409
    assert (await api.get(path)).json() == changed.json()


async def test_a_deleted_lead_can_be_read_and_brought_back(api: httpx.AsyncClient) -> None:
    lead = await made(api)
    path = f"/api/leads/{lead['id']}"
    gone = await api.delete(path)
    assert (gone.status_code, bool(gone.json()["delete_time"])) == (200, True)
    assert (await api.get(path)).json() == gone.json()
    assert (await api.get("/api/leads")).json()["leads"] == []
    assert (await api.get("/api/leads?show_deleted=true")).json()["leads"] == [gone.json()]
    refused = await api.patch(path, json={"name": "Ada"})
    assert (refused.status_code, refused.json()["error"]["details"][0]["reason"]) == (400, "LEAD_DELETED")
    second = await made(api)
    blocked = await api.post(f"{path}:undelete", json={})
    assert (blocked.status_code, blocked.json()["error"]["details"][0]["metadata"]["name"]) == (
        409,
        second["id"],
    )
    assert (await api.delete(f"/api/leads/{second['id']}")).status_code == 200
    back = await api.post(f"{path}:undelete")
    assert (back.status_code, back.json().get("delete_time")) == (200, None)


@pytest.mark.parametrize("path", ["/api/leads", "/api/leads/quick-add"])
async def test_a_duplicate_is_a_409_that_names_the_lead(api: httpx.AsyncClient, path: str) -> None:
    lead = await made(api)
    reply = await api.post(path, json={"email": "ADA@example.com"})
    assert reply.status_code == 409
    assert reply.json()["error"]["details"][0]["metadata"] == {"resource": "lead", "name": lead["id"]}


@pytest.mark.parametrize("path", ["/api/leads", "/api/leads/quick-add"])
async def test_an_idempotency_key_makes_a_request_safe_to_repeat(api: httpx.AsyncClient, path: str) -> None:
    headers = {"idempotency-key": "0d6f9c54"}
    first = await api.post(path, json={"email": "ada@example.com"}, headers=headers)
    again = await api.post(path, json={"email": "ada@example.com"}, headers=headers)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    other = await api.post(path, json={"email": "bob@example.com"}, headers=headers)
    assert other.status_code == 400
    assert other.json()["error"]["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"
    lead = f"/api/leads/{first.json()['id']}"
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        replies = [await api.request(method, lead, json=body, headers=headers) for _ in range(2)]
        assert replies[0].status_code == 200, replies[0].text
        assert replies[0].content == replies[1].content


async def test_lists_are_filtered_ordered_and_paged(api: httpx.AsyncClient) -> None:
    leads = [await made(api, f"{name}@{name}.example", name=name.upper()) for name in ("cy", "ada", "bob")]
    for query, expected in [
        ("q=BOB", [2]),
        ("email=ADA@ada.example", [1]),
        ("domain=cy.example", [0]),
        ("created_by=ada", [2, 1, 0]),
        (f"created_after={leads[1]['created_at']}", [2, 1]),
        (f"created_before={leads[1]['created_at']}", [0]),
        ("order_by=email", [1, 2, 0]),
        ("order_by=domain%20desc", [0, 2, 1]),
        ("order_by=created_at", [0, 1, 2]),
    ]:
        found: list[Any] = []
        token = ""
        while True:
            page = await api.get(f"/api/leads?page_size=1&page_token={token}&{query}")
            assert page.status_code == 200, page.text
            found += page.json()["leads"]
            if not (token := page.json()["next_page_token"]):
                break
        assert found == [leads[number] for number in expected], query
    for wrong in ("order_by=name", "domain=http://x", "created_after=yesterday"):
        refused = await api.get(f"/api/leads?{wrong}")
        assert (refused.status_code, wrong.partition("=")[0] in refused.text) == (400, True)


async def test_a_lead_is_looked_up_again_over_http(api: httpx.AsyncClient) -> None:
    lead = await made(api)
    path = f"/api/leads/{lead['id']}:enrich"
    assert (await api.post(path, headers={"if-match": '"stale"'}, json={})).status_code == 412
    asked = await api.post(path, headers={"idempotency-key": "1"}, json={})
    assert asked.status_code == 200
    assert asked.json()["enrichment_status"] == "PENDING"
    assert asked.json()["enrichment_task_id"]
    assert (await api.post(path, headers={"idempotency-key": "1"}, json={})).json() == asked.json()
    assert (await api.post(path)).json() == asked.json()


async def test_suggestions_are_decided_over_http(api: httpx.AsyncClient, stores: LeadStores) -> None:
    lead = await made(api)
    page = Observation("homepage", "https://example.com/", "HTTP GET", utc_now(), b"page")
    names = [drawn([page.found("title", [title])], "", lead["domain"])[0] for title in ("Ada's", "Bob's")]
    with acting_as(Actor("ada")):
        async with stores.write() as store:
            await store.replace_suggestions(UUID(lead["id"]), names)
    path = f"/api/leads/{lead['id']}"
    shown = (await api.get(path)).json()["suggestions"]
    assert [(each["field"], each["value"], each["state"]) for each in shown] == [
        ("name", "Ada's", "OPEN"),
        ("name", "Bob's", "OPEN"),
    ]
    dismissed = await api.post(f"{path}/suggestions/{shown[1]['id']}:dismiss")
    assert dismissed.status_code == 200, dismissed.text
    assert (await api.get(path)).json() == dismissed.json()
    etag = {"if-match": f'"{dismissed.json()["etag"]}"'}
    accepted = await api.post(f"{path}/suggestions/{shown[0]['id']}:accept", headers=etag)
    assert accepted.status_code == 200, accepted.text
    assert accepted.json()["name"] == "Ada's"
    assert [each["state"] for each in accepted.json()["suggestions"]] == ["ACCEPTED", "DISMISSED"]
    again = await api.post(f"{path}/suggestions/{shown[1]['id']}:accept")
    assert (again.status_code, again.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert (await api.post(f"{path}/suggestions/nonsense:accept")).status_code == 400


async def test_a_used_up_quota_is_429_with_retry_after(api: httpx.AsyncClient, stores: LeadStores) -> None:
    with acting_as(Actor("ada")):
        async with stores.write() as store:
            await store.asked("ada")
            await store.note_asked("ada", [utc_now()] * 1000)
    refused = await api.post("/api/leads/quick-add", json={"email": "bob@example.com"})
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["retry-after"]) <= 3600
    (info,) = (each for each in refused.json()["error"]["details"] if each.get("reason"))
    assert info["reason"] == "ENRICHMENT_QUOTA_EXCEEDED"
    assert info["metadata"] == {"quota": "hourly", "limit": "1000", "used": "1000"}


async def test_evidence_is_had_over_rest_and_a_lead_erased(
    api: httpx.AsyncClient, lead_database: TestDatabase, issuer: Issuer
) -> None:
    lead = await made(api)
    await seal(lead_database, sealing())
    denied = await api.get("/api/leads/audit-log/checkpoint")
    assert denied.status_code == 403
    api.headers["authorization"] = f"Bearer {issuer.person('grace', 'admin')}"
    checkpoint = (await api.get("/api/leads/audit-log/checkpoint")).json()
    assert (checkpoint["size"], checkpoint["public_key"]) == (1, str(SIGNER.key))
    (entry,) = (await api.get(f"/api/leads/{lead['id']}/audit")).json()["entries"]
    proof = (await api.get(f"/api/leads/audit-log/entries/{entry['id']}/proof")).json()
    assert (proof["index"], proof["checkpoint"]["root_hash"]) == (0, checkpoint["root_hash"])
    consistency = (await api.get("/api/leads/audit-log/consistency", params={"first": 1})).json()
    assert (consistency["first"], consistency["second"]) == (1, 1)
    evidence = await api.get(f"/api/leads/{lead['id']}/evidence")
    assert evidence.headers["content-type"] == "application/zip"
    assert f"evidence-{lead['id']}.zip" in evidence.headers["content-disposition"]
    assert evidence.content.startswith(b"PK")
    erased = (await api.post(f"/api/leads/{lead['id']}:erase", json={})).json()
    assert (erased["number"], erased["erased_by"]) == (1, "grace")
    assert (await api.get("/api/leads:erasures", params={"after": 0})).json() == {"erasures": [erased]}
    assert (await api.get(f"/api/leads/{lead['id']}")).status_code == 404
