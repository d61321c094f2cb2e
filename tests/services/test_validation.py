"""Promise: what a request may not hold is refused before it is used, by the path of the field."""

import pytest

from protos.leadfactory.report.v1 import report_pb2
from services.errors import InvalidArgument
from services.ids import uuid7
from services.validation import validate


def test_numbers_that_json_cannot_say_are_refused_with_their_path() -> None:
    request = report_pb2.GenerateReportRequest(lead_id=str(uuid7()))
    request.assessment_data.update({"a": {"b": [1.0, float("nan")]}, "c": "x\0"})
    with pytest.raises(InvalidArgument) as caught:
        validate(request)
    fields = {each.field for each in caught.value.violations}
    assert all(field.startswith("assessment_data.") for field in fields)
    assert {each.reason for each in caught.value.violations} == {"NUL_CHARACTER", "NOT_FINITE"}
