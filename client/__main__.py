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

    signal.signal(signal.SIGINT, handler)
    return run()


if __name__ == "__main__":
    sys.exit(main())
