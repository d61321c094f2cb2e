"""Promise: an update takes the fields that its mask names, and refuses one that nobody can change."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from services.errors import InvalidArgument
from services.masks import taken

EDITABLE = ("name", "domain")


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        ([], {"name", "domain"}),
        (["*"], {"name", "domain"}),
        (["name"], {"name"}),
        (["id", "etag", "domain"], {"domain"}),
        # What names the resource is no field to change, and nothing else is asked for.
        (["id"], set()),
    ],
)
def test_an_update_takes_the_fields_of_its_mask_and_all_without_one(
    paths: list[str], fields: set[str]
) -> None:
    assert set(taken(FieldMask(paths=paths), EDITABLE)) == fields


@pytest.mark.parametrize("path", ["created_at", "name.first", ""])
def test_a_field_that_cannot_be_changed_is_refused_with_those_that_can(path: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        taken(FieldMask(paths=["name", path]), EDITABLE)
    (violation,) = refused.value.violations
    assert (violation.field, violation.reason) == ("update_mask", "NOT_EDITABLE")
    assert "name, domain" in violation.description
