"""Examples of whole bodies, put together from the examples of their members."""

from typing import Any

from gateway.transcoding.schemas import Schema, Schemas

_DEEPEST = 5
_FORMATS: dict[str, Any] = {
    "date-time": "2026-01-31T08:30:00Z",
    "uuid": "0192f0c1-0000-7000-8000-000000000000",
    "int64": "0",
    "uint64": "0",
    "email": "ada@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
}
_PLAIN: dict[str, Any] = {"integer": 0, "number": 0.5, "boolean": False, "object": {}, "null": None}


class Samples:
    """Makes them; where a field gives no example of its own, a plain value of its kind stands for one."""

    def __init__(self, schemas: Schemas) -> None:
        """Take where references lead."""
        self._schemas = schemas

    def reply(self, schema: Schema) -> Any:
        """Return what a reply could look like: with every member."""
        return self._of(schema, 0, is_request=False)

    def request(self, schema: Schema) -> Any:
        """Return what a request could look like: with what it must hold, and what is shown an example of."""
        return self._of(schema, 0, is_request=True)

    def _of(self, schema: Schema, depth: int, *, is_request: bool) -> Any:
        if schema.get("examples"):
            return schema["examples"][0]
        schema = self._schemas.resolved(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        if "properties" in schema:
            return self._object(schema, depth, is_request=is_request)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][min(1, len(schema["enum"]) - 1)]
        kind = schema.get("type", "object")
        if kind == "array":
            return [self._of(schema["items"], depth + 1, is_request=is_request)] if depth < _DEEPEST else []
        if kind == "string":
            return _FORMATS.get(schema.get("format", ""), "")
        kind = kind if isinstance(kind, str) else kind[0]
        if kind in ("integer", "number"):
            return max(_PLAIN[kind], schema.get("minimum", 0), schema.get("exclusiveMinimum", -1) + 1)
        return _PLAIN.get(kind)

    def _object(self, schema: Schema, depth: int, *, is_request: bool) -> dict[str, Any]:
        required = schema.get("required", ())
        names = [
            name
            for name, each in schema["properties"].items()
            if name in required
            or (not is_request and depth < _DEEPEST)
            or (is_request and self._is_shown(each))
        ]
        return {
            name: self._of(schema["properties"][name], depth + 1, is_request=is_request) for name in names
        }

    def _is_shown(self, schema: Schema) -> bool:
        return bool(schema.get("examples")) and not schema.get("readOnly")
