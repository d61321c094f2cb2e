"""Promise: files of leads over REST, from HTTP through the gateway to PostgreSQL and back."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from lead_service import refusals
from lead_service.import_repository import PostgresImportStore
from lead_service.quota import Quota
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from lead_service.transfer_servicer import LeadTransferServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc, transfers_pb2, transfers_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.gateway.transcoding.conftest import listening

QUOTA = Quota(hourly=10, at_once=500)
COUNTS = ("rows", "created", "updated", "unchanged", "duplicates", "refused")


class Api:
    """The whole API, as one person or another."""

    def __init__(self, client: httpx.AsyncClient, issuer: Issuer) -> None:
        self.client = client
        self._issuer = issuer

    def people(self, subject: str, *roles: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._issuer.person(subject, *roles)}"}

    async def get(self, path: str, subject: str = "ada", role: str = "operator") -> httpx.Response:
        return await self.client.get(path, headers=self.people(subject, role))

    async def post(self, path: str, content: Any = b"", **headers: str) -> httpx.Response:
        return await self.client.post(
            path, content=content, headers={**self.people("ada", "operator"), **headers}
        )

    async def bring(self, text: str | bytes, query: str = "", **headers: str) -> dict[str, Any]:
        content = text.encode() if isinstance(text, str) else text
        reply = await self.post(f"/api/leads:import?{query}", content, **headers)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done

    async def undo(self, import_id: str) -> dict[str, Any]:
        reply = await self.client.post(
            f"/api/leads/imports/{import_id}:undo", json={}, headers=self.people("ada", "operator")
        )
        assert reply.status_code == 200, reply.text
        undone: dict[str, Any] = reply.json()
        return undone

    async def leads(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/api/leads?{query}")).json()["leads"]
        return found

    async def errors(self, import_id: str) -> list[list[str]]:
        reply = await self.get(f"/api/leads/imports/{import_id}/errors")
        assert reply.headers["content-type"] == "text/csv; charset=utf-8"
        header, *rows = csv.reader(io.StringIO(reply.text, newline=""))
        assert header == ["row", "column", "value", "reason"]
        return rows


@pytest.fixture
async def api(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer, tmp_path: Path
) -> AsyncIterator[Api]:
    database = Database(lead_database.url, name="test")
    leads, kept = UnitsOfWork(database, PostgresLeadStore), records(database)
    imports = UnitsOfWork(database, partial(PostgresImportStore, quota=QUOTA))
    services = [
        Service(
            lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
            lead_pb2_grpc.add_LeadServiceServicer_to_server,
            LeadServicer(leads, utc_now, kept),
        ),
        Service(
            transfers_pb2.DESCRIPTOR.services_by_name["LeadTransferService"],
            transfers_pb2_grpc.add_LeadTransferServiceServicer_to_server,
            LeadTransferServicer(imports, leads, kept.audits, utc_now),
        ),
    ]
    async with serve_in_process(*services, on_refusal=refusals.noting(kept.audits)) as address:
        addresses = {f"{context}_service_address": address for context in ("lead", "report", "lineage")}
        settings = GatewaySettings(
            **{**issuer.settings("gateway"), **addresses, "login_directory": tmp_path, "gateway_port": 0}
        )
        async with (
            backends.connect(settings, contract.image()) as channels,
            listening(app.create(settings, channels, tmp_path)) as client,
        ):
            yield Api(client, issuer)
    await database.close()


def counts(done: dict[str, Any]) -> list[int]:
    return [done[name] for name in COUNTS]


async def test_a_file_becomes_leads_that_nobody_typed_in_and_that_its_id_finds(api: Api) -> None:
    done = await api.bring(
        '\ufeffCompany;E-Mail;Website;Phone\r\n"Ada; Ltd";ada@a.example;https://www.a.example/shop;1\r\n'
        '"Bob\r\nInc";bob@b.example;;2\r\n;carol@c.example;;\r\n',
        "filename=leads.csv",
    )
    assert (done["state"], done["filename"]) == ("COMPLETED", "leads.csv")
    assert done["columns"] == {"email": "E-Mail", "domain": "Website", "name": "Company"}
    assert done["ignored_columns"] == ["Phone"]
    assert counts(done) == [3, 3, 0, 0, 0, 0]
    leads = await api.leads(f"import_id={done['id']}&order_by=email")
    assert [(each["email"], each["domain"], each["name"]) for each in leads] == [
        ("ada@a.example", "www.a.example", "Ada; Ltd"),
        ("bob@b.example", "b.example", "Bob Inc"),
        ("carol@c.example", "c.example", ""),
    ]
    assert {(each["is_manual"], each["created_by"], each["import_id"]) for each in leads} == {
        (False, "ada", done["id"])
    }
    assert await api.leads("import_id=0190a0f0-0000-7000-8000-000000000000") == []
    assert (await api.get(f"/api/leads/imports/{done['id']}")).json() == done
    assert (await api.get("/api/leads/imports")).json() == {"imports": [done], "next_page_token": ""}


async def test_a_dry_run_counts_what_would_be_and_writes_nothing(api: Api) -> None:
    await api.bring("email,name\nada@a.example,Ada\nbob@b.example,Bob\n")
    text = (
        "email,name\nADA@A.example,Ada L.\nbob@b.example,Bob\nnew@c.example,\nNEW@c.example,again\n"
        "nobody,\nok@d.example,a\x01b\nx@e.example\n"
    )
    tried = await api.bring(text, "dry_run=true&existing=UPDATE")
    assert counts(tried) == [7, 1, 1, 1, 1, 3]
    assert len(await api.leads()) == 2
    assert [row[:3] for row in await api.errors(tried["id"])] == [
        ["5", "email", "NEW@c.example"],
        ["6", "email", "nobody"],
        ["7", "name", "a b"],
        ["8", "", ""],
    ]
    done = await api.bring(text, "existing=UPDATE")
    assert counts(done) == counts(tried)
    assert {each["name"] for each in await api.leads("email=ada@a.example")} == {"Ada L."}
    again = await api.bring(text, "existing=UPDATE")
    assert counts(again) == [7, 0, 0, 3, 1, 3]


async def test_existing_leads_stay_as_they_are_unless_told_otherwise(api: Api) -> None:
    await api.bring("email,name\nada@a.example,Ada\n")
    assert counts(await api.bring("email,name\nada@a.example,Grace\n")) == [1, 0, 0, 1, 0, 0]
    assert counts(await api.bring("email,name\nada@a.example,\n", "existing=UPDATE")) == [1, 0, 0, 1, 0, 0]
    assert [each["name"] for each in await api.leads()] == ["Ada"]


async def test_an_undo_takes_back_what_nobody_touched_since_and_lists_the_rest(api: Api) -> None:
    await api.bring("email,name\nold@a.example,Old\nolder@a.example,Older\n")
    done = await api.bring(
        "email,name\nold@a.example,New\nolder@a.example,Newer\nada@a.example,Ada\nbob@b.example,Bob\n",
        "existing=UPDATE",
    )
    assert counts(done) == [4, 2, 2, 0, 0, 0]
    (bob,) = await api.leads("email=bob@b.example")
    (older,) = await api.leads("email=older@a.example")
    for lead, change in ((bob, {"name": "Bobby"}), (older, {"is_manual": True})):
        await api.client.patch(f"/api/leads/{lead['id']}", json=change, headers=api.people("ada", "operator"))
    undone = await api.undo(done["id"])
    assert (undone["state"], undone["undone"], undone["conflicts"], undone["undone_by"]) == (
        "UNDONE",
        2,
        2,
        "ada",
    )
    assert {each["name"] for each in await api.leads()} == {"Old", "Newer", "Bobby"}
    listed = (await api.get(f"/api/leads/imports/{done['id']}/conflicts?page_size=1")).json()
    assert listed["conflicts"] == [{"row": 3, "lead_id": older["id"]}]
    token = listed["next_page_token"]
    rest = (await api.get(f"/api/leads/imports/{done['id']}/conflicts?page_size=1&page_token={token}")).json()
    assert rest == {"conflicts": [{"row": 5, "lead_id": bob["id"]}], "next_page_token": ""}
    assert await api.undo(done["id"]) == undone
    # Every single step is in the audit, and so is the whole.
    (ada,) = await api.leads("email=ada@a.example&show_deleted=true")
    entries = (await api.get(f"/api/leads/{ada['id']}/audit", "eve", "auditor")).json()["entries"]
    assert [each["action"] for each in entries] == ["DELETE", "CREATE"]
    assert entries[0]["method"].endswith("/UndoLeadImport")
    everything = (await api.get("/api/leads/-/audit", "eve", "auditor")).json()["entries"]
    assert [(each["action"], each["reason"]) for each in everything if not each["lead_id"]] == [
        ("UNDO", f"import {done['id']}"),
        ("IMPORT", f"import {done['id']}"),
        ("IMPORT", everything[-1]["reason"]),
    ]


async def test_what_an_undo_deleted_can_be_imported_again(api: Api) -> None:
    first = await api.bring("email\nada@a.example\n")
    await api.undo(first["id"])
    assert counts(await api.bring("email\nada@a.example\n")) == [1, 1, 0, 0, 0, 0]


async def test_a_dry_run_and_a_strange_import_cannot_be_undone(api: Api) -> None:
    tried = await api.bring("email\nada@a.example\n", "dry_run=true")
    path = f"/api/leads/imports/{tried['id']}:undo"
    refused = await api.client.post(path, json={}, headers=api.people("ada", "operator"))
    assert (refused.status_code, refused.json()["error"]["details"][0]["reason"]) == (400, "IMPORT_DRY_RUN")
    done = await api.bring("email\nada@a.example\n")
    path = f"/api/leads/imports/{done['id']}:undo"
    for subject, role, expected in [("bob", "operator", 403), ("bob", "auditor", 403), ("bob", "admin", 200)]:
        reply = await api.client.post(path, json={}, headers=api.people(subject, role))
        assert reply.status_code == expected, (subject, role)


@pytest.mark.parametrize("rest", ["", "/errors", "/conflicts"])
async def test_an_import_is_seen_by_its_creator_auditors_and_admins_alone(api: Api, rest: str) -> None:
    done = await api.bring("email\nada@a.example\n")
    path = f"/api/leads/imports/{done['id']}{rest}"
    for subject, role, expected in [
        ("ada", "operator", 200),
        ("bob", "operator", 403),
        ("ada", "viewer", 403),
        ("bob", "viewer", 403),
        ("bob", "auditor", 200),
        ("bob", "admin", 200),
    ]:
        assert (await api.get(path, subject, role)).status_code == expected, (subject, role)
    assert (await api.get(path.replace(done["id"], done["id"][:-4] + "0000"))).status_code == 404
    assert (await api.get("/api/leads/imports", "bob")).json()["imports"] == []
    assert len((await api.get("/api/leads/imports", "bob", "auditor")).json()["imports"]) == 1
    denied = (await api.get("/api/leads/-/audit?action=DENIED", "eve", "auditor")).json()["entries"]
    assert {each["user_id"] for each in denied} == {"ada", "bob"}


async def test_the_columns_can_be_named(api: Api) -> None:
    text = "Mail,Second Mail,=Site\nada@a.example,bob@b.example,'+www.c.example\n"
    done = await api.bring(text, "columns%5Bemail%5D=second+mail&columns%5Bdomain%5D=")
    assert [(each["email"], each["domain"]) for each in await api.leads()] == [("bob@b.example", "b.example")]
    assert done["columns"] == {"email": "Second Mail"}
    wrong = await api.post("/api/leads:import?columns[email]=Nope", b"a,b\n1,2\n")
    assert wrong.status_code == 400
    assert "there is no column 'Nope'; the file has a, b" in wrong.json()["error"]["message"]
    assert (await api.post("/api/leads:import?columns[phone]=x", b"email\n")).status_code == 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "the file is empty"),
        (b"name,phone\nAda,1\n", "row 1: has no column of e-mail addresses. It has name, phone"),
        (b"email,Email\na@b.example,\n", "row 1: names columns 1 and 2 the same"),
        (b",".join(b"c%d" % n for n in range(10_000)) + b"\n", "row 1: has 10000 columns; at most 1000"),
        ("email\nada@a.example\n".encode("utf-16"), "row 1: the file is in UTF-16"),
        (b"e\0mail\nada@a.example\n", "row 1, column 1: is not readable text"),
        (b"n\xe4me,email\n", "row 1, column 1: is not readable text"),
        (b'"email\nada@a.example\n', "row 1: unexpected end of data; is a quote left open"),
        (b'"email"x\nada@a.example\n', "row 1: its quoting is wrong"),
    ],
)
async def test_a_file_with_a_wrong_header_is_refused_and_is_no_import(
    api: Api, content: bytes, said: str
) -> None:
    reply = await api.post("/api/leads:import", content)
    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]
    assert (await api.get("/api/leads/imports")).json()["imports"] == []


async def test_a_header_alone_is_a_file_without_rows(api: Api) -> None:
    assert counts(await api.bring("email,name")) == [0] * 6


async def test_rows_that_are_no_leads_are_told_by_row_and_column_and_the_others_come_in(api: Api) -> None:
    content = (
        b"email,name,domain\r\n"
        b"ada@a.example,Ada,\r\n"
        b"j\xfcrgen@b.example,J,\r\n"  # Latin-1
        b"bob@b.example,B\xfcb,\r\n"
        b"\r\n"
        b"carol@c.example,a\0b,\r\n"
        b"dan@d.example,Dan,localhost,more\r\n"
        b"eve@e.example,=cmd|' /C calc'!A0,10.0.0.1\r\n"
        b'"fay"@f.example,Fay,\r\n'
        b"=1+1,,\r\n"
        b"zoe@z.example,Zoe,z.example\r\n"
    )
    done = await api.bring(content)
    assert counts(done) == [9, 2, 0, 0, 0, 7]
    found = await api.errors(done["id"])
    assert [row[:3] for row in found] == [
        ["3", "email", "j?rgen@b.example"],
        ["4", "name", "B?b"],
        ["6", "name", "a b"],
        ["7", "", ""],
        ["8", "domain", "10.0.0.1"],
        ["9", "", ""],
        ["10", "email", "'=1+1"],
    ]
    assert "UTF-8" in found[0][3]
    assert "4 cells" in found[3][3]
    assert "quoting" in found[5][3]
    assert [each["email"] for each in await api.leads("order_by=email")] == ["ada@a.example", "zoe@z.example"]


async def test_a_file_that_cannot_be_read_further_is_said_with_what_was_written(api: Api) -> None:
    good = "".join(f"p{n}@a.example\n" for n in range(5000))
    reply = await api.post("/api/leads:import", b"email\n" + good.encode() + b'"' + b"x" * 400_000)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert "row 5002: is longer than 262144 characters; is a quote left open?" in error["message"]
    (failed,) = (await api.get("/api/leads/imports")).json()["imports"]
    assert error["details"][0]["metadata"]["import"] == failed["id"]
    assert (failed["state"], failed["created"]) == ("FAILED", failed["rows"])
    assert 0 < failed["created"] <= 5000
    assert "row 5002" in failed["error"]
    assert (await api.undo(failed["id"]))["undone"] == failed["created"]
    assert await api.leads() == []


REFUSED = """email,domain,name
ada@a.example,a.example,Ada
ada@a.example,a.example,Ada twice
ADA@A.example,not a domain,Ada Byron
Ada <ada@a.example>,a.example,Countess Ada
formerly@a.example,not a domain,Ada before
grace@a.example,not a domain,Grace
nobody,a.example,Nobody
"""


@pytest.mark.parametrize("query", ["", "dry_run=true"])
async def test_who_is_erased_is_in_no_refused_row_any_more(api: Api, query: str) -> None:
    operator = api.people("ada", "operator")
    former = {"email": "formerly@a.example", "domain": "a.example"}
    lead_id = (await api.client.post("/api/leads", json=former, headers=operator)).json()["id"]
    done = await api.bring(REFUSED.replace("ada@a.example,a.example,Ada\n", ""), query)
    assert (done["created"], done["refused"]) == (1, 5)
    # The lead has the other address since, and both are its own. What the file has made of it makes way.
    for each in await api.leads("email=ada@a.example"):
        await api.client.delete(f"/api/leads/{each['id']}", headers=operator)
    changed = await api.client.patch(
        f"/api/leads/{lead_id}", json={"email": "ada@a.example"}, headers=operator
    )
    assert changed.status_code == 200, changed.text
    assert {row[0] for row in await api.errors(done["id"])} == {"3", "4", "5", "6", "7"}
    erased = await api.client.post(f"/api/leads/{lead_id}:erase", json={}, headers=api.people("eve", "admin"))
    assert erased.status_code == 200, erased.text
    assert [row[:3] for row in await api.errors(done["id"])] == [
        ["6", "domain", "not a domain"],
        ["7", "email", "nobody"],
    ]


async def test_a_hundred_megabytes_without_a_line_break_are_refused_at_the_limit(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"email\n"
        for _ in range(1600):
            yield b"x" * 65_536

    reply = await api.post("/api/leads:import", endless())
    assert reply.status_code == 400
    assert "row 2: is longer than 262144 characters" in reply.json()["error"]["message"]


async def test_the_same_file_again_under_its_key_gets_the_first_answer_and_another_is_refused(
    api: Api,
) -> None:
    text = "email,name\nada@a.example,Ada\nada@a.example,\n"
    key = {"idempotency-key": "import-1"}
    done = await api.bring(text, **key)
    assert await api.bring(text, **key) == done
    for other, query in (
        (text + "bob@b.example,\n", ""),
        (text[:-1].replace("Ada", "Eda"), ""),
        ("email\n", ""),
        (text, "dry_run=true"),
        (text, "existing=UPDATE"),
    ):
        reply = await api.post(f"/api/leads:import?{query}", other.encode(), **key)
        assert reply.status_code == 400, other
        assert reply.json()["error"]["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(await api.leads()) == 1
    assert (await api.get(f"/api/leads/imports/{done['id']}")).json() == done


async def test_a_file_that_broke_off_goes_on_where_it_was(api: Api) -> None:
    lines = [f"p{n}@a.example,Person {n} of {'many ' * 20}\n" for n in range(4000)]
    text = "email,name\n" + "".join(lines)
    key = {"idempotency-key": "import-2"}

    async def broken() -> AsyncIterator[bytes]:
        yield text[: len(text) // 2].encode()
        async with asyncio.timeout(20):
            while not any(each["rows"] for each in (await api.get("/api/leads/imports")).json()["imports"]):
                pass
        raise RuntimeError("the cable was pulled")

    with pytest.raises(RuntimeError):
        await api.post("/api/leads:import", broken(), **key)
    failed: dict[str, Any] = {"state": "RUNNING"}
    async with asyncio.timeout(20):
        while failed["state"] == "RUNNING":
            (failed,) = (await api.get("/api/leads/imports")).json()["imports"]
    assert (failed["state"], failed["created"]) == ("FAILED", failed["rows"])
    assert 0 < failed["created"] <= 2000
    other = await api.post("/api/leads:import", text.replace("Person", "Parson").encode(), **key)
    assert other.json()["error"]["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"
    done = await api.bring(text, **key)
    assert (done["id"], done["state"], counts(done)) == (
        failed["id"],
        "COMPLETED",
        [4000, 4000, 0, 0, 0, 0],
    )
    assert (await api.get(f"/api/leads?import_id={done['id']}&page_size=1")).json()[
        "total_size_estimate"
    ] > 1000


async def test_imported_leads_are_looked_up_if_asked_for(api: Api) -> None:
    await api.bring("email\nada@a.example\n")
    await api.bring("email\nbob@b.example\nada@a.example\n", "enrich=true")
    assert {each["email"]: bool(each["enrichment_task_id"]) for each in await api.leads()} == {
        "ada@a.example": False,
        "bob@b.example": True,
    }


async def test_look_ups_are_asked_for_as_far_as_the_quota_goes(api: Api) -> None:
    text = "email\n" + "".join(f"p{n}@a.example\n" for n in range(QUOTA.hourly + 5))
    assert (await api.bring(text, "enrich=true&dry_run=true"))["look_ups"] == 0
    done = await api.bring(text, "enrich=true")
    assert (done["created"], done["look_ups"]) == (QUOTA.hourly + 5, QUOTA.hourly)
    assert sum(bool(each["enrichment_task_id"]) for each in await api.leads()) == QUOTA.hourly
    more = await api.bring("email\nmore@a.example\n", "enrich=true")
    assert (more["created"], more["look_ups"]) == (1, 0)


async def test_a_lead_of_the_same_registrable_domain_is_the_same_lead(api: Api) -> None:
    first = await api.bring("email,domain\nada@a.co.uk,www.a.co.uk\nada@a.co.uk,shop.a.co.uk\n")
    assert counts(first) == [2, 1, 0, 0, 1, 0]
    second = await api.bring("email,domain,name\nADA@a.co.uk,a.co.uk,Ada\n", "existing=UPDATE")
    assert counts(second) == [1, 0, 1, 0, 0, 0]
    assert [(each["domain"], each["name"]) for each in await api.leads()] == [("www.a.co.uk", "Ada")]


NASTY = [
    ("=x@a.example", "=1+1"),
    ("+y@a.example", "'=1+1"),
    ("-z@a.example", "@SUM(A1)"),
    ("'=w@a.example", "a;b,c\td"),
    ("v@a.example", 'say "hi"'),
    ("u@a.example", "＝1"),
    ("plain@a.example", "-"),
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_what_is_exported_comes_in_again_as_it_was(api: Api, delimiter: str) -> None:
    for email, name in NASTY:
        made = await api.client.post(
            "/api/leads", json={"email": email, "name": name}, headers=api.people("ada", "operator")
        )
        assert made.status_code == 200, made.text
    before = {(each["email"], each["name"]) for each in await api.leads()}
    exported = await api.get("/api/leads:export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"].startswith('attachment; filename="leads-')
    rows = list(csv.reader(io.StringIO(exported.text, newline="")))
    assert not any(cell[:1] in tuple("=+-@\t\r＝") for row in rows for cell in row if cell)
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    assert counts(await api.bring(written.getvalue(), "existing=UPDATE")) == [7, 0, 0, 7, 0, 0]
    for lead in await api.leads():
        await api.client.delete(f"/api/leads/{lead['id']}", headers=api.people("ada", "operator"))
    assert counts(await api.bring(written.getvalue())) == [7, 7, 0, 0, 0, 0]
    assert {(each["email"], each["name"]) for each in await api.leads()} == before


async def test_an_export_takes_the_filters_of_the_list_and_is_noted_before_it_begins(api: Api) -> None:
    done = await api.bring("email,name\nada@a.example,Ada\nbob@b.example,Bob\n")
    await api.client.post(
        "/api/leads", json={"email": "eve@a.example"}, headers=api.people("ada", "operator")
    )
    by_import = await api.get(
        f"/api/leads:export?import_id={done['id']}&format=ndjson&order_by=email desc", "v", "viewer"
    )
    assert by_import.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in by_import.text.splitlines()]
    assert [each["email"] for each in found] == ["bob@b.example", "ada@a.example"]
    listed = (await api.leads("email=ada@a.example"))[0]
    shared = {name: listed[name] for name in found[1] if name in listed}
    assert {**found[1], **shared} == found[1]
    accepted = await api.client.get(
        "/api/leads:export?domain=a.example",
        headers={**api.people("ada", "operator"), "accept": "application/x-ndjson"},
    )
    assert len(accepted.text.splitlines()) == 2
    assert (await api.get("/api/leads:export?format=xml")).status_code == 400
    assert (await api.get("/api/leads:export?order_by=colour")).status_code == 400
    noted = (await api.get("/api/leads/-/audit?action=EXPORT", "eve", "auditor")).json()["entries"]
    assert [(each["user_id"], each["reason"].partition(" ")[0]) for each in noted] == [
        ("ada", "ndjson"),
        ("v", "ndjson"),
    ]
    assert json.loads(noted[0]["reason"].partition(" ")[2]) == {"domain": "a.example"}


async def test_viewers_and_auditors_bring_nothing_in(api: Api) -> None:
    for role in ("viewer", "auditor"):
        reply = await api.client.post(
            "/api/leads:import", content=b"email\nada@a.example\n", headers=api.people("ada", role)
        )
        assert reply.status_code == 403
