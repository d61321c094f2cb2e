"""The evidence about one subject as a ZIP file that proves itself, with nothing but a public key at hand.

    README.txt               how to check it
    manifest.json            which log, about what, made when
    checkpoint.txt           the signed checkpoint that every proof leads to
    now.jsonl                the subject as it was when this was made, `{"name": value}` a line;
                             missing if it was not there any more
    entries/0001.json        an entry's bytes: the leaf of the tree
    entries/0001.values.json the values behind its commitments, with their salts
    entries/0001.tlog-proof  its proof; missing if it was not yet under a checkpoint

A file from a stranger may be anything: every size is capped before it is believed.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785

from services.evidence.entries import SIDES, Opening, Openings
from services.evidence.merkle import InvalidProof
from services.evidence.proofs import InclusionProof

FORMAT = "leadfactory-evidence-1"
MOST_FILES = 300_000
LARGEST_FILE_BYTES = 8 * 1024 * 1024
LARGEST_TOTAL_BYTES = 1024 * 1024 * 1024
LARGEST_ARCHIVE_BYTES = 256 * 1024 * 1024
_ENTRY = re.compile(r"entries/([0-9]{4,6})\.(json|values\.json|tlog-proof)")

README = """This is evidence about {field} {subject} from the log {origin}.

Each file entries/NNNN.json is one entry of the log, byte for byte. Instead of values it holds SHA-256 of
a random salt and the value; salts and values are beside it in NNNN.values.json, unless they were erased.
NNNN.tlog-proof (c2sp.org/tlog-proof) proves that the entry is in the log at the size that checkpoint.txt
(c2sp.org/tlog-checkpoint) states and signs.

To check all of it, without a network, with the log's public key, which you have from elsewhere:

    python -m services.evidence verify THIS.zip --key PUBLIC_KEY [--checkpoints FILE]

FILE holds checkpoints that were kept outside of the log's database. What is proved is that what is here was
logged, in this order, and not changed since. That there are no newer entries cannot be proved from here.
"""


class InvalidArchive(Exception):
    """A file is no archive of evidence, or one that is too large to be read."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry's bytes, what its commitments were made of, and its proof."""

    canonical: bytes
    openings: Openings
    proof: InclusionProof | None
    """None if the entry was not yet under a checkpoint."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a log holds about one subject."""

    origin: str
    subject_field: str
    subject: str
    made_at: datetime
    checkpoint: str
    """The signed note."""
    entries: Sequence[SealedEntry]
    """Oldest first."""
    now: Mapping[str, str] | None
    """What the subject is now: by name, `{"name": value}`; None if it is not there."""


def write(evidence: Evidence) -> bytes:
    """Return the ZIP file: the same bytes for the same evidence, by the same version of zlib."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in _contents(evidence):
            info = zipfile.ZipInfo(name, evidence.made_at.utctimetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            file.writestr(info, content)
    return target.getvalue()


def read(path: Path) -> Evidence:
    """Read a ZIP file that anybody may have made; raises InvalidArchive or OSError."""
    with path.open("rb") as file:
        if file.seek(0, io.SEEK_END) > LARGEST_ARCHIVE_BYTES:
            raise InvalidArchive(f"the file is larger than {LARGEST_ARCHIVE_BYTES} bytes")
        try:
            return _evidence(_files(file))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise InvalidArchive(f"it is no ZIP file that can be read: {error}") from None
        except InvalidProof as error:
            raise InvalidArchive(str(error)) from None
        except KeyError as error:
            raise InvalidArchive(f"{error} is missing in it") from None
        except (ValueError, TypeError, AttributeError, RecursionError, StopIteration):
            raise InvalidArchive("a file in it cannot be read") from None


def _contents(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    names = {"field": evidence.subject_field, "subject": evidence.subject, "origin": evidence.origin}
    yield "README.txt", README.format_map(names).encode()
    manifest: dict[str, str | int] = {
        "format": FORMAT,
        "origin": evidence.origin,
        "subject_field": evidence.subject_field,
        "subject": evidence.subject,
        "made_at": evidence.made_at.isoformat(),
        "entries": len(evidence.entries),
    }
    yield "manifest.json", rfc8785.dumps(manifest)
    yield "checkpoint.txt", evidence.checkpoint.encode()
    if evidence.now is not None:
        yield "now.jsonl", "".join(f"{text}\n" for _, text in sorted(evidence.now.items())).encode()
    for number, entry in enumerate(evidence.entries, 1):
        yield f"entries/{number:04}.json", entry.canonical
        yield f"entries/{number:04}.values.json", rfc8785.dumps(_values(entry.openings))
        if entry.proof:
            yield f"entries/{number:04}.tlog-proof", str(entry.proof).encode()


def _values(openings: Openings) -> dict[str, Any]:
    return {
        side: {
            name: {"salt": opening.salt, "text": opening.text}
            for name, opening in openings.get(side, {}).items()
        }
        for side in SIDES
    }


def _files(file: BinaryIO) -> dict[str, bytes]:
    """Read every file, each and all under their caps, whatever the directory says of their sizes."""
    found: dict[str, bytes] = {}
    left = LARGEST_TOTAL_BYTES
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MOST_FILES:
            raise InvalidArchive(f"there are more than {MOST_FILES} files in it")
        for info in archive.infolist():
            if info.filename in found:
                raise InvalidArchive("a file is there twice")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InvalidArchive("a file in it is packed in an unknown way")
            cap = min(left, LARGEST_FILE_BYTES)
            with archive.open(info) as opened:
                content = opened.read(cap + 1)
            if len(content) > cap:
                raise InvalidArchive("it unfolds to more than can be read")
            left -= len(content)
            found[info.filename] = content
    return found


def _evidence(files: dict[str, bytes]) -> Evidence:
    manifest = json.loads(files["manifest.json"])
    if manifest["format"] != FORMAT:
        raise InvalidArchive(f"its format is not {FORMAT}")
    origin, subject_field, subject = (manifest[name] for name in ("origin", "subject_field", "subject"))
    if not all(isinstance(each, str) for each in (origin, subject_field, subject)):
        raise InvalidArchive("its manifest cannot be read")
    expected = {"README.txt", "manifest.json", "checkpoint.txt", "now.jsonl"}
    entries = []
    for number in range(1, int(manifest["entries"]) + 1):
        name = f"entries/{number:04}"
        names = (f"{name}.json", f"{name}.values.json", f"{name}.tlog-proof")
        expected.update(names)
        proof = files.get(names[2])
        entries.append(
            SealedEntry(
                files[names[0]],
                _openings(json.loads(files[names[1]])),
                None if proof is None else InclusionProof.parse(proof.decode()),
            )
        )
    if not files.keys() <= expected:
        raise InvalidArchive("there are files in it that do not belong there")
    made_at = datetime.fromisoformat(manifest["made_at"])
    checkpoint = files["checkpoint.txt"].decode()
    now = _texts(files.get("now.jsonl"))
    return Evidence(origin, subject_field, subject, made_at, checkpoint, entries, now)


def _openings(values: dict[str, Any]) -> Openings:
    openings = {
        side: {name: Opening(each["salt"], each["text"]) for name, each in values[side].items()}
        for side in SIDES
    }
    if not all(
        isinstance(text, str) for side in openings.values() for each in side.values() for text in each
    ):
        raise InvalidArchive("the values of an entry cannot be read")
    return openings


def _texts(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return None
    return {next(iter(json.loads(line))): line for line in content.decode().splitlines()}
