"""What a context says of its log: which tables it is, and what guards them.

The process that signs the log's checkpoints signs this, too, and puts it into the log's database. So the
verifier needs nothing but the key, and nobody who can merely write to the database can tell it otherwise.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import rfc8785

from services.evidence import notes
from services.evidence.notes import InvalidNote, Signer, VerifierKey

_HEADER = "leadfactory log 1"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class Log:
    """A log, whose entries are the rows of one table.

    The table has `id`, `canonical` (the leaf), `entry_hash`, `previous_hash`, `version`, `old_values`,
    `new_values`, `salts` and `transaction_id`, as `lead_audit` has; `tables.install` makes the rest.
    """

    table: str
    subject_field: str
    """The column with the id of what an entry is about."""
    live: str
    """The table of what entries are about, with a column `id`."""
    unaudited: tuple[str, ...]
    """Its columns whose changes make no entry."""
    guards: Mapping[str, str]
    """SHA-256 of the definition of each trigger on these tables and of each function behind it, by name."""

    def __post_init__(self) -> None:
        """Refuse names that are not plain: they become part of SQL statements. Raises ValueError."""
        for name in (self.table, self.subject_field, self.live, *self.unaudited):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no plain name")

    @property
    def tables(self) -> list[str]:
        """Every table whose triggers guard the log."""
        return [self.live, self.table, f"{self.table}_tree", f"{self.table}_checkpoints", "evidence_logs"]

    def sign(self, signer: Signer) -> str:
        """Return the signed note of this description."""
        return signer.sign(f"{_HEADER}\n{signer.key.name}\n{rfc8785.dumps(asdict(self)).decode()}\n")

    @classmethod
    def read(cls, note: str, keys: Sequence[VerifierKey]) -> "Log":
        """Return the description that one of the keys signed for its own log; raises InvalidNote."""
        header, origin, description, *rest = [*notes.read(note, keys).split("\n"), "", ""]
        if header != _HEADER or origin not in {key.name for key in keys} or any(rest):
            raise InvalidNote("the note describes no log")
        try:
            fields = json.loads(description)
            return cls(**{**fields, "unaudited": tuple(fields["unaudited"])})
        except (ValueError, TypeError, KeyError):
            raise InvalidNote("the description of the log cannot be read") from None
