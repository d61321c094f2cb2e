"""What a render process may not do: reach the network, outlive its worker, or eat the machine.

Linux only, as the product is. Every step is taken before a template is seen.
"""

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

FILE_BYTES = 64 * 1024 * 1024
"""The largest file a render process may write: fonts for Pango, in its own temporary folder."""

OPEN_FILES = 256

_libc = ctypes.CDLL(None, use_errno=True)


def confine(worker: int, memory_bytes: int) -> None:
    """Confine this process, started by the process with the id ``worker``."""
    # Ctrl-C in a terminal reaches the whole group; the worker decides when its renders end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A network of its own, with nothing in it: a second lock behind the denying fetcher. Not every
    # machine allows it, and a render does not depend on it.
    if _libc.unshare(_CLONE_NEWNET) != 0:
        _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    # After `unshare`, which may forget it. A worker that died before this line is noticed by its pid.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker:
        raise SystemExit("the worker has ended")
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def allow_cpu(seconds: int) -> None:
    """Let this process use ``seconds`` more of processor time before the kernel ends it (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def give_back_memory() -> None:
    """Return freed memory to the machine, so that an idle process stays small."""
    if hasattr(_libc, "malloc_trim"):  # glibc; others return it by themselves
        _libc.malloc_trim(0)
