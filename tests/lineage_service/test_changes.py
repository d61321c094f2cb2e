"""Promise: what differs between two JSON documents is said, where it stands, and nothing else is."""

import gzip
import tempfile
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage_service.confined.changes import LONGEST_TEXT, MOST_CHANGES, Changes
from lineage_service.confined.process import Confinement

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1.0]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def changes(a: Any, b: Any) -> list[tuple[str, str, str, str]]:
    found = Changes()
    found.compare("$", a, b)
    assert found.total == len(found.listed)
    return found.listed


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        (1, 2, [("CHANGED", "$", "1", "2")]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, [("CHANGED", "$.a.b[1]", "2", "3")]),
        ({"a": 1}, {}, [("REMOVED", "$.a", "1", "")]),
        ({}, {"a": None}, [("ADDED", "$.a", "", "null")]),
        (True, 1, [("CHANGED", "$", "true", "1")]),
        ([], {}, [("CHANGED", "$", "[]", "{}")]),
        # One more in the middle is one change, not a change of all that come after it.
        ([1, 2, 3, 4], [1, 9, 2, 3, 4], [("ADDED", "$[1]", "", "9")]),
        ([1, 2, 3, 4], [1, 4], [("REMOVED", "$[1]", "2", ""), ("REMOVED", "$[2]", "3", "")]),
        ([1, 1], [1, 1, 1], [("ADDED", "$[2]", "", "1")]),
        ({"a b": 1}, {"a b": 2}, [("CHANGED", "$['a b']", "1", "2")]),
        ({'it\'s "x"\n': 1}, {'it\'s "x"\n': 2}, [("CHANGED", "$['it\\'s \"x\"\\n']", "1", "2")]),
        ({"größe": 1}, {"größe": 2}, [("CHANGED", "$.größe", "1", "2")]),
    ],
)
def test_each_change_is_named_once(a: Any, b: Any, expected: list[tuple[str, str, str, str]]) -> None:
    assert changes(a, b) == expected


@given(JSON)
def test_a_document_does_not_differ_from_itself(value: Any) -> None:
    assert changes(value, value) == []


@given(JSON, JSON)
def test_different_documents_differ(a: Any, b: Any) -> None:
    assert bool(changes(a, b)) == (orjson.dumps(a, option=SORTED) != orjson.dumps(b, option=SORTED))


SORTED = orjson.OPT_SORT_KEYS


def test_long_values_are_cut_and_many_are_counted() -> None:
    found = Changes()
    found.compare("$", list(range(5000)), ["x" * 1000] * 5000)
    assert (found.total, len(found.listed)) == (5000, MOST_CHANGES)
    assert len(found.listed[0][3]) == LONGEST_TEXT


# Two gibibytes of zeros, as members of one file.
BOMB = gzip.compress(bytes(1 << 24)) * 128


async def run(a: bytes, b: bytes) -> bytes:
    with tempfile.TemporaryFile() as file:
        file.write(b"%d\n" % len(a) + a + b)
        file.flush()
        return await Confinement().run("changes", file)


async def test_a_process_of_its_own_says_the_same() -> None:
    halves = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    assert orjson.loads(await run(halves, gzip.compress(b'{"a":2}'))) == {
        "total": 1,
        "changes": [["CHANGED", "$.a", "1", "2"]],
    }


@pytest.mark.parametrize(
    "document",
    [b"no gzip", gzip.compress(b"no json"), gzip.compress(b"[" * 100_000), BOMB],
    ids=["no gzip", "no JSON", "too deep", "too large"],
)
async def test_what_cannot_be_read_ends_the_process_and_nothing_else(document: bytes) -> None:
    assert await run(document, gzip.compress(b"1")) == b""
