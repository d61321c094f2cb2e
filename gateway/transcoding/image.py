"""The descriptor image: everything that the transcoder knows about a service.

An image is a serialised `google.protobuf.FileDescriptorSet` with all imports, as `protoc --include_imports
--include_source_info --descriptor_set_out` or `buf build` write it. Messages are made from a pool of its own,
so no generated code is imported and two images in one process do not meet.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    EnumValueDescriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.rpc import error_details_pb2, status_pb2

Described = (
    Descriptor | EnumDescriptor | EnumValueDescriptor | FieldDescriptor | MethodDescriptor | ServiceDescriptor
)


class Image:
    """A pool of the image's types, its services, its options and its comments."""

    def __init__(self, serialized: bytes) -> None:
        """Load the files into a pool."""
        files = descriptor_pb2.FileDescriptorSet.FromString(serialized)
        self.pool = descriptor_pool.DescriptorPool()
        self._comments: dict[str, str] = {}
        for file in files.file:
            self.pool.Add(file)
            self._comments.update(_comments(file))
        names = {file.name for file in files.file}
        # Error details arrive in any reply, whether or not a proto of the image imports them.
        for module in (error_details_pb2, status_pb2):
            _add_with_imports(self.pool, module.DESCRIPTOR, names)
        self.services: list[ServiceDescriptor] = [
            self.pool.FindServiceByName(f"{file.package}.{service.name}".lstrip("."))
            for file in files.file
            for service in file.service
        ]

    def message(self, full_name: str) -> Descriptor | None:
        """Return the type of that full name, or None."""
        try:
            return self.pool.FindMessageTypeByName(full_name)
        except KeyError:
            return None

    def option(self, described: Described, extension: str) -> Any:
        """Return the value of an option such as `google.api.http`; None if it is not set."""
        options = described.GetOptions()
        kind = self.message(options.DESCRIPTOR.full_name)
        if kind is None:
            return None
        try:
            field = self.pool.FindExtensionByName(extension)
        except KeyError:
            return None
        # Parsed again by the image's own pool: the default pool does not know the image's extensions.
        known: Any = message_factory.GetMessageClass(kind).FromString(options.SerializeToString())
        if field.is_repeated:
            return list(known.Extensions[field]) or None
        return known.Extensions[field] if known.HasExtension(field) else None

    def comment(self, described: Described) -> str:
        """Return the comment above a definition, or else the one behind it; empty if there is none."""
        if isinstance(described, EnumValueDescriptor):
            return self._comments.get(f"{described.type.full_name}.{described.name}", "")
        return self._comments.get(described.full_name, "")


def _add_with_imports(pool: descriptor_pool.DescriptorPool, file: Any, known: set[str]) -> None:
    if file.name in known:
        return
    known.add(file.name)
    for dependency in file.dependencies:
        _add_with_imports(pool, dependency, known)
    pool.AddSerializedFile(file.serialized_pb)


def _comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = location.leading_comments or location.trailing_comments
        if text and (name := _name(file, list(location.path))):
            yield name, _unindent(text)


def _unindent(comment: str) -> str:
    return "\n".join(line.removeprefix(" ").rstrip() for line in comment.splitlines()).strip()


def _name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str | None:
    """Return the full name of what a source location describes; None if that has no name."""
    names = [file.package] if file.package else []
    here: Any = file
    while path:
        if len(path) < 2 or not hasattr(here, "DESCRIPTOR"):
            return None
        field = here.DESCRIPTOR.fields_by_number.get(path[0])
        if field is None or not field.is_repeated or field.message_type is None:
            return None
        here = getattr(here, field.name)[path[1]]
        if not hasattr(here, "name"):
            return None
        names.append(here.name)
        path = path[2:]
    return ".".join(names)
