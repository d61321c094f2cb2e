"""The process that compares two JSON documents: ``python -m lineage_service.confined.changes < FILE``.

The file holds the size of the first document's gzip in a line of its own, then both, each of one or more
gzip members. Prints one JSON object: ``{"total", "changes": [[kind, path, a, b], …]}``.
"""

import gzip
import os
import re
import sys
from typing import Any

import orjson

from lineage_service.confined.limits import confine

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 15
DEPTH = 8_000
"""Deeper than orjson reads."""
MOST_CHANGES = 1_000
LONGEST_TEXT = 500
"""In characters; longer values are cut."""

_SHORTHAND = re.compile(r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*")


class Changes:
    """Collects what differs, in the order of the documents."""

    def __init__(self) -> None:
        """Begin without any."""
        self.total = 0
        self.listed: list[tuple[str, str, str, str]] = []

    def compare(self, path: str, a: Any, b: Any) -> None:
        """Add what differs between two values at one place."""
        if isinstance(a, dict) and isinstance(b, dict):
            self._compare_objects(path, a, b)
        elif isinstance(a, list) and isinstance(b, list):
            self._compare_arrays(path, a, b)
        elif orjson.dumps(a) != orjson.dumps(b):
            self._add("CHANGED", path, _text(a), _text(b))

    def _compare_objects(self, path: str, a: dict[str, Any], b: dict[str, Any]) -> None:
        for name in sorted(a.keys() | b.keys()):
            place = path + _segment(name)
            if name not in b:
                self._add("REMOVED", place, _text(a[name]), "")
            elif name not in a:
                self._add("ADDED", place, "", _text(b[name]))
            else:
                self.compare(place, a[name], b[name])

    def _compare_arrays(self, path: str, a: list[Any], b: list[Any]) -> None:
        """Leave out what both begin and end with, then hold the rest against each other in order."""
        ours, theirs = [orjson.dumps(each) for each in a], [orjson.dumps(each) for each in b]
        shorter = min(len(a), len(b))
        begin = 0
        while begin < shorter and ours[begin] == theirs[begin]:
            begin += 1
        end = 0
        while end < shorter - begin and ours[-1 - end] == theirs[-1 - end]:
            end += 1
        both = shorter - end
        for index in range(begin, both):
            self.compare(f"{path}[{index}]", a[index], b[index])
        for index in range(both, len(a) - end):
            self._add("REMOVED", f"{path}[{index}]", _text(a[index]), "")
        for index in range(both, len(b) - end):
            self._add("ADDED", f"{path}[{index}]", "", _text(b[index]))

    def _add(self, kind: str, path: str, a: str, b: str) -> None:
        self.total += 1
        if len(self.listed) < MOST_CHANGES:
            self.listed.append((kind, path, a, b))


def main() -> None:
    """Compare what is on standard input."""
    confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    sys.setrecursionlimit(DEPTH)
    os.lseek(0, 0, os.SEEK_SET)
    size = int(sys.stdin.buffer.readline())
    a, b = (orjson.loads(gzip.decompress(sys.stdin.buffer.read(count))) for count in (size, -1))
    changes = Changes()
    changes.compare("$", a, b)
    sys.stdout.buffer.write(orjson.dumps({"total": changes.total, "changes": changes.listed}))


def _segment(name: str) -> str:
    """Write an object's member as RFC 9535 does."""
    if _SHORTHAND.fullmatch(name):
        return f".{name}"
    # JSON escapes what must be escaped; within single quotes, double ones need not be, and single ones do.
    inner = orjson.dumps(name).decode()[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"['{inner}']"


def _text(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


if __name__ == "__main__":
    main()
