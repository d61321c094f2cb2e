"""What a context says of its log: which tables it is, and what guards them.

The process that signs the log's checkpoints signs this, too, and puts it into the log's database. So the
verifier needs nothing but the key, and nobody who can merely write to the database can tell it otherwise.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import rfc8785

from services.evidence import notes
from services.evidence.notes import InvalidNote, Signer, VerifierKey

_HEADER = "leadfactory log 1"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")


@dataclass(frozen=True, slots=True)
class Log:
    """A log, whose entries are the rows of one table.

    The table has `id`, `canonical` (the leaf), `entry_hash`, `previous_hash`, `version`, `created_at`,
    `transaction_id` and what its entries commit to: `old_values`, `new_values` and `salts`, as `lead_audit`
    has, or `details` and `salt`, as `lineage_accesses` has. `tables.install` makes the rest.
    """

    table: str
    subject_field: str
    """The column with the id of what an entry is about."""
    live: str
    """The table of what entries are about."""
    unaudited: tuple[str, ...]
    """Its columns whose changes make no entry."""
    guards: Mapping[str, str]
    """SHA-256 of the definition of each trigger on these tables and of each function behind it, by name."""
    live_id: str = "id"
    """The column with the id of what entries are about, in its own table."""
    has_details: bool = False
    """Whether an entry commits to `details`, and not to old and new values."""
    derived: tuple[str, ...] = ()
    """Columns of entries that follow from other entries, and are in no entry's bytes."""
    functions: str = ""
    """How the names of functions begin that are guards although no trigger calls them; empty is `table`."""

    def __post_init__(self) -> None:
        """Refuse names that are not plain: they become part of SQL statements. Raises ValueError."""
        names = (self.table, self.subject_field, self.live, self.live_id, self.functions or self.table)
        for name in (*names, *self.unaudited, *self.derived):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no plain name")

    @property
    def tables(self) -> list[str]:
        """Every table whose triggers guard the log."""
        return [self.live, self.table, f"{self.table}_tree", f"{self.table}_checkpoints", "evidence_logs"]

    def sign(self, signer: Signer) -> str:
        """Return the signed note of this description."""
        return signer.sign(f"{_HEADER}\n{signer.key.name}\n{rfc8785.dumps(self._described()).decode()}\n")

    @classmethod
    def read(cls, note: str, keys: Sequence[VerifierKey]) -> "Log":
        """Return the description that one of the keys signed for its own log; raises InvalidNote."""
        header, origin, description, *rest = [*notes.read(note, keys).split("\n"), "", ""]
        if header != _HEADER or origin not in {key.name for key in keys} or any(rest):
            raise InvalidNote("the note describes no log")
        try:
            stated = json.loads(description)
            lists = {name: tuple(stated.get(name, ())) for name in ("unaudited", "derived")}
            return cls(**{**stated, **lists})
        except (ValueError, TypeError, AttributeError):
            raise InvalidNote("the description of the log cannot be read") from None

    def _described(self) -> dict[str, Any]:
        """Return what is to be signed, without what goes without saying: so older verifiers can read it."""
        stated = asdict(self)
        usual = {each.name: each.default for each in fields(self) if each.default is not MISSING}
        return {name: value for name, value in stated.items() if name not in usual or value != usual[name]}
