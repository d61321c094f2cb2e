"""What a confined process may use; the kernel ends one that wants more."""

import os
import resource

OPEN_FILES = 64


def confine(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Limit this process."""
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        # It reads one file and answers through a pipe.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    os.nice(5)
