"""What a log's entries state, and whether what is kept beside them agrees.

An entry is canonical bytes: a JSON object with `id`, the id of what it is about, `version` and
`previous_hash` if it is in a chain, and a commitment: under `values` one to all old and new values, of which
`changed_fields` are the names, or under `details` one to those. Older entries have one to each value, under
`old_values` and `new_values`. What is committed to is kept beside it, with its salt; without the two, nobody
can tell what it was. What is no secret is in the open: `bookkeeping`, `record`, and who acted, in columns by
the same names or together in `context`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

SIDES = ("old", "new", "details", "values")
# Sides that have one commitment, which has the side's name.
_WHOLE = ("details", "values")
# The action of the entry that tells of the erasure of all values about its subject.
ERASURE = "ERASE"
# The action of the entry that tells that its subject is gone, or marked as gone.
DELETION = "DELETE"
# The action of entries that tell that something was removed of what the record states the digests of.
REMOVAL = "EXPIRE"
# What an entry states in the open of what its subject is.
_OPEN = ("bookkeeping", "record")


class Opening(NamedTuple):
    """What a commitment was made of: a random salt and JSON, as it was written then.

    That is `{"name": value}` for one value, `{"new": {…}, "old": {…}}` for all, and an object of details.
    """

    salt: str
    text: str

    def commitment(self) -> str:
        """Return what stands for it in an entry: SHA-256 in hexadecimal."""
        return hashlib.sha256((self.salt + self.text).encode()).hexdigest()


Openings = Mapping[str, Mapping[str, Opening]]
"""For each of SIDES that the log has, the openings by name; what was erased is not there."""


class Unreadable(Exception):
    """An entry's bytes are not what an entry looks like."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that cannot be if nothing was tampered with, and where it is."""

    place: str
    what: str

    def __str__(self) -> str:
        # On one line, whatever a stranger wrote into an id.
        return "".join(each if each.isprintable() else "�" for each in f"{self.place}: {self.what}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry's bytes state. Entries without a version change nothing and are in no chain."""

    stated: Mapping[str, Any]
    subject_field: str
    hash: str
    """SHA-256 of the bytes, in hexadecimal: what the next entry calls `previous_hash`."""
    committed: Mapping[str, Mapping[str, str]]
    """The commitments of each side, by name."""
    changed_fields: frozenset[str]
    """Of which values it tells."""

    @classmethod
    def parse(cls, canonical: bytes, subject_field: str) -> "Entry":
        """Read an entry about what `subject_field` names; raises Unreadable."""
        try:
            stated = orjson.loads(canonical)
            types = [type(stated["id"]), type(stated[subject_field]), type(stated["version"])]
            whole = next((side for side in _WHOLE if side in stated), None)
            if whole:
                committed = {whole: {whole: stated[whole]} if stated[whole] is not None else {}}
                named_fields = frozenset(stated.get("changed_fields", ()))
            else:
                committed = {side: stated[f"{side}_values"] for side in ("old", "new")}
                named_fields = frozenset().union(*committed.values())
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Unreadable from None
        if (
            not all(isinstance(each, dict) for each in committed.values())
            or types[0] is not str
            or not {types[1]} <= {str, type(None)}
            or not {types[2]} <= {int, type(None)}
        ):
            raise Unreadable
        return cls(stated, subject_field, hashlib.sha256(canonical).hexdigest(), committed, named_fields)

    @property
    def id(self) -> str:
        """The entry's own id."""
        return str(self.stated["id"])

    @property
    def subject(self) -> str | None:
        """The id of what it is about, if that is one thing."""
        return self.stated[self.subject_field]  # type: ignore[no-any-return]  # JSON; text in each entry

    @property
    def version(self) -> int | None:
        """Which change of its subject this is, from 1."""
        return self.stated["version"]  # type: ignore[no-any-return]  # JSON; a number in each entry

    @property
    def place(self) -> str:
        """The entry's name in a list of damages."""
        return place(self.id, self.subject_field, self.subject, self.version)

    @property
    def record(self) -> Mapping[str, Any] | None:
        """The whole of what it is about, if this entry states it in the open."""
        record = self.stated.get("record")
        return record if isinstance(record, dict) else None

    @property
    def caller(self) -> Mapping[str, Any]:
        """Who acted, by which call, as columns have it, if this entry states that as one."""
        context = self.stated.get("context")
        return context if isinstance(context, dict) else {}

    @property
    def forgotten_before(self) -> datetime | None:
        """The moment before which entries may have lost their details, if this entry tells that."""
        return _moment(self.stated.get("forgotten_before"))

    @property
    def ends(self) -> bool:
        """Whether its subject is not there any more, and not merely marked so."""
        return self.stated.get("action") == DELETION and "id" in self.changed_fields

    def commitments(self, side: str) -> Mapping[str, str]:
        """Return the commitments of one side."""
        return self.committed.get(side, {})

    def new_values(self, openings: Openings) -> dict[str, str]:
        """Return the new values that are not erased, each as a text `{"name": value}`."""
        if "values" not in self.committed:
            return {name: opening.text for name, opening in openings.get("new", {}).items()}
        opening = openings.get("values", {}).get("values")
        try:
            values = json.loads(opening.text)["new"] if opening else {}
            return {name: text_of(name, value) for name, value in values.items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # It is not what was committed to, which is said of it elsewhere.
            return {}

    def has_lost(self, openings: Openings) -> bool:
        """Return whether a value that it commits to is not there any more."""
        return any(self.commitments(side).keys() - openings.get(side, {}).keys() for side in SIDES)

    def is_older_than(self, moment: datetime | None) -> bool:
        """Return whether it says that it was made before a moment."""
        made = _moment(self.stated.get("created_at"))
        return made is not None and moment is not None and made < moment

    def disagreements(self, openings: Openings) -> Iterator[str]:
        """Return which values are not those that were committed to. A missing one was erased."""
        for side in SIDES:
            for name, opening in openings.get(side, {}).items():
                if self.commitments(side).get(name) != opening.commitment():
                    yield named(side, name)


def named(side: str, name: str) -> str:
    """Return what something committed to is called in a list of damages."""
    return name if side in _WHOLE else f"{side}_values.{name}"


# Made once: `json.dumps` would make one for each value of a whole log.
_WRITER = json.JSONEncoder(ensure_ascii=False)


def text_of(name: str, value: Any) -> str:
    """Return a value as an opening's text, as PostgreSQL writes it: `{"name": value}`."""
    return _WRITER.encode({name: value})


def place(entry_id: str | None, subject_field: str, subject: str | None, version: int | None) -> str:
    """Name an entry, or the place where one is missing."""
    about = f"{subject_field} {subject}" + (f" version {version}" if version is not None else "")
    return f"entry {entry_id} ({about})" if entry_id else about


@dataclass(slots=True)
class Chain:
    """What is known of one subject, taken in one entry after the other, its changes oldest first."""

    subject_field: str
    subject: str
    forgotten_before: datetime | None = None
    """Entries of before that moment may have lost their details: another entry says so."""
    version: int = 0
    last_hash: str | None = None
    state: dict[str, str] | None = None
    """What the subject is after these changes, each value as an opening's text; None if not there."""
    unknown: set[str] = field(default_factory=set)
    """Values of that state that were erased."""
    _gone: list[str] = field(default_factory=list)
    _erasure: bool = False

    def take(self, entry: Entry, openings: Openings) -> Iterator[Damage]:
        """Add an entry, and say what of it does not follow from those before."""
        if entry.has_lost(openings) and not entry.is_older_than(self.forgotten_before):
            self._gone.append(entry.place)
        if entry.stated.get("action") == ERASURE:
            self._erasure = True
        if entry.version is None:
            return
        expected = self.version + 1
        if entry.version > expected:
            for version in range(expected, min(entry.version, expected + 100)):
                yield Damage(place(None, self.subject_field, self.subject, version), "the entry is missing")
            if entry.version > expected + 100:
                yield Damage(self._place, f"the entries up to version {entry.version - 1} are missing")
        elif entry.version < expected:
            yield Damage(entry.place, "its version is there twice")
        elif entry.stated.get("previous_hash") != self.last_hash:
            yield Damage(entry.place, "it does not follow the entry before")
        self.version, self.last_hash = max(self.version, entry.version), entry.hash
        self._replay(entry, openings)

    def end(self, live: Mapping[str, str] | None) -> Iterator[Damage]:
        """Say what does not fit once all entries are in, and the subject is known as it is now."""
        if not self._erasure:
            for where in self._gone:
                yield Damage(where, "values of it are gone, and no entry says that they were erased")
        if live is None or self.state is None:
            if live is not None:
                yield Damage(self._place, "is there, and no entry says so")
            elif self.state is not None:
                yield Damage(self._place, "is gone, and no entry says so")
            return
        differing = sorted(
            name
            for name in (live.keys() | self.state.keys()) - self.unknown
            if live.get(name) != self.state.get(name)
            # A column that is younger than the last entry, and empty.
            and not (name not in self.state and live[name] == f"{{{json.dumps(name)}: null}}")
        )
        if differing:
            yield Damage(self._place, f"is not what its entries made of it: {', '.join(differing)}")

    @staticmethod
    def _texts(values: Any) -> dict[str, str]:
        known = values if isinstance(values, dict) else {}
        return {name: text_of(name, value) for name, value in known.items()}

    @property
    def _place(self) -> str:
        return place(None, self.subject_field, self.subject, None)

    def _replay(self, entry: Entry, openings: Openings) -> None:
        if entry.ends:
            self.state, self.unknown = None, set()
            return
        known = entry.new_values(openings)
        # What is stated in the open, beside the values, for want of a secret in it.
        kept = {name: text for each in _OPEN for name, text in self._texts(entry.stated.get(each)).items()}
        if not entry.changed_fields and not kept:
            return
        state = {name: text for name, text in (self.state or {}).items() if name not in entry.changed_fields}
        self.state = state | known | kept
        self.unknown = (self.unknown - entry.changed_fields) | (entry.changed_fields - known.keys())


def _moment(text: Any) -> datetime | None:
    """Read a moment as PostgreSQL writes it in JSON, in UTC; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
