"""Promise: raw inputs are kept whole, in parts that fit, and the same inputs give the same bytes."""

import gzip
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report_service import payload

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(st.binary(max_size=4000), st.integers(min_value=120, max_value=2000))
def test_members_one_after_the_other_unpack_to_the_whole(data: bytes, limit: int) -> None:
    members = payload.members(data, limit)
    assert gzip.decompress(b"".join(members)) == data
    assert b"".join(gzip.decompress(each) for each in members) == data
    assert all(len(each) <= limit for each in members)


@given(st.binary(max_size=4000))
def test_the_same_bytes_are_packed_to_the_same_bytes(data: bytes) -> None:
    assert payload.members(data, 500) == payload.members(data, 500)


def test_what_compresses_well_in_one_place_and_badly_in_another_still_fits() -> None:
    data = random.Random(1).randbytes(3_000_000) + b"b" * 6_000_000
    members = payload.members(data)
    assert all(len(each) <= payload.PART_LIMIT_BYTES for each in members)
    assert gzip.decompress(b"".join(members)) == data


def test_forty_megabytes_that_do_not_compress_are_kept_whole() -> None:
    data = random.Random(2).randbytes(40 * 1024 * 1024)
    members = payload.members(data)
    assert 20 <= len(members) <= 42
    assert all(len(each) <= payload.PART_LIMIT_BYTES for each in members)
    assert b"".join(map(gzip.decompress, members)) == data


def test_small_inputs_are_one_part() -> None:
    assert len(payload.members(b'{"a":1}')) == 1


def test_the_envelope_bears_no_time() -> None:
    assert payload.compress(b"x")[4:8] == b"\0\0\0\0"


def test_the_envelope_is_about_as_small_as_gzip_at_its_default_level() -> None:
    facts = [
        {"provider": "dns", "name": f"txt{n}", "values": [f"v=spf1 include:_{n}.example.com -all"]}
        for n in range(200)
    ]
    data = payload.canonical(facts)
    assert len(payload.compress(data)) <= 1.1 * len(gzip.compress(data, 6))


@settings(max_examples=200)
@given(values)
def test_canonical_json_survives_being_read_and_written_again(value: Any) -> None:
    once = payload.canonical(value)
    assert payload.canonical(payload.parse(once)) == once
    assert payload.parse(once) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_has_no_number_for_is_refused(number: float) -> None:
    with pytest.raises(ValueError):
        payload.canonical({"a": number})
