"""The command line run in a thread, while the test plays the services with grpcio-testing."""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc_testing
import pytest
from google.protobuf.message import Message
from grpc_status import rpc_status

from client.calls import CONTRACTS
from client.command import run
from client.session import Session
from services.errors import ServiceError
from services.status import to_status

SERVICES = {name: service for each in CONTRACTS for name, service in each.services_by_name.items()}
PATIENCE_SECONDS = 20


@dataclass
class Ran:
    """What one command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return the one JSON document that standard output is."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Return the JSON documents that standard output's lines are."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Call:
    """One call as a service sees it."""

    metadata: dict[str, str]
    requests: list[Any]
    reply: Callable[..., None] = field(repr=False)
    """Ends the call with messages, and with a failure if there is one."""

    @property
    def request(self) -> Any:
        """Return the one request."""
        (only,) = self.requests
        return only


class Stage:
    """A command on its way, and the services that it asks."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        """Start with a channel that nobody has called yet."""
        self.channel = grpc_testing.channel(SERVICES.values(), grpc_testing.strict_real_time())
        self._capture = capture
        self._thread: threading.Thread | None = None
        self._status: list[int] = []

    def start(self, *arguments: str) -> None:
        """Begin a command."""
        session = Session(lambda _: dict.fromkeys(("lead", "report", "lineage"), self.channel))
        self._thread = threading.Thread(
            target=lambda: self._status.append(run(arguments, session)), daemon=True
        )
        self._thread.start()

    def take(self, method: str) -> Call:
        """Return the next call of `Service.Method`, with all of its requests."""
        return _within(lambda: self._take(method))

    def _take(self, method: str) -> Call:
        service, _, name = method.partition(".")
        described = SERVICES[service].methods_by_name[name]
        if described.client_streaming:
            metadata, rpc = self.channel.take_stream_unary(described)
            requests = _all(rpc)
        elif described.server_streaming:
            metadata, request, rpc = self.channel.take_unary_stream(described)
            requests = [_copy(request)]
        else:
            metadata, request, rpc = self.channel.take_unary_unary(described)
            requests = [_copy(request)]

        def reply(
            *messages: Message, error: ServiceError | None = None, code: grpc.StatusCode | None = None,
            details: str = "", initial: Sequence[tuple[str, str]] = (),
        ) -> None:  # fmt: skip
            rpc.send_initial_metadata(tuple(initial))
            trailing: tuple[Any, ...] = ()
            ended = code or grpc.StatusCode.OK
            if error is not None:
                told = rpc_status.to_status(to_status(error))
                trailing, ended, details = tuple(told.trailing_metadata), told.code, told.details
            if described.server_streaming:
                for message in messages:
                    rpc.send_response(message)
                while ended is not grpc.StatusCode.OK and rpc._rpc_state._responses:
                    # A failure makes grpcio-testing forget what was not read yet; the network does not.
                    time.sleep(0.01)
                rpc.terminate(trailing, ended, details)
            else:
                rpc.terminate(messages[0] if messages else None, trailing, ended, details)

        return Call(dict(metadata), requests, reply)

    def end(self) -> Ran:
        """Return what the command came to."""
        assert self._thread is not None
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the command still waits for an answer"
        printed = self._capture.readouterr()
        return Ran(self._status[-1], printed.out, printed.err)

    def run(self, *arguments: str) -> Ran:
        """Run a command that asks no service."""
        self.start(*arguments)
        return self.end()

    def answer(self, *arguments: str, **replies: Message | ServiceError) -> tuple[Ran, list[Call]]:
        """Run a command, and answer its calls in this order, such as `LeadService_GetLead=lead`."""
        self.start(*arguments)
        calls = []
        for method, reply in replies.items():
            call = self.take(method.replace("_", ".", 1))
            calls.append(call)
            if isinstance(reply, ServiceError):
                call.reply(error=reply)
            else:
                call.reply(reply)
        return self.end(), calls


def _copy(request: Message) -> Message:
    """Return a request as it was when it was sent: grpcio-testing hands over the client's own object."""
    copied = type(request)()
    copied.CopyFrom(request)
    return copied


def _within(wait: Callable[[], Call]) -> Call:
    """Wait for a call that may never come, because the command has ended without it."""
    taken: list[Call] = []
    waiting = threading.Thread(target=lambda: taken.append(wait()), daemon=True)
    waiting.start()
    waiting.join(PATIENCE_SECONDS)
    assert taken, "the command does not make this call"
    return taken[0]


def _all(rpc: Any) -> list[Any]:
    """Wait for the end of a client stream, and take every request of it."""
    rpc.requests_closed()
    return [rpc.take_request() for _ in rpc._rpc_state._requests[:]]


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """A person on a machine of their own, who is logged in by LEADFACTORY_TOKEN at some address."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LEADFACTORY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("LEADFACTORY_TOKEN", "a-token")
    monkeypatch.chdir(tmp_path)
    return Stage(capsys)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return what a process of somebody with a token inherits."""
    return {
        "PATH": os.environ["PATH"],
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "LEADFACTORY_TOKEN": "a-token",
        "TERM": "dumb",
    }
