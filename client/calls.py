"""Calls to the services: a channel to each, a deadline for each call, and failures in one form."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor

from client import failures
from client.failures import Misuse, Problem
from client.places import Place
from protos.leadfactory.lead.v1 import lead_pb2, transfers_pb2
from protos.leadfactory.lead.v1.lead_pb2_grpc import LeadServiceStub
from protos.leadfactory.lead.v1.transfers_pb2_grpc import LeadTransferServiceStub
from protos.leadfactory.lineage.v1 import lineage_pb2
from protos.leadfactory.lineage.v1.lineage_pb2_grpc import LineageServiceStub
from protos.leadfactory.report.v1 import assurance_pb2, report_pb2
from protos.leadfactory.report.v1.assurance_pb2_grpc import AssuranceServiceStub
from protos.leadfactory.report.v1.report_pb2_grpc import ReportServiceStub

CALL_SECONDS = 15.0
STREAM_SECONDS = 600.0
TRANSFER_SECONDS = 3600.0
MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024
CONTRACTS = tuple(
    each.DESCRIPTOR for each in (lead_pb2, transfers_pb2, report_pb2, assurance_pb2, lineage_pb2)
)

Q = TypeVar("Q")
R = TypeVar("R")


class Services:
    """The services' stubs, and how each kind of RPC is called."""

    def __init__(
        self, channels: Mapping[str, grpc.Channel], bearer: Callable[[], str], interrupted: threading.Event
    ) -> None:
        """Take a channel for each context, where tokens come from, and what says that calls are in vain."""
        self._channels = channels
        self._bearer = bearer
        self._interrupted = interrupted
        self.leads = LeadServiceStub(channels["lead"])
        self.transfers = LeadTransferServiceStub(channels["lead"])
        self.reports = ReportServiceStub(channels["report"])
        self.assurance = AssuranceServiceStub(channels["report"])
        self.lineage = LineageServiceStub(channels["lineage"])

    def ask(
        self, method: "grpc.UnaryUnaryMultiCallable[Q, R]", request: Q, seconds: float = CALL_SECONDS
    ) -> R:
        """Return the answer to one request; raises ServiceError, NoAnswer or KeyboardInterrupt."""
        metadata = self._metadata()
        try:
            return method(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise self._failure(error) from None

    def stream(
        self,
        method: "grpc.UnaryStreamMultiCallable[Q, R]",
        request: Q,
        seconds: float = STREAM_SECONDS,
        headers: Mapping[str, str] | None = None,
        answered: Callable[[Mapping[str, str]], None] | None = None,
    ) -> Iterator[R]:
        """Yield the answers to one request; raises as `ask` does, and ends the call when it is left.

        `headers` are those of HTTP that a download understands; `answered` gets those of the answer first.
        """
        sent = [(f"http-{name}", value) for name, value in (headers or {}).items()]
        call = method(request, timeout=seconds, metadata=(*self._metadata(), *sent))
        try:
            if answered is not None:
                answered({key: str(value) for key, value in call.initial_metadata() or ()})
            yield from call
        except grpc.RpcError as error:
            raise self._failure(error) from None
        finally:
            call.cancel()

    def send(
        self,
        method: "grpc.StreamUnaryMultiCallable[Q, R]",
        requests: Iterable[Q],
        seconds: float = TRANSFER_SECONDS,
    ) -> R:
        """Return the answer to a stream of requests; raises as `ask` does, and what reading them raised."""
        metadata, broken = self._metadata(), list[OSError]()

        def read() -> Iterator[Q]:
            try:
                yield from requests
            except OSError as error:
                broken.append(error)
                raise

        try:
            return method(read(), timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            raise broken[0] if broken else self._failure(error) from None

    def close(self) -> None:
        """Close the channels; a call that is under way ends."""
        for channel in self._channels.values():
            channel.close()

    def _failure(self, error: grpc.RpcError) -> BaseException:
        return KeyboardInterrupt() if self._interrupted.is_set() else failures.of(error)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._interrupted.is_set():
            raise KeyboardInterrupt
        return (("authorization", f"Bearer {self._bearer()}"),)


def open_channels(place: Place) -> dict[str, grpc.Channel]:
    """Open a channel to each service; nothing is dialled before the first call."""
    if not place.tls:
        return {name: grpc.insecure_channel(at, _OPTIONS) for name, at in place.addresses.items()}
    if (place.certificate_file is None) is not (place.key_file is None):
        raise Misuse("A certificate and its key are shown together: give --certificate-file and --key-file.")
    trust = grpc.ssl_channel_credentials(
        _content(place.ca_file, "--ca-file"),
        _content(place.key_file, "--key-file"),
        _content(place.certificate_file, "--certificate-file"),
    )
    return {name: grpc.secure_channel(at, trust, _OPTIONS) for name, at in place.addresses.items()}


def _content(file: Path | None, option: str) -> bytes | None:
    try:
        return None if file is None else file.read_bytes()
    except OSError as error:
        raise Problem(f"{file} cannot be read ({error.strerror}): see {option}.") from None


def reads(contracts: Iterable[FileDescriptor] = CONTRACTS) -> Iterator[tuple[str, str]]:
    """Yield service and method of every RPC that only reads: those that are a GET over HTTP."""
    for contract in contracts:
        for service in contract.services_by_name.values():
            for method in service.methods:
                if method.GetOptions().Extensions[annotations_pb2.http].get:
                    yield service.full_name, method.name


# A connection that breaks leaves open whether a write was carried out; that is for people to decide.
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": service, "method": method} for service, method in reads()],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_RETRIES)),
    ("grpc.primary_user_agent", "leadfactory-cli"),
    ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
    # A failure travels as metadata, and names every wrong field.
    ("grpc.max_metadata_size", 32 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
]
