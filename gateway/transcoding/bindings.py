"""Bindings: which HTTP requests reach which RPC, and how path, query and body become its request message.

Read from the `google.api.http` option of each method, additional bindings included.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from gateway.transcoding.codec import SPECIAL, Codec, class_of, type_of
from gateway.transcoding.image import Image
from gateway.transcoding.members import join
from gateway.transcoding.parameters import Parameter, parameter, parameters
from gateway.transcoding.scalars import InvalidField
from gateway.transcoding.templates import Template, TemplateError, parse

HTTP_BODY = "google.api.HttpBody"
# Set in the last message of an upload. Without it a service could take a body that broke off for a whole
# one: gRPC for Python ends the stream of a call that was cancelled as if the client had ended it.
IS_LAST = "is_last"
_MASK = "google.protobuf.FieldMask"
# No body at all, which is not `null`: that is no message, and a field's being left out.
ABSENT = object()


class BindingError(TemplateError):
    """A rule names a field that its request or response does not have, or cannot have there."""


@dataclass(frozen=True)
class Binding:
    """One way into one RPC."""

    method: str
    """HTTP method, or `*` for any."""
    template: Template
    rpc: MethodDescriptor
    body: FieldDescriptor | None
    """The field that the request body fills; None with `whole_body` unset means that none is taken."""
    whole_body: bool
    response_body: FieldDescriptor | None
    path: dict[str, Parameter] = field(repr=False)

    @cached_property
    def query(self) -> dict[str, Parameter]:
        """The fields that neither path nor body fills, by every name that the query may use."""
        if self.whole_body:
            return {}
        taken = set(self.path)
        if self.body is not None:
            taken.add(self.body.name)
        if self.is_upload:
            taken.add(IS_LAST)
        found = parameters(self.request, self.path)
        return {name: each for name, each in found.items() if not _is_taken(each.path, taken)}

    @property
    def service(self) -> ServiceDescriptor:
        """The service of the RPC."""
        return self.rpc.containing_service

    @property
    def request(self) -> Descriptor:
        """The message that the RPC takes."""
        return self.rpc.input_type

    @property
    def response(self) -> Descriptor:
        """The message, or each message, that the RPC answers with."""
        return self.rpc.output_type

    @property
    def rpc_path(self) -> str:
        """What gRPC calls the method: `/package.Service/Method`."""
        return f"/{self.service.full_name}/{self.rpc.name}"

    @property
    def takes_body(self) -> bool:
        """The HTTP request may have a body."""
        return self.whole_body or self.body is not None

    @property
    def raw_body(self) -> bool:
        """The request body is not JSON but bytes of any type."""
        kind = self.request if self.whole_body else self.body.message_type if self.body else None
        return kind is not None and kind.full_name == HTTP_BODY

    @property
    def is_upload(self) -> bool:
        """The request body is a stream of bytes, of any length."""
        return self.rpc.client_streaming and not self.rpc.server_streaming and self.raw_body

    @property
    def is_servable(self) -> bool:
        """HTTP can carry it: messages that stream from the client have no form there, but bytes do."""
        return self.is_upload or not self.rpc.client_streaming

    @property
    def raw_response(self) -> bool:
        """The response is not JSON but bytes of any type."""
        return self.response.full_name == HTTP_BODY

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def _is_taken(path: str, taken: set[str]) -> bool:
    return any(path == each or path.startswith(each + ".") for each in taken)


def bindings(image: Image) -> Iterator[Binding]:
    """Yield every binding of every service of the image. Raises TemplateError for a rule that cannot work."""
    for service in image.services:
        for rpc in service.methods:
            rule = image.option(rpc, "google.api.http")
            if rule is not None:
                for each in (rule, *rule.additional_bindings):
                    yield _binding(rpc, each)


def _binding(rpc: MethodDescriptor, rule: Any) -> Binding:
    kind = rule.WhichOneof("pattern")
    if kind is None:
        raise BindingError(f"{rpc.full_name}: the rule has no path")
    if kind == "custom":
        method, text = rule.custom.kind.upper(), rule.custom.path
    else:
        method, text = kind.upper(), getattr(rule, kind)
    template = parse(text)
    path = {}
    for variable in template.variables:
        bound = parameter(rpc.input_type, variable.path)
        if bound is None or bound.repeated:
            raise BindingError(f"{rpc.full_name}: {variable.path} is no field that a path can fill")
        path[variable.path] = bound
    return Binding(
        method=method,
        template=template,
        rpc=rpc,
        body=_field(rpc, rpc.input_type, rule.body) if rule.body not in ("", "*") else None,
        whole_body=rule.body == "*",
        response_body=_field(rpc, rpc.output_type, rule.response_body) if rule.response_body else None,
        path=path,
    )


def _field(rpc: MethodDescriptor, kind: Descriptor, name: str) -> FieldDescriptor:
    found = kind.fields_by_name.get(name)
    if found is None:
        raise BindingError(f"{rpc.full_name}: {kind.full_name} has no field {name}")
    return found


class Assembly:
    """Puts a request message together from the parts of an HTTP request."""

    def __init__(self, binding: Binding, codec: Codec, ignored: frozenset[str] = frozenset()) -> None:
        """Take the query keys to pass over in `ignored`."""
        self._binding = binding
        self._codec = codec
        self._ignored = ignored
        self._class = class_of(binding.request)

    def raw(
        self, path: dict[str, str], query: list[tuple[str, str]], content_type: str, body: bytes
    ) -> Message:
        """Make a message whose body is bytes of any type. Raises InvalidField."""
        whole, target = self._with_body()
        target.content_type, target.data = content_type, body
        message: Message = whole
        self._bind(message, path, query)
        return message

    def part(self, body: bytes) -> bytes:
        """Make a further message of an upload, as it is sent."""
        message, target = self._with_body()
        target.data = body
        packed: bytes = message.SerializeToString()
        return packed

    def last(self) -> bytes:
        """Make the last message of an upload; empty if the service does not ask for one."""
        message: Any = self._class()
        if IS_LAST not in type_of(message).fields_by_name:
            return b""
        message.is_last = True
        packed: bytes = message.SerializeToString()
        return packed

    def _with_body(self) -> tuple[Any, Any]:
        message: Any = self._class()
        return message, message if self._binding.body is None else getattr(message, self._binding.body.name)

    def json(self, path: dict[str, str], query: list[tuple[str, str]], value: Any = ABSENT) -> Message:
        """Make a message whose body is parsed JSON, if there was one. Raises InvalidField."""
        message = self._class()
        body = self._binding.body
        if value is not ABSENT and self._binding.whole_body:
            self._codec.fill(value, message)
        elif value is not ABSENT and body is not None:
            self._codec.fill({body.name: value}, message)
        self._bind(message, path, query)
        if self._binding.method == "PATCH" and body is not None and isinstance(value, dict):
            _derive_mask(message, body, value)
        return message

    def _bind(self, message: Message, path: dict[str, str], query: list[tuple[str, str]]) -> None:
        for name, text in path.items():
            self._bind_path(self._binding.path[name], message, text)
        given: set[str] = set()
        for key, text in query:
            if key in self._ignored:
                continue
            name, bracket, entry = key.partition("[")
            found = self._binding.query.get(name)
            shown = join("", key)
            if found is None or bool(bracket) != bool(found.map_key) or (bracket and not entry.endswith("]")):
                raise InvalidField(shown, self._unknown(found), "UNKNOWN_PARAMETER")
            once = f"{found.path}[{entry}" if found.map_key else found.path
            if once in given and (found.map_key or not found.repeated):
                raise InvalidField(shown, "is given twice", "GIVEN_TWICE")
            given.add(once)
            found.set(message, text, shown, entry[:-1])

    def _bind_path(self, found: Parameter, message: Message, text: str) -> None:
        """Let the path decide; a body that names the same field must agree with it."""
        before = message.SerializeToString(deterministic=True) if self._binding.takes_body else b""
        present = self._binding.takes_body and found.is_set(message)
        found.set(message, text, found.path)
        if present and message.SerializeToString(deterministic=True) != before:
            raise InvalidField(found.path, "differs from the path", "PATH_AND_BODY_DIFFER")

    def _unknown(self, found: Parameter | None) -> str:
        if found is not None:
            return "must be a map entry, name[key]" if found.map_key else "is no map"
        if self._binding.whole_body:
            return "is not a parameter: this method takes a JSON body, and no query"
        names = ", ".join(dict.fromkeys(each.path for each in self._binding.query.values()))
        return f"is not a parameter; there are {names}" if names else "is not a parameter; there are none"


def _derive_mask(message: Any, body: FieldDescriptor, value: dict[str, Any]) -> None:
    """Let a PATCH that names no mask change just what its body holds (AIP-134)."""
    mask = type_of(message).fields_by_name.get("update_mask")
    if (
        mask is None
        or mask.message_type is None
        or mask.message_type.full_name != _MASK
        or body.message_type is None
    ):
        return
    if not message.update_mask.paths:
        message.update_mask.paths.extend(_leaves(body.message_type, value, ""))


def _leaves(kind: Descriptor, value: dict[str, Any], above: str) -> Iterator[str]:
    names = {name: each for each in kind.fields for name in (each.json_name, each.name)}
    for key, item in value.items():
        member = names[key]
        path = join(above, member.name)
        inner = member.message_type
        plain = inner is not None and inner.full_name not in SPECIAL and not member.is_repeated
        if plain and inner is not None and isinstance(item, dict) and item:
            yield from _leaves(inner, item, path)
        else:
            yield path
