"""The process that finds out what a PDF says of itself: ``python -m lineage_service.confined.pdf < FILE``.

Prints lines of JSON, each better than the one before: first what a scan of the plain bytes shows, which
works on files that are broken or locked too; then what the file's structure says. So whoever ends
this process while it reads the structure still has the first line.
"""

import json
import os
import re
import sys
from collections.abc import Iterator

from lineage_service.confined.limits import confine

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 10
WINDOW_BYTES = 1024 * 1024
OVERLAP_BYTES = 16 * 1024
"""More than an XMP packet of ours, so that none is cut in two by the windows."""
XMP_BYTES = 1024 * 1024
FILE = "/dev/stdin"

NAMESPACE = b"urn:leadfactory:lineage:1:"
_UUID = rb"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
# As an element or, as other programs write it, an attribute. Not an XML parser: what is wanted is one
# word, and a parser would unfold whatever a stranger put around it.
_LINEAGE_ID = re.compile(rb"[:<\s]lineage_id\s*(?:>|=\s*[\"'])\s*" + _UUID)
_IDENTIFIER = re.compile(rb"/ID\s*\[\s*(?:<([0-9A-Fa-f\s]{64,96})>|\(([0-9a-fA-F]{32})\))")


def main() -> None:
    """Say what the file on standard input says."""
    confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    xmp, identifier = scan()
    say(xmp=xmp, identifier=identifier, remark="The file could not be read within its limits.")
    # Imported late: it takes most of the time that a small file needs.
    import pikepdf

    try:
        with pikepdf.open(FILE) as pdf:
            say(xmp=xmp_of(pdf), identifier=identifier_of(pdf), remark="")
    except pikepdf.PasswordError:
        say(xmp=xmp, identifier=identifier, remark="The file is encrypted; only what is plain was read.")
    except MemoryError:
        return
    except Exception:
        # Whatever a file can do to its reader, it is the file that is wrong.
        say(xmp=xmp, identifier=identifier, remark="The file is damaged; only what is plain was read.")


def say(**found: str) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def scan() -> tuple[str, str]:
    """Return the last lineage id and file identifier that stand in plain bytes: later revisions come last."""
    xmp = identifier = ""
    named = False
    for window in windows():
        named = named or NAMESPACE in window
        if named:
            xmp = last(_LINEAGE_ID, window) or xmp
        identifier = last(_IDENTIFIER, window) or identifier
    return xmp, as_identifier(identifier)


def windows() -> Iterator[bytes]:
    """Yield the file in overlapping pieces."""
    os.lseek(0, 0, os.SEEK_SET)
    before = b""
    while data := sys.stdin.buffer.read(WINDOW_BYTES):
        yield before + data
        before = (before + data)[-OVERLAP_BYTES:]


def last(pattern: re.Pattern[bytes], data: bytes) -> str:
    """Return what the last match holds; empty if there is none."""
    found = ""
    for match in pattern.finditer(data):
        if match.lastindex is not None:
            found = match[match.lastindex].decode("ascii")
    return found


def xmp_of(pdf) -> str:  # type: ignore[no-untyped-def]  # imported late
    """Return the lineage id of the document's XMP packet; empty if it has none of ours."""
    metadata = pdf.Root.get("/Metadata")
    if metadata is None:
        return ""
    # UTF-16 and UTF-32 differ from ASCII, as far as ids go, by zeros.
    packet = metadata.read_bytes()[:XMP_BYTES].replace(b"\0", b"")
    return last(_LINEAGE_ID, packet) if NAMESPACE in packet else ""


def identifier_of(pdf) -> str:  # type: ignore[no-untyped-def]  # imported late
    """Return the lineage id that is the first part of the file identifier; empty if it is another's."""
    identifier = pdf.trailer.get("/ID")
    return as_identifier(bytes(identifier[0]).hex()) if identifier is not None else ""


def as_identifier(text: str) -> str:
    """Read an identifier in hexadecimal, or its plain 32 digits; empty if it is none of ours."""
    digits = re.sub(r"\s", "", text)
    if len(digits) == 64:
        digits = bytes.fromhex(digits).decode("ascii", "replace")
    return digits if re.fullmatch("[0-9a-fA-F]{32}", digits) else ""


if __name__ == "__main__":
    main()
