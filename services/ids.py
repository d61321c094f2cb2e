"""Identifiers: UUID version 7 (RFC 9562 section 5.7), so that newer ones sort later.

Written here because the standard library has ``uuid.uuid7`` only from Python 3.14 on.
"""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return a new UUID: 48 bits of Unix time in milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | (0x7 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    return UUID(int=bits)
