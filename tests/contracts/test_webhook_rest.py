"""Promise: the REST interface of webhooks, from HTTP through the gateway to PostgreSQL and back."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from protos.leadfactory.report.v1 import webhook_pb2, webhook_pb2_grpc
from report_service.session import ReportSession
from report_service.webhooks.endpoints import Webhooks
from report_service.webhooks.repository import PostgresWebhookStore
from report_service.webhooks.servicer import WebhookServicer
from report_service.webhooks.signing import Vault
from services.database import Database, UnitsOfWork
from services.egress.addresses import networks
from services.egress.post import Reach
from services.ids import uuid7
from services.server import Service
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.services.egress.test_dial import Names

URL = "https://hooks.example.com/leadfactory?customer=7"
Client = Callable[[str], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(params=[True])
def has_key(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False])
def is_inside(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def client(
    report_database: TestDatabase,
    serve_in_process: ServeInProcess,
    through_gateway: ThroughGateway,
    has_key: bool,
    is_inside: bool,
) -> AsyncIterator[Client]:
    database = Database(report_database.url, name="test", session_class=ReportSession)
    vault = Vault(Fernet.generate_key().decode()) if has_key else None
    # Every name leads to one address outside, or to one inside where those are allowed.
    allowed = networks("10.1.0.0/16") if is_inside else ()
    names = Names("10.1.2.3" if is_inside else "8.8.8.8")
    service = Service(
        webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        webhook_pb2_grpc.add_WebhookServiceServicer_to_server,
        WebhookServicer(
            Webhooks(UnitsOfWork(database, PostgresWebhookStore), vault, Reach(allowed=allowed), names)
        ),
    )
    async with serve_in_process(service) as address:
        yield partial(through_gateway, address)
    await database.close()


async def create(admin: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await admin.post("/api/webhooks", json={"url": URL, **body})
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()
    return made


def reason(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["details"][0].get("reason", "")


async def test_an_endpoint_is_registered_and_its_secret_is_shown_once(client: Client) -> None:
    async with client("admin") as admin:
        made = await create(admin, description="CRM", events=["REPORT_COMPLETED", "BATCH_ENDED"])
        assert made["secret"].startswith("whsec_")
        assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
        assert (made["url"], made["status"], made["created_by"]) == (URL, "ENABLED", "ada")
        found = await admin.get(f"/api/webhooks/{made['id']}")
        assert found.headers["etag"] == f'"{made["etag"]}"'
        assert found.json() == {**made, "secret": ""}
        listed = (await admin.get("/api/webhooks")).json()["webhook_endpoints"]
        assert listed == [found.json()]


async def test_an_endpoint_that_asks_for_nothing_is_told_everything(client: Client) -> None:
    async with client("admin") as admin:
        assert (await create(admin))["events"] == ["REPORT_COMPLETED", "REPORT_FAILED", "BATCH_ENDED"]


@pytest.mark.parametrize("role", ["viewer", "operator", "auditor"])
async def test_nobody_but_an_admin_has_to_do_with_webhooks(client: Client, role: str) -> None:
    some = uuid7()
    async with client("admin") as admin, client(role) as other:
        made = await create(admin)
        for method, path in (
            ("GET", "/api/webhooks"),
            ("POST", "/api/webhooks"),
            ("GET", f"/api/webhooks/{made['id']}"),
            ("PATCH", f"/api/webhooks/{made['id']}"),
            ("DELETE", f"/api/webhooks/{made['id']}"),
            ("POST", f"/api/webhooks/{made['id']}:test"),
            ("POST", f"/api/webhooks/{made['id']}:rotate"),
            ("GET", f"/api/webhooks/{made['id']}/deliveries"),
            ("GET", f"/api/webhooks/{made['id']}/deliveries/{some}"),
            ("POST", f"/api/webhooks/{made['id']}/deliveries/{some}:redeliver"),
        ):
            body = {} if method in ("GET", "DELETE") else {"json": {}}
            assert (await other.request(method, path, **body)).status_code == 403, path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://metadata.google.internal/",
        "https://hooks.example.com:22/",
        "https://user:pw@hooks.example.com/",
        "https://hooks.example.com/#top",
        "ftp://hooks.example.com/",
        "https://hooks .example.com/",
        "https://" + "a" * 3000 + ".example/",
    ],
)
async def test_a_url_that_no_message_may_go_to_is_refused_by_its_field(client: Client, url: str) -> None:
    async with client("admin") as admin:
        made = await create(admin)
        for reply in (
            await admin.post("/api/webhooks", json={"url": url}),
            await admin.patch(f"/api/webhooks/{made['id']}", json={"url": url}),
        ):
            assert reply.status_code == 400, reply.text
            assert "webhook_endpoint.url" in reply.text
        assert (await admin.get(f"/api/webhooks/{made['id']}")).json()["url"] == URL


@pytest.mark.parametrize("is_inside", [True], indirect=True)
async def test_plain_http_is_registered_for_a_name_in_an_allowed_network_only(client: Client) -> None:
    async with client("admin") as admin:
        made = await create(admin, url="http://receiver.corp.example.com:8080/hook")
        path = f"/api/webhooks/{made['id']}"
        for url in ("http://8.8.8.8/", "http://10.2.0.1/"):
            assert reason(await admin.patch(path, json={"url": url})) == (400, "INVALID_ARGUMENT")
        assert (await admin.get(path)).json()["url"] == made["url"]


async def test_a_patch_changes_what_it_names_and_of_two_editors_one(client: Client) -> None:
    async with client("admin") as admin:
        made = await create(admin, description="CRM")
        path, tag = f"/api/webhooks/{made['id']}", f'"{made["etag"]}"'
        changed = await admin.patch(path, json={"status": "DISABLED"}, headers={"If-Match": tag})
        assert (changed.json()["status"], changed.json()["description"]) == ("DISABLED", "CRM")
        late = await admin.patch(path, json={"description": "late"}, headers={"If-Match": tag})
        assert reason(late) == (412, "ETAG_MISMATCH")
        same = await admin.patch(path, json={"status": "DISABLED"})
        assert same.json()["etag"] == changed.json()["etag"]
        refused = await admin.patch(path, json={"created_by": "eve"})
        assert refused.status_code == 400


async def test_a_rotated_secret_is_new_and_the_earlier_one_expires(client: Client) -> None:
    async with client("admin") as admin:
        made = await create(admin)
        path = f"/api/webhooks/{made['id']}:rotate"
        rotated = (await admin.post(path, json={"keep_earlier_seconds": 3600})).json()
        assert rotated["secret"] not in ("", made["secret"])
        newest, earlier = rotated["secrets"]
        assert "expires_at" not in newest
        assert earlier["expires_at"]
        for _ in range(3):
            await admin.post(path, json={})
        assert reason(await admin.post(path, json={})) == (400, "TOO_MANY_SECRETS")
        assert len((await admin.post(path, json={"keep_earlier_seconds": 0})).json()["secrets"]) == 1
        assert (await admin.post(path, json={"keep_earlier_seconds": -1})).status_code == 400


async def test_a_test_makes_a_delivery_that_can_be_looked_at_and_sent_again(client: Client) -> None:
    async with client("admin") as admin:
        made = await create(admin)
        path = f"/api/webhooks/{made['id']}"
        sent = (await admin.post(f"{path}:test", json={})).json()
        assert (sent["event"], sent["status"], sent["attempts"]) == ("TEST", "PENDING", 0)
        listed = (await admin.get(f"{path}/deliveries", params={"status": "PENDING"})).json()
        assert listed["webhook_deliveries"] == [sent]
        assert (await admin.get(f"{path}/deliveries/{sent['id']}")).json() == sent
        again = await admin.post(f"{path}/deliveries/{sent['id']}:redeliver", json={})
        assert again.json()["status"] == "PENDING"
        await admin.patch(path, json={"status": "DISABLED"})
        for refused in (f"{path}:test", f"{path}/deliveries/{sent['id']}:redeliver"):
            assert reason(await admin.post(refused, json={})) == (400, "WEBHOOK_DISABLED")


async def test_deliveries_come_page_by_page_bound_to_their_filter(client: Client) -> None:
    async with client("admin") as admin:
        path = f"/api/webhooks/{(await create(admin))['id']}"
        sent = [(await admin.post(f"{path}:test", json={})).json()["id"] for _ in range(3)]
        first = (await admin.get(f"{path}/deliveries", params={"page_size": 2})).json()
        token = first["next_page_token"]
        rest = (await admin.get(f"{path}/deliveries", params={"page_size": 2, "page_token": token})).json()
        found = [each["id"] for page in (first, rest) for each in page["webhook_deliveries"]]
        assert (sorted(found), rest["next_page_token"]) == (sorted(sent), "")
        foreign = await admin.get(f"{path}/deliveries", params={"status": "FAILED", "page_token": token})
        assert foreign.status_code == 400


async def test_a_removed_endpoint_is_gone(client: Client) -> None:
    async with client("admin") as admin:
        path = f"/api/webhooks/{(await create(admin))['id']}"
        assert (await admin.delete(path, headers={"If-Match": '"other"'})).status_code == 412
        assert (await admin.delete(path)).status_code == 200
        for method, gone in (("GET", path), ("DELETE", path), ("GET", f"{path}/deliveries")):
            assert (await admin.request(method, gone)).status_code == 404
        assert (await admin.post(f"{path}:test", json={})).status_code == 404


@pytest.mark.parametrize("has_key", [False], indirect=True)
async def test_without_a_key_webhooks_are_off_and_say_so(client: Client) -> None:
    some = f"/api/webhooks/{uuid7()}"
    async with client("admin") as admin:
        for reply in (
            await admin.post("/api/webhooks", json={"url": URL}),
            await admin.post(f"{some}:test", json={}),
            await admin.post(f"{some}:rotate", json={}),
            await admin.patch(some, json={"url": URL}),
        ):
            assert reason(reply) == (400, "WEBHOOKS_OFF")
            assert "WEBHOOK_KEY" in reply.json()["error"]["message"]
        assert (await admin.get("/api/webhooks")).json()["webhook_endpoints"] == []
