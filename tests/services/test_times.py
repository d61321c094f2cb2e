"""Promise: a time crosses the wire unharmed, and one that the calendar does not hold is refused by name."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.errors import InvalidArgument
from services.times import from_token, moment, moment_if_given, timestamp, timestamp_if_given

times = st.datetimes(timezones=st.just(UTC))


@given(times)
def test_a_time_comes_back_as_it_went(time: datetime) -> None:
    assert moment(timestamp(time), "created_after") == time


@given(times, st.integers(-23, 23))
def test_a_time_is_written_as_protobuf_writes_it_from_any_zone(time: datetime, hours: int) -> None:
    expected = Timestamp()
    expected.FromDatetime(time)
    local = time.replace(year=min(max(time.year, 2), 9998)).astimezone(timezone(timedelta(hours=hours)))
    assert timestamp(time) == expected
    assert moment(timestamp(local), "created_after") == local


def test_a_time_that_is_not_given_stays_so() -> None:
    assert moment_if_given(pb.ListLeadsRequest(), "created_after") is None
    assert timestamp_if_given(None) is None


@pytest.mark.parametrize("seconds", [-(10**12), 10**12])
def test_a_time_beyond_the_calendar_is_refused_under_the_name_of_its_field(seconds: int) -> None:
    request = pb.ListLeadsRequest(created_after=Timestamp(seconds=seconds))
    with pytest.raises(InvalidArgument) as refused:
        moment_if_given(request, "created_after", below="filter.")
    assert [(each.field, each.reason) for each in refused.value.violations] == [
        ("filter.created_after", "TIME_INVALID")
    ]


@given(times)
def test_a_time_in_a_token_is_read_back(time: datetime) -> None:
    assert from_token(time.isoformat()) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00"])
def test_a_token_holds_no_time_but_in_utc(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        from_token(text)
