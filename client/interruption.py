"""Ctrl-C, heard by a thread that does nothing else.

Python raises it in the main thread, wherever that happens to be: in a call back from gRPC's core it is lost,
and between two lines of a lock it leaves the lock broken. So a command runs in a thread of its own while the
main one waits, and Ctrl-C ends the command's calls, which fail as any call may.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable

from client.failures import INTERRUPTED, INTERRUPTION

GRACE_SECONDS = 1.0
"""How long a command may tidy up. What waits for something else than a service does not hear of Ctrl-C."""

_ENDED, _PRESSED = b"\0", bytes([signal.SIGINT])


def heeded(command: Callable[[], int], interrupt: Callable[[], None]) -> int:
    """Run a command, which `interrupt` makes end soon, and return its status; in the main thread only."""
    heard, tell = os.pipe()
    os.set_blocking(tell, False)
    came: list[int | BaseException] = []

    def run() -> None:
        try:
            came.append(command())
        except BaseException as error:  # raised again below, where it would have been
            came.append(error)
        os.write(tell, _ENDED)

    # Written at once, whichever thread is given the signal: a handler in Python would have to wait until the
    # main thread goes on, which it does not if the signal came just before it began to wait.
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=run, name="command", daemon=True).start()
    if os.read(heard, 1) == _PRESSED:
        interrupt()
        tidied = select.select([heard], [], [], GRACE_SECONDS)[0] and os.read(heard, 1) == _ENDED
        if not tidied:
            sys.stderr.write(f"{INTERRUPTION}\n")
        # No orderly end: it takes a while, and a thread that goes on would be in its way.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]
