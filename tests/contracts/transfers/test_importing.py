"""Promise: a file of leads over REST becomes leads, from HTTP through the gateway to PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contracts.transfers.conftest import QUOTA, Api, counts


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


async def test_the_columns_can_be_named(api: Api) -> None:
    text = "Mail,Second Mail,=Site\nada@a.example,bob@b.example,'+www.c.example\n"
    done = await api.bring(text, "columns%5Bemail%5D=second+mail&columns%5Bdomain%5D=")
    assert [(each["email"], each["domain"]) for each in await api.leads()] == [("bob@b.example", "b.example")]
    assert done["columns"] == {"email": "Second Mail"}
    wrong = await api.post("/api/leads:import?columns[email]=Nope", b"a,b\n1,2\n")
    assert wrong.status_code == 400
    assert "there is no column 'Nope'; the file has a, b" in wrong.json()["error"]["message"]
    assert (await api.post("/api/leads:import?columns[phone]=x", b"email\n")).status_code == 400


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
