"""Identifiers: UUID version 7 (RFC 9562 section 5.7), so that newer ones sort later.

Written here because the standard library has ``uuid.uuid7`` only from Python 3.14 on.
"""

import secrets
import time
from uuid import UUID

# Of the last one: milliseconds, and 4096ths of one behind them.
_latest = 0


def uuid7() -> UUID:
    """Return a new UUID that sorts behind all that this process has made.

    48 bits of Unix time in milliseconds, 12 of their fraction (RFC 9562 section 6.2, method 3), 62 random.
    Within one fraction the next one counts on, so that order does not depend on chance.
    """
    global _latest
    _latest = stamp = max(time.time_ns() * 4096 // 1_000_000, _latest + 1)
    milliseconds, fraction = divmod(stamp, 4096)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | secrets.randbits(62))
