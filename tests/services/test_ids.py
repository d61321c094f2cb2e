"""Promise: identifiers are UUIDs of version 7 and sort by the time they were made."""

import time
import uuid

import pytest

from services.ids import uuid7


def test_an_identifier_is_a_version_7_uuid_of_the_rfc_variant() -> None:
    made = uuid7()
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_its_first_48_bits_are_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid7().int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_ten_thousand_of_them_are_all_different() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_each_sorts_behind_the_one_before() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert [str(each) for each in made] == sorted(map(str, made))


def test_a_clock_that_is_set_back_changes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uuid7()
    earlier = time.time_ns() - 60_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: earlier)
    assert before < uuid7()
