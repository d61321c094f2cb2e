"""`leadfactory`, or `python -m client`."""

import signal
import sys


def main() -> int:
    """Run the command that was asked for and return its exit status."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        # While everything is loaded there is nothing to tell of: Ctrl-C just ends the process.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from client.command import run
    from client.interruption import heeded
    from client.session import Session

    session = Session()
    if handler is not signal.default_int_handler:
        # Whoever started this process has it ignore Ctrl-C.
        return run(session=session)
    return heeded(lambda: run(session=session), session.interrupt)


if __name__ == "__main__":
    sys.exit(main())
