"""Promise: what two servers could read differently is one request to this one, and its answer is 400."""

import asyncio
import re
from typing import Any

from tests.fixtures.identity import Issuer
from tests.gateway.conftest import Services, new
from tests.gateway.test_process import Process, started

HOST = "host: 127.0.0.1\r\n"
# Were it believed to be a request of its own, it would be answered with 200.
SMUGGLED = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"


def post(headers: str, body: str, version: str = "1.1") -> str:
    return f"POST /logout HTTP/{version}\r\n{HOST}{headers}\r\n{body}{SMUGGLED}"


def get(target: str = "/healthz", headers: str = HOST, version: str = "HTTP/1.1") -> str:
    return f"GET {target} {version}\r\n{headers}\r\n{SMUGGLED}"


UNCLEAR = {
    "two lengths of a body": post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
    "length twice": post("content-length: 5\r\ncontent-length: 5\r\n", "12345"),
    "lengths that differ": post("content-length: 5\r\ncontent-length: 0\r\n", "12345"),
    "a list of lengths": post("content-length: 5, 5\r\n", "12345"),
    "a length with a sign": post("content-length: +5\r\n", "12345"),
    "a length below nothing": post("content-length: -5\r\n", "12345"),
    "a length in hexadecimal": post("content-length: 0x5\r\n", "12345"),
    "a length without end": post("content-length: 99999999999999999999\r\n", "12345"),
    "a blank before the colon": post("content-length : 5\r\n", "12345"),
    "a blank before the colon of the coding": post("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
    "an unknown coding": post("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
    "chunked and not the last": post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
    "two codings": post("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "0\r\n\r\n"),
    "a coding on the next line": post("transfer-encoding:\r\n chunked\r\n", "0\r\n\r\n"),
    "a header on two lines": get(headers=f"{HOST}x: a\r\n b: c\r\n"),
    "lines that end short": get().replace("\r\n", "\n"),
    "half a line end": get(headers=f"{HOST}x: a\rcontent-length: 5\r\n"),
    "NUL": get(headers=f"{HOST}x: a\0b\r\n"),
    "a chunk below nothing": post("transfer-encoding: chunked\r\n", "-1\r\n\r\n"),
    "a chunk that says 0x": post("transfer-encoding: chunked\r\n", "0x0\r\n\r\n"),
    "a chunk without end": post("transfer-encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\n\r\n"),
    "a chunk whose line ends short": post("transfer-encoding: chunked\r\n", "0;\n\r\n\r\n"),
    "chunks that HTTP/1.0 does not know": post("transfer-encoding: chunked\r\n", "0\r\n\r\n", "1.0"),
    "two hosts": get(headers=f"{HOST}host: evil.test\r\n"),
    "no host": get(headers="x: y\r\n"),
    "a host with a port of letters": get(headers="host: 127.0.0.1:abc\r\n"),
    "a host with a port too high": get(headers="host: 127.0.0.1:65536\r\n"),
    "half a bracket": get(headers="host: [::1\r\n"),
    "a host with a user": get(headers="host: evil.test@127.0.0.1\r\n"),
    "a host with a path": get(headers="host: 127.0.0.1/evil\r\n"),
    "a target on another site": get("http://evil.test/healthz"),
    "a target without a path": get("127.0.0.1"),
    "all targets": get("*"),
    "a fragment": get("/healthz#x"),
    "a backslash": get("/healthz\\..\\session"),
    "letters that are not ASCII": get("/h\xe9"),
    "a version that is not spoken": get(version="HTTP/2.0"),
    "a version that does not exist": get(version="HTTP/9"),
    "no version": get(version=""),
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in small letters": SMUGGLED.lower() + SMUGGLED,
    "a method that is not one": SMUGGLED.replace("GET", "A" * 100) + SMUGGLED,
    "a proxy's method": f"CONNECT 127.0.0.1:80 HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}",
}
# Paths that two readers may take for different ones: either what they say, or nothing.
PATHS = {
    "/api/../session": {404},
    "/api/%2e%2e/session": {404},
    "/./healthz": {404},
    "//healthz": {404},
    "/healthz/": {404},
    "/healthz;x=y": {404},
    "/login/../session": {404},
    "/api//leads": {404},
    "/api%2fleads": {404},
    "/api/leads;x=1": {404},
    "/api/leads%00": {404},
    "/api/leads/%00": {400},
    "/api/leads/%": {400},
    "/api/leads/%zz": {400},
    "/api/leads/%c0%af": {400},
    "/api/leads/%ff": {400},
    "/api/leads?page_token=%00": {400},
    "/assets/../../settings.py": {404},
    "/assets/%2e%2e/%2e%2e/settings.py": {404},
    "/assets/..%2f..%2fsettings.py": {404},
    "/assets/%252e%252e/%252e%252e/settings.py": {404},
    "/..%5c..%5csettings.py": {404},
}


async def exchange(process: Process, request: str) -> tuple[list[int], bool]:
    """Return the statuses of all answers, and whether the gateway closed the connection behind them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(request.encode("latin-1"))
    answer = b""
    is_closed = True
    try:
        async with asyncio.timeout(10):
            while part := await reader.read(65536):
                answer += part
    except TimeoutError:
        is_closed = False
    except ConnectionError:
        pass
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)], is_closed


async def test_what_is_unclear_is_one_request_with_one_answer(services: Services, issuer: Issuer) -> None:
    async with started(services, issuer) as process:
        outcomes = {name: await exchange(process, request) for name, request in UNCLEAR.items()}
        assert outcomes == dict.fromkeys(UNCLEAR, ([400], True))
        # A body that looks like a request is a body.
        length = f"content-length: {len(SMUGGLED)}\r\n"
        assert await exchange(process, get(headers=f"{HOST}connection: close\r\n{length}")) == ([200], True)
        assert (await process.client.get("/healthz")).status_code == 200


async def test_a_path_is_what_it_says_or_nothing(services: Services, issuer: Issuer) -> None:
    def answer(*_: Any) -> Any:
        return new("leadfactory.lead.v1.ListLeadsResponse")

    services.answers = {"ListLeads": answer}
    bearer = f"authorization: Bearer {issuer.person('ada', 'admin')}\r\nconnection: close\r\n"
    async with started(services, issuer) as process:
        for path, statuses in PATHS.items():
            found, is_closed = await exchange(process, f"GET {path} HTTP/1.1\r\n{HOST}{bearer}\r\n")
            assert (len(found), set(found) <= statuses, is_closed) == (1, True, True), (path, found)
    assert services.requests == []
