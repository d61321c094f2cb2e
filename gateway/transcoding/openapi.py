"""An OpenAPI 3.1 document from the same image that the routes come from, so that the two cannot differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor

from gateway.transcoding import streams
from gateway.transcoding.bindings import Binding, bindings
from gateway.transcoding.conventions import Conventions
from gateway.transcoding.image import Image
from gateway.transcoding.parameters import Parameter
from gateway.transcoding.schemas import Schema, Schemas
from gateway.transcoding.templates import ANY_METHOD

ERROR: Schema = {
    "type": "object",
    "description": "What went wrong, as in AIP-193.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The gRPC status, such as `NOT_FOUND`."},
                "message": {"type": "string", "description": "What to tell a developer, in English."},
                "details": {
                    "type": "array",
                    "description": "`google.rpc.ErrorInfo`, `BadRequest` and others, told apart by `@type`.",
                    "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": {"@type": {"type": "string"}},
                        "additionalProperties": True,
                    },
                },
            },
        }
    },
}


def document(
    image: Image,
    *,
    title: str,
    version: str,
    description: str = "",
    security: Mapping[str, Any] | None = None,
    servers: Sequence[str] = ("/",),
) -> dict[str, Any]:
    """Make the document; any one of the `security` schemes, by name, opens every operation."""
    routes = [
        each
        for each in bindings(image)
        if each.is_servable and each.method not in (ANY_METHOD, "HEAD", "OPTIONS")
    ]
    schemas = Schemas(image, [kind for each in routes if (kind := _body_type(each)) and not _edits(each)])
    schemas.components["Error"] = ERROR
    paths: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    tags: dict[str, str] = {}
    for binding in routes:
        name = operation_id(binding, seen)
        operations = paths.setdefault(_path(binding), {})
        operations[binding.method.lower()] = _operation(image, schemas, binding, name)
        tags[binding.service.name] = image.comment(binding.service)
    components: dict[str, Any] = {
        "schemas": dict(sorted(schemas.components.items())),
        "responses": {
            "Error": {
                "description": "What went wrong.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        },
    }
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


def _operation(image: Image, schemas: Schemas, binding: Binding, name: str) -> dict[str, Any]:
    comment = image.comment(binding.rpc)
    first = comment.split("\n\n")[0].replace("\n", " ").split(". ")[0].removesuffix(".")
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [binding.service.name],
        "summary": first or binding.rpc.name,
        "description": comment,
        "parameters": [*_parameters(schemas, binding)],
        "responses": {
            "200": _reply(image, schemas, binding),
            "default": {"$ref": "#/components/responses/Error"},
        },
    }
    if binding.takes_body:
        operation["requestBody"] = _request(schemas, binding)
    if binding.rpc.GetOptions().deprecated:
        operation["deprecated"] = True
    return operation


def _parameters(schemas: Schemas, binding: Binding) -> list[dict[str, Any]]:
    found = [_parameter(schemas, each, "path") for each in binding.path.values()]
    # By both names it is one parameter; the proto name, which replies use too, is the one to write down.
    unique = {each.path: each for each in binding.query.values()}
    found += [_parameter(schemas, each, "query") for each in unique.values()]
    headers = Conventions(binding).headers.items()
    return found + [
        {"name": header, "in": "header", "description": f"Means `{name}`.", "schema": {"type": "string"}}
        for name, header in headers
    ]


def _parameter(schemas: Schemas, parameter: Parameter, place: str) -> dict[str, Any]:
    schema = schemas.field(parameter.field)
    written: dict[str, Any] = {"name": parameter.path, "in": place}
    if description := schema.pop("description", ""):
        written["description"] = description
    for keyword in ("readOnly", "writeOnly"):
        schema.pop(keyword, None)
    if place == "path" or schemas.is_required(parameter.field):
        written["required"] = True
    if schema.pop("deprecated", False):
        written["deprecated"] = True
    if parameter.map_key:
        written |= {"style": "deepObject", "explode": True}
    return written | {"schema": schema}


def _request(schemas: Schemas, binding: Binding) -> dict[str, Any]:
    if binding.raw_body:
        return {"required": True, "content": {"*/*": {"schema": {}}}}
    if binding.body is not None:
        schema = schemas.field(binding.body)
        if _edits(binding):
            schema = schemas.edited(binding.response, whole=binding.method != "PATCH")
        return {"required": True, "content": _json(schema)}
    schema = schemas.message(binding.request)
    if binding.path and "$ref" in schema:
        schema = _without(schemas, binding)
    return {"required": True, "content": _json(schema)}


def _without(schemas: Schemas, binding: Binding) -> Schema:
    """Return the request message without what the path says."""
    reference = schemas.message(binding.request)["$ref"]
    whole = schemas.components[reference.rpartition("/")[2]]
    kept = {name: each for name, each in whole["properties"].items() if name not in binding.path}
    required = [name for name in whole.get("required", ()) if name not in binding.path]
    schema = whole | {"properties": kept}
    schema.pop("required", None)
    return schema | ({"required": required} if required else {})


def _reply(image: Image, schemas: Schemas, binding: Binding) -> dict[str, Any]:
    if binding.raw_response:
        return {"description": "The bytes, as they are stored.", "content": {"*/*": {"schema": {}}}}
    field = binding.response_body
    schema = schemas.field(field) if field is not None else schemas.message(binding.response)
    schema = {key: value for key, value in schema.items() if key not in ("readOnly", "writeOnly")}
    if binding.rpc.server_streaming:
        line = {"type": "object", "properties": {"result": schema, "error": {}}}
        content: dict[str, Any] = {
            streams.LINES: {"schema": line},
            streams.EVENTS: {"schema": schema},
            streams.ARRAY: {"schema": {"type": "array", "items": line}},
        }
        return {
            "description": "One JSON object a line, in each event's `data`, or the items of an array.",
            "content": content,
        }
    return {
        "description": image.comment(binding.response).split("\n\n")[0] or "Done.",
        "content": _json(schema),
    }


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
