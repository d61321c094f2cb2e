"""Proofs of one entry as C2SP defines them (c2sp.org/tlog-proof): a path, and the checkpoint it leads to."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.evidence.checkpoints import Checkpoint
from services.evidence.merkle import HASH_BYTES, InvalidProof, leaf_hash, verify_inclusion
from services.evidence.notes import VerifierKey

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")
_LONGEST_PATH = 64


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is in a log: its index, the hashes beside its path to the root, a signed note."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def parse(cls, text: str) -> "InclusionProof":
        """Read what `__str__` writes; raises InvalidProof."""
        head, separator, note = text.partition("\n\n")
        lines = head.split("\n")
        if not separator or lines[0] != _HEADER:
            raise InvalidProof(f"a proof begins with {_HEADER}")
        # An unauthenticated extra line may come first; it means nothing here.
        rest = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
        index = _INDEX.fullmatch(rest[0]) if rest else None
        if index is None or len(rest) - 1 > _LONGEST_PATH:
            raise InvalidProof("the proof has no index, or too long a path")
        try:
            path = tuple(base64.b64decode(line, validate=True) for line in rest[1:])
        except (binascii.Error, ValueError):
            raise InvalidProof("a hash of the path cannot be read") from None
        if any(len(each) != HASH_BYTES for each in path):
            raise InvalidProof("a hash of the path has another length")
        return cls(int(index[1]), path, note)

    def __str__(self) -> str:
        path = (base64.b64encode(each).decode() for each in self.path)
        return "\n".join([_HEADER, f"index {self.index}", *path, "", self.checkpoint])

    def verify(self, entry: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
        """Return the checkpoint that covers the entry's bytes; raises InvalidProof or InvalidNote."""
        checkpoint = Checkpoint.read(self.checkpoint, keys)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint
