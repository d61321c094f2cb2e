"""Promise: a demonstration shown twice shows the same lead again, and says so."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from deploy.local.demo import Client, _lead
from deploy.local.home import Problem
from deploy.local.terminal import Terminal

LEAD = {"id": "1", "email": "hello@example.com"}


class Gateway(BaseHTTPRequestHandler):
    """Answers as the gateway does: it adds a lead, or names the one that is there."""

    replies: ClassVar[list[tuple[int, object]]] = []
    asked: ClassVar[list[str]] = []

    def reply(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append(f"{self.command} {self.path}")
        status, body = self.replies.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_GET = do_POST = reply  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def client() -> Iterator[Client]:
    Gateway.replies, Gateway.asked = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        made = Client(f"http://127.0.0.1:{server.server_port}", "token", Terminal())
        yield made
        made._http.close()
        server.shutdown()
        thread.join()


def refusal(status: str, metadata: dict[str, str]) -> dict[str, object]:
    return {"error": {"code": 0, "status": status, "message": "No.", "details": [{"metadata": metadata}]}}


def test_the_first_time_the_lead_is_new(client: Client) -> None:
    Gateway.replies = [(200, LEAD)]
    assert _lead(client, "example.com") == (LEAD, True)


def test_the_second_time_the_lead_that_is_there_is_taken(client: Client) -> None:
    Gateway.replies = [(409, refusal("ALREADY_EXISTS", {"resource": "lead", "name": "1"})), (200, LEAD)]
    assert _lead(client, "example.com") == (LEAD, False)
    assert Gateway.asked == ["POST /api/leads/quick-add", "GET /api/leads/1"]


def test_another_refusal_ends_the_demonstration_in_the_service_s_words(client: Client) -> None:
    for body in (refusal("ABORTED", {}), refusal("ALREADY_EXISTS", {})):
        Gateway.replies = [(409, body)]
        with pytest.raises(Problem, match="gave 409"):
            _lead(client, "example.com")
