"""An OpenAPI 3.1 document from the same image that the routes come from, so that the two cannot differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from gateway.transcoding.answers import Answers, Failures, Replies
from gateway.transcoding.bindings import Binding, bindings
from gateway.transcoding.conventions import PATTERNS, Conventions
from gateway.transcoding.image import Image
from gateway.transcoding.parameters import Parameter
from gateway.transcoding.samples import Samples
from gateway.transcoding.schemas import Schema, Schemas
from gateway.transcoding.templates import ANY_METHOD

NO_FAILURES = Failures()
PLAIN_REPLIES = Replies()
_TEXT: Schema = {"type": "string"}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what the caller has: 304 if that is current (RFC 9110, 13.1.2).",
    "schema": _TEXT,
}
_DOWNLOAD = [
    _IF_NONE_MATCH,
    {
        "name": "Range",
        "in": "header",
        "description": "Asks for a part (RFC 9110, 14.2).",
        "schema": {"type": "string", "examples": ["bytes=0-1023"]},
    },
    {
        "name": "If-Range",
        "in": "header",
        "description": "The `ETag` that the part must belong to; else it is the whole (RFC 9110, 13.1.5).",
        "schema": _TEXT,
    },
]


def _no_roles(_: MethodDescriptor) -> Sequence[str]:
    return ()


def document(
    image: Image,
    *,
    title: str,
    version: str,
    description: str = "",
    security: Mapping[str, Any] | None = None,
    roles: Callable[[MethodDescriptor], Sequence[str]] = _no_roles,
    failures: Failures = NO_FAILURES,
    replies: Replies = PLAIN_REPLIES,
    servers: Sequence[str] = ("/",),
) -> dict[str, Any]:
    """Make the document; any one of the `security` schemes, by name, opens every operation to these roles."""
    routes = [
        each
        for each in bindings(image)
        if each.is_servable and each.method not in (ANY_METHOD, "HEAD", "OPTIONS")
    ]
    schemas = Schemas(image, [kind for each in routes if (kind := _body_type(each)) and not _edits(each)])
    samples = Samples(schemas)
    answers = Answers(image, schemas, samples, failures, replies)
    paths: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    tags: dict[str, str] = {}
    for binding in routes:
        name = operation_id(binding, seen)
        operations = paths.setdefault(_path(binding), {})
        has_parts = binding.raw_response and replies.download(binding.rpc).has_parts
        operation = _operation(image, schemas, samples, binding, name, has_parts=has_parts)
        operation["responses"] = answers.of(binding)
        if security:
            operation["security"] = [{scheme: list(roles(binding.rpc))} for scheme in security]
        operations[binding.method.lower()] = operation
        tags[binding.service.name] = image.comment(binding.service)
    components: dict[str, Any] = {
        "schemas": dict(sorted(schemas.components.items())),
        "responses": dict(sorted(answers.components.items())),
    }
    if replies.headers:
        components["headers"] = dict(replies.headers)
    if security:
        components["securitySchemes"] = dict(security)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "servers": [{"url": url} for url in servers],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": components,
        "security": [{name: []} for name in security or {}],
    }


def operation_id(binding: Binding, seen: set[str]) -> str:
    """Return `Service_Method`; an additional binding gets a number."""
    base = f"{binding.service.name}_{binding.rpc.name}"
    name, number = base, 2
    while name in seen:
        name, number = f"{base}{number}", number + 1
    seen.add(name)
    return name


def _body_type(binding: Binding) -> Descriptor | None:
    return binding.request if binding.whole_body else binding.body.message_type if binding.body else None


def _edits(binding: Binding) -> bool:
    """Say whether the body is the resource that the reply is, too: its schema tells what a reply holds."""
    return binding.body is not None and binding.body.message_type == binding.response


def _path(binding: Binding) -> str:
    """OpenAPI knows no `{name=leads/*}`: such a variable is one parameter, its pattern said in words."""
    return (
        binding.template.text
        if not any(each.multiple for each in binding.template.variables)
        else _flattened(binding)
    )


def _flattened(binding: Binding) -> str:
    text = binding.template.text
    for variable in binding.template.variables:
        start = text.index("{" + variable.path)
        text = text[:start] + "{" + variable.path + text[text.index("}", start) :]
    return text


def _operation(
    image: Image, schemas: Schemas, samples: Samples, binding: Binding, name: str, *, has_parts: bool
) -> dict[str, Any]:
    comment = image.comment(binding.rpc)
    first = comment.split("\n\n")[0].replace("\n", " ").split(". ")[0].removesuffix(".")
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [binding.service.name],
        "summary": first or binding.rpc.name,
        "description": comment,
        "parameters": [*_parameters(schemas, samples, binding, has_parts=has_parts)],
    }
    if binding.takes_body:
        operation["requestBody"] = _request(schemas, samples, binding)
    if binding.rpc.GetOptions().deprecated:
        operation["deprecated"] = True
    return operation


def _parameters(
    schemas: Schemas, samples: Samples, binding: Binding, *, has_parts: bool
) -> list[dict[str, Any]]:
    found = [_parameter(schemas, samples, each, "path") for each in binding.path.values()]
    # By both names it is one parameter; the proto name, which replies use too, is the one to write down.
    unique = {each.path: each for each in binding.query.values()}
    found += [_parameter(schemas, samples, each, "query") for each in unique.values()]
    conventions = Conventions(binding)
    for name, header in conventions.headers.items():
        schema = schemas.header(binding.request.fields_by_name[name], PATTERNS[name])
        found.append({"name": header, "in": "header", "description": f"Means `{name}`.", "schema": schema})
    if has_parts:
        found += _DOWNLOAD
    elif not binding.raw_response and binding.method == "GET" and conventions.replies_etag:
        found.append(_IF_NONE_MATCH)
    return found


def _parameter(schemas: Schemas, samples: Samples, parameter: Parameter, place: str) -> dict[str, Any]:
    # A parameter that is not given is left out, so what is there has its form.
    schema = schemas.field(parameter.field, is_given=True)
    written: dict[str, Any] = {"name": parameter.path, "in": place}
    if description := schema.pop("description", ""):
        written["description"] = description
    for keyword in ("readOnly", "writeOnly"):
        schema.pop(keyword, None)
    if place == "path" or schemas.is_required(parameter.field):
        written["required"] = True
        written["example"] = samples.request(schema)
    if schema.pop("deprecated", False):
        written["deprecated"] = True
    if parameter.map_key:
        written |= {"style": "deepObject", "explode": True}
    return written | {"schema": schema}


def _request(schemas: Schemas, samples: Samples, binding: Binding) -> dict[str, Any]:
    if binding.raw_body:
        is_required = binding.body is not None and schemas.is_required(binding.body)
        return {"required": is_required, "content": {"*/*": {"schema": {}}}}
    if binding.body is not None:
        is_required = schemas.is_required(binding.body)
        schema = schemas.field(binding.body)
        if _edits(binding):
            schema = schemas.edited(binding.response, whole=binding.method != "PATCH")
    else:
        schema = schemas.message(binding.request)
        if binding.path and "$ref" in schema:
            schema = _without(schemas, binding)
        # No body at all is an empty message.
        is_required = bool(schemas.resolved(schema).get("required"))
    content = {"application/json": {"schema": schema, "example": samples.request(schema)}}
    return {"required": is_required, "content": content}


def _without(schemas: Schemas, binding: Binding) -> Schema:
    """Return the request message without what the path says."""
    reference = schemas.message(binding.request)["$ref"]
    whole = schemas.components[reference.rpartition("/")[2]]
    kept = {name: each for name, each in whole["properties"].items() if name not in binding.path}
    required = [name for name in whole.get("required", ()) if name not in binding.path]
    schema = whole | {"properties": kept}
    schema.pop("required", None)
    return schema | ({"required": required} if required else {})
