"""Serves the site until interrupted; prints how a lead worker gets there, as lines for a shell."""

import shlex
import signal
import sys
import threading

from tests.site.serving import site_running


def main() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with site_running() as site:
        for name, value in site.settings.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.write(f"export DOMAIN={site.domain}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
