"""Promise: the REST interface of templates, from HTTP through the gateway to a render process and back."""

import base64
import io
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pikepdf
import pytest
from PIL import Image

from protos.leadfactory.report.v1 import template_pb2, template_pb2_grpc
from report_service import payload
from report_service.library.repository import PostgresTemplateStore
from report_service.library.servicer import TemplateServicer
from report_service.library.shelf import Shelf
from report_service.library.versions import Library
from report_service.objects import StoredObjects
from report_service.rendering import archive, bundles
from report_service.rendering.bundles import digest_of
from report_service.rendering.pool import RenderPool
from report_service.rendering.standby import StandbyPool
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import FailedPrecondition, NotFound
from services.ids import uuid7
from services.server import Service
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.report_service.rendering_inputs import sample
from tests.report_service.template_files import PAGE, small, zipped

REPORT = uuid7()
ENDLESS = "{% for a in range(9999) %}" * 9 + "{% endfor %}" * 9


class Past:
    """One report whose inputs were captured."""

    async def of(self, report_id: UUID) -> bytes:
        if report_id != REPORT:
            raise NotFound("recorded inputs of report", str(report_id))
        inputs = sample()
        inputs["lead"]["name"] = "From the past"
        return payload.canonical(inputs)


class World:
    """The API, and who calls it."""

    def __init__(self, client: httpx.AsyncClient, issuer: Issuer) -> None:
        self.client, self.issuer = client, issuer

    async def call(self, method: str, path: str, body: Any = None, role: str = "admin") -> httpx.Response:
        headers = {"authorization": f"Bearer {self.issuer.person('ada', role)}"}
        return await self.client.request(method, path, json=body, headers=headers, timeout=60)

    async def create(self, version: str = "1.0.0", **changes: Any) -> httpx.Response:
        return await self.send(zipped(small(**changes)), version)

    async def send(self, packed: bytes, version: str = "1.0.0", name: str = "letter") -> httpx.Response:
        body = {"name": name, "version": version, "archive": base64.b64encode(packed).decode()}
        return await self.call("POST", "/api/templates", body)

    async def publish(self, version: str = "1.0.0") -> httpx.Response:
        return await self.call("POST", f"/api/templates/letter@{version}:publish", {})


@pytest.fixture
async def world(
    report_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    tmp_path: Path,
    through_gateway: ThroughGateway,
) -> AsyncIterator[World]:
    database = Database(report_database.url, name="test")
    stores = UnitsOfWork(database, PostgresTemplateStore)
    objects = StoredObjects((tmp_path / "objects").as_uri())
    shelf, studio = Shelf(stores, objects), StandbyPool()
    service = Service(
        template_pb2.DESCRIPTOR.services_by_name["TemplateService"],
        template_pb2_grpc.add_TemplateServiceServicer_to_server,
        TemplateServicer(Library(stores, objects, shelf, utc_now), studio, Past()),
    )
    async with serve_in_process(service) as address, through_gateway(address) as client:
        yield World(client, issuer)
    await studio.close()
    shelf.close()
    await database.close()


def violations(reply: httpx.Response) -> dict[str, str]:
    """Return what an INVALID_ARGUMENT says of each field."""
    assert reply.status_code == 400, reply.text
    details = reply.json()["error"]["details"]
    (found,) = [each for each in details if each["@type"].endswith("BadRequest")]
    return {each["field"]: each["description"] for each in found["field_violations"]}


async def test_a_version_goes_from_draft_to_published_to_retired(world: World) -> None:
    draft = (await world.create()).json()
    assert (draft["id"], draft["status"], draft["origin"]) == ("letter@1.0.0", "DRAFT", "CREATED")
    assert draft["digest"] == digest_of(small())
    assert draft["locales"] == ["de", "en"]
    assert draft["created_by"] == "ada"
    assert [each["name"] for each in draft["files"]] == sorted(small())
    assert (await world.create()).json() == draft  # the same again is the first

    published = (await world.publish()).json()
    assert (published["status"], published["published_by"]) == ("PUBLISHED", "ada")
    assert (await world.publish()).json() == published
    assert (await world.call("GET", "/api/templates/letter@1.0.0", role="viewer")).json() == published

    assert (await world.call("DELETE", "/api/templates/letter@1.0.0")).status_code == 400
    other = await world.create(report__css="p {}")
    assert other.status_code == 409
    assert "PUBLISHED" in other.json()["error"]["message"]

    retired = await world.call("POST", "/api/templates/letter@1.0.0:retire", {})
    assert retired.json()["status"] == "RETIRED"
    again = await world.publish()
    assert again.status_code == 400
    assert again.json()["error"]["status"] == "FAILED_PRECONDITION"


async def test_versions_are_listed_newest_first_together_with_those_shipped(world: World) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0"):
        await world.create(version, report__css=f"/* {version} */")
    await world.call("DELETE", "/api/templates/letter@2.0.0")
    everything = (await world.call("GET", "/api/templates", role="viewer")).json()
    ids = [each["id"] for each in everything["template_versions"]]
    shipped = ["website_audit@2.0.1", "website_audit@2.0.0", "website_audit@1.0.0"]
    assert ids == ["letter@1.10.0", "letter@1.9.0", *shipped]
    assert all("files" not in each or not each["files"] for each in everything["template_versions"])
    found, token = [], ""
    for _ in ids:
        page = (await world.call("GET", f"/api/templates?page_size=1&page_token={token}")).json()
        found += [each["id"] for each in page["template_versions"]]
        token = page["next_page_token"]
    assert (found, token) == (ids, "")
    drafts = (await world.call("GET", "/api/templates?status=DRAFT&name=letter")).json()["template_versions"]
    assert [each["id"] for each in drafts] == ids[:2]


async def test_only_admins_create_publish_retire_and_remove(world: World) -> None:
    body = {"name": "letter", "version": "1.0.0", "archive": base64.b64encode(zipped(small())).decode()}
    for role in ("viewer", "operator", "auditor"):
        for method, path, sent in (
            ("POST", "/api/templates", body),
            ("POST", "/api/templates/letter@1.0.0:publish", {}),
            ("POST", "/api/templates/letter@1.0.0:retire", {}),
            ("DELETE", "/api/templates/letter@1.0.0", None),
        ):
            assert (await world.call(method, path, sent, role)).status_code == 403
    preview = await world.call("GET", "/api/templates/website_audit@2.0.0:preview", role="viewer")
    assert preview.status_code == 403


@pytest.mark.parametrize(
    ("packed", "field", "words"),
    [
        (b"no archive", "archive", "ZIP"),
        (zipped({"../../etc/cron.d/x.css": b"x"}), "../../etc/cron.d/x.css", "no name"),
        (zipped({"bomb.css": b"\0" * 50_000_000}), "bomb.css", "too large"),
        (zipped(small(strings_in_de__json={})), "strings/de.json: title", "missing"),
        (zipped(small(sample__json=None)), "sample.json", "missing"),
    ],
)
async def test_an_archive_that_is_no_bundle_is_refused_by_file(
    world: World, packed: bytes, field: str, words: str
) -> None:
    found = violations(await world.send(packed))
    assert words in found[field]
    assert (await world.call("GET", "/api/templates/letter@1.0.0")).status_code == 404


async def test_what_fails_its_checks_stays_a_draft_and_hurts_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("report_service.rendering.standby.INSPECTION_SECONDS", 6)
    hostile = {
        "1.0.1": (ENDLESS, "stopped"),
        "1.0.2": ("{{ 'x' * 3000000000 }}", "memory"),
        "1.0.3": ("{{ lead.__class__.__mro__ }}", "__class__"),
        "1.0.4": ('<img src="file:///etc/passwd" alt="x">', "passwd"),
        "1.0.5": ('<link rel="stylesheet" href="http://127.0.0.1:9/x.css">', "127.0.0.1"),
        "1.0.6": ("{{ nobody }}", "nobody"),
    }
    for version, (page, _) in hostile.items():
        assert (await world.create(version, report__html__j2=PAGE + page)).status_code == 200
    for version, (_, words) in hostile.items():
        found = violations(await world.publish(version))
        assert words in found["report.html.j2"], version
    await world.create()
    assert (await world.publish()).json()["status"] == "PUBLISHED"
    statuses = (await world.call("GET", "/api/templates?name=letter")).json()["template_versions"]
    assert [each["status"] for each in statuses] == ["DRAFT"] * 6 + ["PUBLISHED"]


def text_and_identity(pdf: bytes) -> tuple[bytes, str]:
    with pikepdf.open(io.BytesIO(pdf)) as file:
        return bytes(file.trailer.ID[0]), str(file.Root.Lang)


async def test_a_draft_is_previewed_as_pdf_and_page_by_page(world: World) -> None:
    await world.create()
    path = "/api/templates/letter@1.0.0:preview"
    pdf = await world.call("GET", path, role="operator")
    assert pdf.headers["content-type"] == "application/pdf"
    assert text_and_identity(pdf.content) == (b"0" * 32, "en")
    german = await world.call("GET", f"{path}?locale=de&report_id={REPORT}")
    assert text_and_identity(german.content) == (b"0" * 32, "de")
    assert (await world.call("GET", path)).content == pdf.content

    png = await world.call("GET", f"{path}?format=PNG&width=400")
    assert png.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(png.content)) as image:
        assert image.size == (400, 566)
    assert "1 page only" in violations(await world.call("GET", f"{path}?format=PNG&page=2"))["page"]

    missing = await world.call("GET", f"{path}?report_id={uuid7()}")
    assert missing.status_code == 404


async def test_a_preview_that_fails_says_why_and_the_next_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pool = partial(RenderPool, wall_seconds=6)
    monkeypatch.setattr("report_service.rendering.standby.RenderPool", make_pool)
    await world.create("1.0.0", report__html__j2=PAGE + ENDLESS)
    await world.create("1.0.1")
    failed = await world.call("GET", "/api/templates/letter@1.0.0:preview")
    assert failed.status_code == 400
    assert failed.json()["error"]["status"] == "FAILED_PRECONDITION"
    assert "was stopped" in failed.json()["error"]["message"]
    assert (await world.call("GET", "/api/templates/letter@1.0.1:preview")).status_code == 200


async def test_versions_are_compared_and_downloaded(world: World) -> None:
    first = small()
    second = small(strings_in_en__json={"title": "Hello", "greeting": "Good morning, {name}"})
    await world.send(zipped(first), "1.0.0")
    await world.send(zipped(second), "1.0.1")
    found = (
        await world.call("GET", "/api/templates:diff?a=letter@1.0.0&b=letter@1.0.1", role="viewer")
    ).json()
    assert found["identical"] is False
    assert [(each["name"], each["change"]) for each in found["files"]] == [("strings/en.json", "CHANGED")]
    assert found["strings"] == [
        {"locale": "en", "key": "title", "change": "CHANGED", "a": "Greeting", "b": "Hello"}
    ]
    assert found["schema"] == []
    packed = await world.call("GET", "/api/templates/letter@1.0.1/archive")
    assert packed.headers["content-type"] == "application/zip"
    assert archive.unpack(packed.content) == second
    shipped = await world.call("GET", "/api/templates/website_audit@2.0.0/archive")
    assert archive.unpack(shipped.content) == bundles.read(bundles.find("website_audit", "2.0.0").path)
    # What was shipped can be sent back under a version of its own, and not under its own.
    assert (await world.send(shipped.content, "9.9.9")).json()["status"] == "DRAFT"
    assert (await world.send(shipped.content, "2.0.0", "website_audit")).json()["origin"] == "SHIPPED"
    assert (await world.send(zipped(first), "2.0.0", "website_audit")).status_code == 409


@pytest.mark.parametrize("path", ["nothing@1.0.0", "letter", "letter@latest", "..%2f..%2fetc@1.0.0"])
async def test_an_unknown_version_is_not_found(world: World, path: str) -> None:
    assert (await world.call("GET", f"/api/templates/{path}")).status_code == 404


async def test_a_created_version_is_there_for_reports_and_stays_so_when_retired(
    report_database: TestDatabase, tmp_path: Path, world: World
) -> None:
    await world.create()
    database = Database(report_database.url, name="test")
    objects = StoredObjects((tmp_path / "objects").as_uri())
    # Of another process, which has nothing at hand yet.
    shelf = Shelf(UnitsOfWork(database, PostgresTemplateStore), objects)
    with pytest.raises(FailedPrecondition, match="DRAFT"):
        await shelf.choose("letter", "1.0.0")
    with pytest.raises(NotFound):
        await shelf.choose("letter", "")
    await world.publish()
    chosen = await shelf.choose("letter", "")
    assert (chosen.template_version_id, chosen.locales) == ("letter@1.0.0", {"de", "en"})
    await world.call("POST", "/api/templates/letter@1.0.0:retire", {})
    with pytest.raises(FailedPrecondition, match="RETIRED"):
        await shelf.choose("letter", "1.0.0")
    brought = await shelf.bring("letter@1.0.0", chosen.digest)
    assert bundles.read(brought.path) == small()
    with pytest.raises(FailedPrecondition, match="no longer the one"):
        await shelf.bring("letter@1.0.0", "00" * 32)
    assert await shelf.choose("website_audit", "") == bundles.find("website_audit")
    shelf.close()
    await database.close()
