"""Logging in: on this machine, with a token, and at an OIDC issuer that runs on loopback for these tests."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from client import device
from client.credentials import Credentials, Login
from client.failures import Problem
from protos.leadfactory.lead.v1.lead_pb2 import ListLeadsResponse
from tests.client.conftest import Stage


def token(seconds: float, **claims: Any) -> str:
    said = {"sub": "ada", "roles": ["operator"], "exp": int(time.time() + seconds), **claims}
    return ".".join(
        ["e30", base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode(), "signature"]
    )


class Provider(ThreadingHTTPServer):
    """An OIDC issuer with the device authorization grant, that says what the test wants."""

    def __init__(self) -> None:
        """Listen on any free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.name = self.url
        self.forms: list[dict[str, str]] = []
        self.code: dict[str, Any] = {
            "device_code": "device-secret", "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/device", "interval": 1, "expires_in": 5,
        }  # fmt: skip
        self.tokens: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = self.server.url
        self._say(
            200,
            {
                "issuer": self.server.name,
                "device_authorization_endpoint": f"{url}/code",
                "token_endpoint": f"{url}/token",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.forms.append({name: values[0] for name, values in parse_qs(body).items()})
        answer = self.server.code if self.path == "/code" else self.server.tokens.pop(0)
        self._say(400 if "error" in answer else 200, answer)

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(autouse=True)
def no_token_around(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what `login` keeps is there."""
    monkeypatch.delenv("LEADFACTORY_TOKEN")


def test_the_device_grant_waits_slows_down_and_brings_a_login(provider: Provider):
    bearer = token(600)
    provider.tokens = [
        {"error": "authorization_pending"},
        {"error": "slow_down"},
        {"access_token": bearer, "refresh_token": "again", "expires_in": 600},
    ]
    provider.code["expires_in"] = 60
    slept: list[float] = []
    with device.Issuer(provider.url, "cli") as issuer:
        login = issuer.wait(issuer.begin(), slept.append)
    assert slept == [1, 1, 6]
    assert (login.token, login.refresh_token, login.has_expired) == (bearer, "again", False)
    assert provider.forms[0] == {"client_id": "cli", "scope": "openid"}
    assert provider.forms[1] == {
        "client_id": "cli",
        "grant_type": device.GRANT,
        "device_code": "device-secret",
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "access_denied", "error_description": "You said no"}, "You said no"),
        ({"error": "expired_token"}, "in time"),
        ({"error": "authorization_pending"}, "in time"),
        ({"expires_in": 1}, "without a token"),
        ({"access_token": "two words"}, "no token"),
    ],
)
def test_a_device_grant_that_ends_otherwise_says_how(provider: Provider, answer: dict[str, Any], said: str):
    provider.tokens = [answer] * 10
    with device.Issuer(provider.url, "cli") as issuer, pytest.raises(Problem, match=said):
        issuer.wait(issuer.begin(), lambda _: None)


def test_an_issuer_that_calls_itself_otherwise_is_not_believed(provider: Provider):
    provider.name = "https://elsewhere.example"
    with device.Issuer(provider.url, "cli") as issuer, pytest.raises(Problem, match="another name"):
        issuer.begin()


def test_an_issuer_without_tls_is_refused():
    with pytest.raises(Problem, match="https"):
        device.Issuer("http://login.example.com", "cli")


def test_an_issuer_that_is_not_there_is_one_line():
    with (
        device.Issuer("http://127.0.0.1:9", "cli") as issuer,
        pytest.raises(Problem, match="cannot be reached"),
    ):
        issuer.begin()


def test_a_login_at_an_issuer_is_kept_and_used_and_never_printed(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LEADFACTORY_ISSUER", provider.url)
    bearer = token(600)
    provider.tokens = [{"access_token": bearer, "refresh_token": "refresh-secret"}]
    ran = stage.run("login", "--json")
    assert (ran.status, ran.document["subject"], ran.document["roles"]) == (0, "ada", ["operator"])
    assert "WDJB-MJHT" in ran.err
    assert f"{provider.url}/device" in ran.err
    for secret in (bearer, "refresh-secret", "device-secret"):
        assert secret not in ran.out + ran.err
    kept = Credentials()
    assert kept.path.stat().st_mode & 0o777 == 0o600
    _, (call,) = stage.answer("leads", "list", LeadService_ListLeads=ListLeadsResponse())
    assert call.metadata["authorization"] == f"Bearer {bearer}"


def test_an_expired_login_is_renewed_and_kept(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    renewed = token(600)
    provider.tokens = [{"access_token": renewed, "refresh_token": "second"}]
    Credentials().put("127.0.0.1:1", Login(token(-5), time.time() - 5, "first", provider.url, "cli"))
    _, (call,) = stage.answer("leads", "list", LeadService_ListLeads=ListLeadsResponse())
    assert call.metadata["authorization"] == f"Bearer {renewed}"
    assert provider.forms == [{"client_id": "cli", "grant_type": "refresh_token", "refresh_token": "first"}]
    kept = Credentials().get("127.0.0.1:1")
    assert kept is not None
    assert (kept.token, kept.refresh_token) == (renewed, "second")


def test_an_expired_login_that_cannot_be_renewed_says_what_to_do(stage: Stage):
    Credentials().put("127.0.0.1:1", Login.of(token(-5)))
    ran = stage.run("leads", "list", "--json")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "error: Your login has expired: run `leadfactory login`.\n"


def test_an_expired_token_of_the_environment_says_what_to_do(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LEADFACTORY_TOKEN", token(-5))
    ran = stage.run("leads", "list")
    assert ran.err == "error: The token in LEADFACTORY_TOKEN has expired: set a new one.\n"


def test_a_login_is_for_one_place_only(stage: Stage):
    Credentials().put("home /elsewhere", Login.of(token(600)))
    ran = stage.run("leads", "list")
    assert ran.err == "error: You are not logged in at 127.0.0.1:1: run `leadfactory login`.\n"


def test_a_token_from_a_file_is_kept_and_forgotten(stage: Stage, tmp_path: Path):
    (tmp_path / "token").write_text(token(600) + "\n")
    ran = stage.run("login", "--token-file", "token")
    assert ran.status == 0
    assert ran.err.startswith("Logged in as ada (operator) until ")
    assert stage.run("logout", "--json").document == {"place": "127.0.0.1:1", "forgotten": True}
    assert stage.run("logout").err == "There was no login.\n"


@pytest.mark.parametrize(("content", "said"), [("", "no token"), ("two\nlines", "no token")])
def test_what_is_no_token_is_not_kept(stage: Stage, tmp_path: Path, content: str, said: str):
    (tmp_path / "token").write_text(content)
    ran = stage.run("login", "--token-file", "token")
    assert ran.status == 1
    assert said in ran.err
    assert not Credentials().path.exists()


def test_a_place_without_an_issuer_says_what_to_give(stage: Stage):
    ran = stage.run("login")
    assert ran.status == 1
    assert "--issuer" in ran.err


def test_logins_that_others_can_read_are_not_used(stage: Stage):
    Credentials().put("127.0.0.1:1", Login.of(token(600)))
    Credentials().path.chmod(0o644)
    ran = stage.run("leads", "list")
    assert ran.status == 1
    assert "chmod 600" in ran.err


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"127.0.0.1:1": {"tokn": 1}}'])
def test_a_file_of_logins_that_is_broken_says_what_to_do(stage: Stage, text: str):
    Credentials().put("x", Login.of(token(600)))
    Credentials().path.write_text(text)
    ran = stage.run("leads", "list")
    assert ran.status == 1
    assert "log in again" in ran.err


def test_the_stack_on_this_machine_signs_the_token(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    grpc = dict.fromkeys(("lead", "report", "lineage"), "127.0.0.1:1")
    (home / "run" / "endpoints.json").write_text(json.dumps({"grpc": grpc}))
    monkeypatch.delenv("LEADFACTORY_ADDRESS")
    ran = stage.run("--home", str(home), "login", "--role", "auditor", "--subject", "grace", "--json")
    assert (ran.status, ran.document["subject"], ran.document["roles"]) == (0, "grace", ["auditor"])
    ran = stage.run("--home", str(home), "login", "--role", "king")
    assert (ran.status, len(ran.err.splitlines())) == (2, 1)
    assert "viewer, operator, auditor, admin" in ran.err


def test_a_login_shows_no_secret_when_it_is_printed():
    assert "secret" not in repr(Login("secret", 1.0, "secret"))
