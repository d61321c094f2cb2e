"""Which fields of a resource an update takes (AIP-134)."""

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask

from services.errors import InvalidArgument

# A PATCH that sends back what names a resource does not ask for that to be changed.
_NAMING = frozenset({"id", "etag"})


def taken(mask: FieldMask, editable: Collection[str]) -> Collection[str]:
    """Return which editable fields to take: all without a mask, or by ``*``; raises InvalidArgument."""
    fields = [path for path in mask.paths if path not in _NAMING]
    for path in fields:
        if path not in (*editable, "*"):
            allowed = ", ".join(editable)
            raise InvalidArgument("update_mask", f"{path} cannot be changed, only {allowed}", "NOT_EDITABLE")
    return editable if not mask.paths or "*" in fields else fields
