"""What passes between the worker and a render process: a JSON head and a body of raw bytes.

Each frame is the two lengths as unsigned 32-bit integers in network order, then the head, then the
body. Standard library only: the render process reads frames before it has anything else.
"""

import json
import struct
from typing import Any, BinaryIO, Protocol

_LENGTHS = struct.Struct("!II")


class _AsyncReader(Protocol):
    async def readexactly(self, n: int, /) -> bytes: ...


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return one frame."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


async def receive(reader: _AsyncReader) -> tuple[dict[str, Any], bytes]:
    """Read one frame; raises ``asyncio.IncompleteReadError`` if the other side has ended."""
    head_size, body_size = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    head = json.loads(await reader.readexactly(head_size))
    return head, await reader.readexactly(body_size)


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read one frame from a blocking stream; ``None`` once the other side has ended."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    return json.loads(stream.read(head_size)), stream.read(body_size)
