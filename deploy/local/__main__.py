"""LeadFactory on this machine: `python -m deploy.local COMMAND`.

State lives in LEADFACTORY_HOME (default: .leadfactory in the checkout); the gateway listens on
LEADFACTORY_PORT (default: 8080; 0 takes any free port). Services read their settings from the
environment of this command.
"""

import argparse
import asyncio
import os
import sys

from deploy.local import keys
from deploy.local.home import Home, Problem


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; a Problem becomes one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start the stack and keep it up until Ctrl-C")
    demo = commands.add_parser("demo", help="the same, and take a domain to its PDF and lineage first")
    demo.add_argument(
        "--domain", default="example.com", help="the domain to report on (default: example.com)"
    )
    demo.add_argument("--once", action="store_true", help="stop after the demonstration")
    token = commands.add_parser("token", help="print a bearer token that is valid for 12 hours")
    token.add_argument("--role", required=True, help=", ".join(keys.ROLES))
    token.add_argument("--subject", help="who it speaks for (default: you)")
    login = commands.add_parser("login", help="print a link that signs a browser in, once, within the hour")
    login.add_argument("--role", default="admin", help=f"{', '.join(keys.ROLES)} (default: admin)")
    login.add_argument("--subject", help="who it speaks for (default: you)")
    commands.add_parser("status", help="print what runs; fails unless everything does")
    options = parser.parse_args(arguments)
    try:
        return run(options)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    home = Home.from_environment()
    if options.command in ("token", "login"):
        subject = options.subject or keys.local_user()
        if wrong := _why_refused(options.role, subject):
            print(wrong, file=sys.stderr)
            return 2
        home.create()
        if options.command == "token":
            print(keys.person_token(home, subject, options.role))
        else:
            url = home.read_endpoints()["gateway"]["url"]
            print(f"{url}/login?token={keys.make_login(home, options.role, subject)}")
        return 0
    if options.command == "status":
        from deploy.local.status import report

        return report(home)
    # What only the supervisor needs is loaded here, so that `token` answers at once.
    from deploy.local.ports import gateway_port, reserved
    from deploy.local.processes import PORTS, Addresses
    from deploy.local.stack import serve

    home.create()
    with home.lock(), reserved(PORTS) as ports:
        port = gateway_port(os.environ.get("LEADFACTORY_PORT"))
        addresses = Addresses.among(ports, port)
        domain = options.domain if options.command == "demo" else None
        return asyncio.run(
            serve(home, addresses, demo=domain, once=options.command == "demo" and options.once)
        )


def _why_refused(role: str, subject: str) -> str:
    if role not in keys.ROLES:
        return f"There is no role {role!r}: choose one of {', '.join(keys.ROLES)}."
    if subject.startswith("system:") or not subject.isprintable() or len(subject) > 256:
        return "A subject is at most 256 printable characters and does not begin with `system:`."
    return ""


if __name__ == "__main__":
    sys.exit(main())
