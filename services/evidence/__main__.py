"""The verifier: `python -m services.evidence verify ZIP|DSN --key PUBLIC_KEY [--checkpoints FILE]`.

Exit status: 0 = intact, 1 = damaged, each damage on a line of its own; 2 = it could not be checked.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from services.evidence import archive, examination, inspection
from services.evidence.archive import InvalidArchive
from services.evidence.checkpoints import CheckpointFile
from services.evidence.examination import NoLog
from services.evidence.notes import InvalidKey, Signer, VerifierKey
from services.evidence.report import Report

INTACT, DAMAGED, UNCHECKED = range(3)


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, print what was found, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m services.evidence", description=__doc__.partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="print the public key that goes with a private one")
    key.add_argument("private", type=Path, metavar="PEM", help="the file with the log's private key")
    key.add_argument("origin", metavar="ORIGIN", help="the log's name")
    verify = commands.add_parser(
        "verify", help="check evidence that was downloaded, or a whole log in its database"
    )
    verify.add_argument("evidence", metavar="ZIP|DSN", help="a file, or postgresql://…")
    verify.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="PUBLIC_KEY",
        help="the log's public key, name+id+base64, or a file that holds it; again for each older key",
    )
    verify.add_argument(
        "--checkpoints", type=Path, metavar="FILE", help="checkpoints that were kept outside of the database"
    )
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "key":
            print(Signer.from_pem(asked.origin, asked.private).key)
            return INTACT
        report = check(asked.evidence, asked.key, asked.checkpoints)
    except (Uncheckable, InvalidKey, OSError, ValueError) as error:
        print(f"cannot be checked: {' '.join(str(error).split())}", file=sys.stderr)
        return UNCHECKED
    for damage in report.damages:
        print(f"damaged: {damage}")
    for remark in report.remarks:
        print(remark)
    print("intact" if not report.damages else f"{len(report.damages)} damages")
    return DAMAGED if report.damages else INTACT


class Uncheckable(Exception):
    """What was to be checked, or what to check it with, cannot be read."""


def check(evidence: str, keys: Iterable[str], checkpoints: Path | None) -> Report:
    """Check a file or a database with keys, or files of keys; raises Uncheckable."""
    try:
        return _check(evidence, [_key(each) for each in keys], checkpoints)
    except (InvalidKey, InvalidArchive, NoLog, OSError, ValueError, asyncpg.PostgresError) as error:
        raise Uncheckable(str(error)) from error


def _check(evidence: str, keys: list[VerifierKey], checkpoints: Path | None) -> Report:
    # Before the database is looked at, so that every one of them must be in it.
    kept = list(CheckpointFile(checkpoints).notes()) if checkpoints else None
    if evidence.startswith(("postgresql://", "postgres://")):
        return asyncio.run(examination.examine(evidence, keys, kept))
    return inspection.inspect(archive.read(Path(evidence)), keys, kept)


def _key(text: str) -> VerifierKey:
    return VerifierKey.parse(Path(text).read_text() if Path(text).is_file() else text)


if __name__ == "__main__":
    sys.exit(main())
