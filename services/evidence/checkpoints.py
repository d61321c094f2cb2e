"""Checkpoints as C2SP defines them (c2sp.org/tlog-checkpoint): a log's size and root, signed.

Kept outside of the database, one after the other in a file, they are what its owner cannot undo.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.evidence import notes
from services.evidence.merkle import HASH_BYTES
from services.evidence.notes import InvalidNote, Signer, VerifierKey

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_LONGEST_CHECKPOINT_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at some moment: its name, how many entries it had, and the root above them."""

    origin: str
    size: int
    root: bytes

    def sign(self, signer: Signer) -> str:
        """Return the signed note of this checkpoint."""
        return signer.sign(f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n")

    @classmethod
    def read(cls, note: str, keys: Sequence[VerifierKey]) -> "Checkpoint":
        """Return what a note says that one of the keys signed; raises InvalidNote.

        A key speaks for the log of its own name and no other.
        """
        origin = note.partition("\n")[0]
        speaking = [key for key in keys if key.name == origin]
        if not speaking:
            raise InvalidNote("the checkpoint is of another log than the key")
        lines = notes.read(note, speaking).split("\n")
        if len(lines) < 4 or "" in lines[:-1]:
            raise InvalidNote("a checkpoint has an origin, a size and a root")
        size, encoded = lines[1:3]
        try:
            root = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            root = b""
        if not _SIZE.fullmatch(size) or len(root) != HASH_BYTES:
            raise InvalidNote("a checkpoint's size or root cannot be read")
        return cls(origin, int(size), root)


class CheckpointFile:
    """Checkpoints in a file that only ever grows."""

    def __init__(self, path: Path) -> None:
        """Take where the file is, or is to be."""
        self._path = path

    def append(self, note: str) -> None:
        """Add a checkpoint, and return when it is on the disk; raises OSError."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{note}\n")
            file.flush()
            os.fsync(file.fileno())

    def notes(self) -> Iterator[str]:
        """Return the notes, unverified, oldest first; raises OSError or UnicodeDecodeError."""
        with self._path.open(encoding="utf-8", newline="\n") as file:
            yield from _notes(file)

    def last(self) -> str | None:
        """Return the newest note, unverified; None if there is none. Raises as `notes` does."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_CHECKPOINT_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return None
        found = list(_notes(tail.decode(errors="replace").splitlines(keepends=True)))
        return found[-1] if found else None


def _notes(lines: Iterable[str]) -> Iterator[str]:
    """Cut a file into notes: each ends with its signatures."""
    note: list[str] = []
    for line in lines:
        if note and note[-1].startswith("— ") and not line.startswith("— "):
            yield "".join(note)
            note = []
        if note or line != "\n":
            note.append(line)
    if note:
        yield "".join(note)
