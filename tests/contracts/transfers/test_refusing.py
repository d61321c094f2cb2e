"""Promise: what is no file of leads, or no row of one, is refused by its place, and the rest comes in."""

from collections.abc import AsyncIterator

import pytest

from tests.contracts.transfers.conftest import Api, counts


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


async def test_a_hundred_megabytes_without_a_line_break_are_refused_at_the_limit(api: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"email\n"
        for _ in range(1600):
            yield b"x" * 65_536

    reply = await api.post("/api/leads:import", endless())
    assert reply.status_code == 400
    assert "row 2: is longer than 262144 characters" in reply.json()["error"]["message"]


async def test_viewers_and_auditors_bring_nothing_in(api: Api) -> None:
    for role in ("viewer", "auditor"):
        reply = await api.client.post(
            "/api/leads:import", content=b"email\nada@a.example\n", headers=api.people("ada", role)
        )
        assert reply.status_code == 403
