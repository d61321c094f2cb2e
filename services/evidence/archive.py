"""The evidence about one subject as a ZIP file that proves itself, with nothing but a public key at hand.

    README.txt               how to check it
    manifest.json            which log, about what, made when
    checkpoint.txt           the signed checkpoint that every proof leads to
    now.jsonl                the subject as it was when this was made, `{"name": value}` a line;
                             missing if it was not there any more
    entries/0001.json        an entry's bytes: the leaf of the tree
    entries/0001.values.json the values behind its commitments, with their salts
    entries/0001.tlog-proof  its proof; missing if it was not yet under a checkpoint

A pack has with it the files that the subject is the record of. Its `now` is `record.json`, one object, and
`public-key.txt` is for comparison.

A file from a stranger may be anything: every size is capped before it is believed.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785

from services.evidence import attachments, readme
from services.evidence.attachments import Attachment, Digests
from services.evidence.entries import SIDES, Opening, Openings, text_of
from services.evidence.merkle import InvalidProof
from services.evidence.proofs import InclusionProof

FORMAT = "leadfactory-evidence-1"
MOST_FILES = 300_000
LARGEST_FILE_BYTES = 8 * 1024 * 1024
LARGEST_TOTAL_BYTES = 1024 * 1024 * 1024
LARGEST_ATTACHMENT_BYTES = 512 * 1024 * 1024
LARGEST_ARCHIVE_BYTES = 1024 * 1024 * 1024
READ_BYTES = 1024 * 1024


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
    key: str = ""
    """The public key, as it goes with a pack."""
    attachments: Sequence[Attachment] | None = None
    """The files of a pack; None for evidence that is none."""
    found: Mapping[str, Digests] = field(default_factory=dict)
    """What the attached files come to, by name; known once an archive was read."""


def write(evidence: Evidence) -> bytes:
    """Return the ZIP file without attachments: the same bytes for the same evidence and version of zlib."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents(evidence):
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
            return _evidence(*_files(file))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
            raise InvalidArchive(f"it is no ZIP file that can be read: {error}") from None
        except InvalidProof as error:
            raise InvalidArchive(str(error)) from None
        except KeyError as error:
            raise InvalidArchive(f"{error} is missing in it") from None
        except (ValueError, TypeError, AttributeError, RecursionError, StopIteration):
            raise InvalidArchive("a file in it cannot be read") from None


def contents(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    """Yield every file but the attachments, with its name."""
    names = {"field": evidence.subject_field, "subject": evidence.subject, "origin": evidence.origin}
    is_pack, attached = evidence.attachments is not None, evidence.attachments or ()
    described = "".join(f"{each.name}\n    {each.meaning}\n" for each in attached).rstrip()
    text = readme.OF_PACK if is_pack else readme.OF_SUBJECT
    yield "README.txt", text.format_map(names | {"attachments": described}).encode()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "origin": evidence.origin,
        "subject_field": evidence.subject_field,
        "subject": evidence.subject,
        "made_at": evidence.made_at.isoformat(),
        "entries": len(evidence.entries),
    }
    if is_pack:
        manifest["attachments"] = {each.name: each.digest for each in attached}
        yield "public-key.txt", f"{evidence.key}\n".encode()
    yield "manifest.json", rfc8785.dumps(manifest)
    yield "checkpoint.txt", evidence.checkpoint.encode()
    if evidence.now is not None:
        texts = [text for _, text in sorted(evidence.now.items())]
        if is_pack:
            yield "record.json", "".join(["{\n", ",\n".join(text[1:-1] for text in texts), "\n}\n"]).encode()
        else:
            yield "now.jsonl", "".join(f"{text}\n" for text in texts).encode()
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
        if side in openings
    }


def _files(file: BinaryIO) -> tuple[dict[str, bytes], dict[str, Digests]]:
    """Read files and digest attachments, each under its cap, whatever the directory says of sizes."""
    read: dict[str, bytes] = {}
    digested: dict[str, Digests] = {}
    left = LARGEST_TOTAL_BYTES
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MOST_FILES:
            raise InvalidArchive(f"there are more than {MOST_FILES} files in it")
        attached = _attached(json.loads(b"".join(_pieces(archive, "manifest.json", LARGEST_FILE_BYTES))))
        # Folders are what other programs add that pack the files again.
        for info in (each for each in archive.infolist() if not each.is_dir()):
            name = info.filename
            if name in read or name in digested:
                raise InvalidArchive("a file is there twice")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InvalidArchive("a file in it is packed in an unknown way")
            if attached is not None and name in attached:
                digested[name] = attachments.digest(name, _pieces(archive, name, LARGEST_ATTACHMENT_BYTES))
                continue
            read[name] = b"".join(_pieces(archive, name, min(left, LARGEST_FILE_BYTES)))
            left -= len(read[name])
    return read, digested


def _pieces(archive: zipfile.ZipFile, name: str, cap: int) -> Iterator[bytes]:
    """Yield a file in pieces; raises InvalidArchive for more bytes than the cap."""
    with archive.open(name) as opened:
        while piece := opened.read(min(cap + 1, READ_BYTES)):
            cap -= len(piece)
            if cap < 0:
                raise InvalidArchive("it unfolds to more than can be read")
            yield piece


def _attached(manifest: dict[str, Any]) -> dict[str, str] | None:
    attached = manifest.get("attachments")
    if attached is not None and not all(isinstance(each, str) for each in attached.values()):
        raise InvalidArchive("its manifest cannot be read")
    return attached


def _evidence(files: dict[str, bytes], found: dict[str, Digests]) -> Evidence:
    manifest = json.loads(files["manifest.json"])
    if manifest["format"] != FORMAT:
        raise InvalidArchive(f"its format is not {FORMAT}")
    origin, subject_field, subject = (manifest[name] for name in ("origin", "subject_field", "subject"))
    if not all(isinstance(each, str) for each in (origin, subject_field, subject)):
        raise InvalidArchive("its manifest cannot be read")
    attached = _attached(manifest)
    expected = {"README.txt", "manifest.json", "checkpoint.txt"}
    expected |= {"now.jsonl"} if attached is None else {"record.json", "public-key.txt"}
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
    if attached is None:
        now = _texts(files.get("now.jsonl"))
        return Evidence(origin, subject_field, subject, made_at, checkpoint, entries, now)
    now, key = _record(files.get("record.json")), files["public-key.txt"].decode().strip()
    listed = [Attachment(*each) for each in attached.items()]
    return Evidence(origin, subject_field, subject, made_at, checkpoint, entries, now, key, listed, found)


def _openings(values: dict[str, Any]) -> Openings:
    openings = {
        side: {name: Opening(each["salt"], each["text"]) for name, each in values[side].items()}
        for side in SIDES
        if side in values
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


def _record(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return None
    return {name: text_of(name, value) for name, value in json.loads(content).items()}
