"""Any bytes to any RPC of any service, and what may come back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import grpc
import protovalidate
from google.protobuf import message_factory, text_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from gateway import contract
from gateway.transcoding.codec import Codec
from tests.fuzz.estate import Estate
from tests.fuzz.messages import Known, Metadata

# A bug can make each of these; no request may.
NEVER = {"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED", "CANCELLED"}
SECONDS = 30.0
# Who watches has seen enough after a moment.
WATCH_SECONDS = 1.0
_LARGEST_BYTES = 4 * 1024 * 1024


@dataclass
class Findings:
    """What a run came to."""

    codes: Counter[str] = field(default_factory=Counter)
    methods: set[str] = field(default_factory=set)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By method and kind: what was sent, and what came back."""

    def __str__(self) -> str:
        return "\n\n".join(f"{method}: {text}" for (method, _), text in sorted(self.failures.items()))


class Caller:
    """Calls the services of an estate, and looks at each answer."""

    def __init__(self, estate: Estate) -> None:
        """Open a channel to each service."""
        image = contract.image()
        self.methods = [method for service in image.services for method in service.methods]
        self.known: Known = {kind: list(values) for kind, values in estate.known.items()}
        self.found = Findings()
        self._channels = {name: grpc.insecure_channel(at) for name, at in estate.addresses.items()}
        self._tokens = {True: estate.token, False: estate.workload_token}
        self._image = image
        self._codec = Codec(image)

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()

    def call(self, method: MethodDescriptor, requests: list[bytes], metadata: Metadata) -> None:
        """Send the requests, and write down what is wrong with the answer."""
        self.found.methods.add(method.full_name)
        replies: list[bytes] = []
        code, wrong = "OK", ""
        try:
            # Not made by the call as a whole: what came before a failure is looked at, too.
            replies.extend(self._replies(method, requests, metadata))
        except grpc.RpcError as error:
            code = error.code().name
            wrong = self._wrong_failure(method, error, requests, bool(replies))
        self.found.codes[code] += 1
        if self.found.codes.total() % 1000 == 0:
            print(f"{self.found.codes.total()} cases, {len(self.found.failures)} failures so far", flush=True)
        wrong = wrong or next((found for each in replies if (found := self._wrong_reply(method, each))), "")
        if wrong:
            kind = wrong.partition(":")[0]
            text = f"{wrong}\n{_shown(method, requests)}\nwith {metadata!r:.300}"
            self.found.failures.setdefault((method.full_name, kind), text)

    def _replies(
        self, method: MethodDescriptor, requests: list[bytes], metadata: Metadata
    ) -> Iterator[bytes]:
        service = method.containing_service
        channel = self._channels[service.full_name.split(".")[1]]
        make = f"{_arity(method.client_streaming)}_{_arity(method.server_streaming)}"
        call = getattr(channel, make)(f"/{service.full_name}/{method.name}")
        access = self._image.option(method, "leadfactory.options.v1.access")
        bearer = ("authorization", f"Bearer {self._tokens[bool(access.roles)]}")
        seconds = WATCH_SECONDS if method.name.startswith("Watch") else SECONDS
        given = iter(requests) if method.client_streaming else requests[0]
        answer = call(given, metadata=(bearer, *metadata), timeout=seconds)
        yield from answer if method.server_streaming else [answer]

    def _wrong_failure(
        self, method: MethodDescriptor, error: Any, requests: list[bytes], has_begun: bool
    ) -> str:
        code = error.code().name
        told = f"{code}: {error.details()}"
        if code in NEVER:
            return told
        if code == "DEADLINE_EXCEEDED" and has_begun and method.name.startswith("Watch"):
            return ""
        if code == "RESOURCE_EXHAUSTED" and max(map(len, requests)) > _LARGEST_BYTES:
            return ""
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo()
        if status is None or not (status.details and status.details[0].Unpack(info)):
            return f"{told} (without a reason)"
        if info.domain != contract.ERROR_DOMAIN:
            return f"{told} (by {info.domain!r})"
        promised = code == "INVALID_ARGUMENT" or info.reason in promised_reasons(method, code)
        return "" if promised else f"{code}, {info.reason}: not among the failures of the method"

    def _wrong_reply(self, method: MethodDescriptor, packed: bytes) -> str:
        reply: Any = message_factory.GetMessageClass(method.output_type)()
        try:
            reply.ParseFromString(packed)
            self._codec.write(reply)
            protovalidate.validate(reply)
        except (DecodeError, ValueError) as error:
            return f"{type(error).__name__}: {error}\nin {text_format.MessageToString(reply)[:1000]}"
        self._learn(method.output_type.name.lower(), getattr(reply, "id", ""))
        return ""

    def _learn(self, name: str, value: Any) -> None:
        """Remember what was made, so that it is asked for, too."""
        kind = next((each for each in self.known if name in (each, f"{each}version", f"report{each}")), None)
        if kind and isinstance(value, str) and value and value not in self.known[kind]:
            self.known[kind].append(value)


def promised_reasons(method: MethodDescriptor, code: str) -> set[str]:
    """Return what a method may give as its reason, as /openapi.json has it."""
    own = contract.failures(method).get(code, ())
    everywhere = (reasons for _, status, reasons in contract.EVERYWHERE if status == code)
    return {*own, *chain.from_iterable(everywhere)}


def _arity(streams: bool) -> str:
    return "stream" if streams else "unary"


def _shown(method: MethodDescriptor, requests: list[bytes]) -> str:
    shown = []
    for each in requests[:3]:
        try:
            message = message_factory.GetMessageClass(method.input_type).FromString(each)
            shown.append(text_format.MessageToString(message)[:1500])
        except DecodeError:
            shown.append(repr(each[:300]))
    return "for " + "\nand ".join(shown)
