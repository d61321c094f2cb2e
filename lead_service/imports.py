"""Imports: what a file of leads is to become, and what became of it."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from services.errors import FailedPrecondition, PermissionDenied
from services.identity import Actor

# An import whose server shows no sign of life for so long has failed, and an undo goes on elsewhere.
LOST_AFTER: Final = timedelta(minutes=2)
# Refused rows are strangers' data that nobody asked to keep.
ERRORS_KEPT: Final = timedelta(days=30)
# Whoever sees everything of others' imports.
_OVERSEERS: Final = frozenset({"auditor", "admin"})


class State(StrEnum):
    """How far an import has come; the proto says what each means."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


class Existing(StrEnum):
    """What to do with a lead that is there already."""

    SKIP = "SKIP"
    UPDATE = "UPDATE"


class Outcome(StrEnum):
    """What became of a row that is a lead and stands in the file for the first time."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be done with a file. `columns` is by field; `request_id` is empty if it has no name."""

    columns: Mapping[str, str] = field(default_factory=dict)
    existing: Existing = Existing.SKIP
    dry_run: bool = False
    enrich: bool = False
    request_id: str = ""
    filename: str = ""

    @property
    def digest(self) -> bytes:
        """What no two different wishes have in common."""
        said = [sorted(self.columns.items()), self.existing, self.dry_run, self.enrich, self.filename]
        return hashlib.sha256(json.dumps(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows, by what became of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: int = 0
    look_ups: int = 0
    """Leads among the created ones that are looked up."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.created + self.updated + self.unchanged + self.duplicates + self.refused


@dataclass(frozen=True, slots=True)
class LeadImport:
    """One import. `columns` holds the headers that were found.

    Rows up to `last_row` are done, and `content_sha256` is over these; `runner` names the call that
    reads the file, if one does.
    """

    id: UUID
    state: State
    options: Options
    columns: Mapping[str, str]
    ignored_columns: Sequence[str]
    created_by: str
    created_at: datetime
    runner: UUID
    counts: Counts = Counts()
    last_row: int = 0
    content_sha256: bytes = b""
    error: str = ""
    ended_at: datetime | None = None
    undone: int = 0
    conflicts: int = 0
    undone_by: str = ""
    undone_at: datetime | None = None

    @property
    def is_read(self) -> bool:
        """The whole file was read, whatever came after."""
        return self.state not in (State.RUNNING, State.FAILED)

    def require_seen_by(self, actor: Actor) -> None:
        """Raise PermissionDenied unless this is the actor's own import, or the actor oversees all."""
        if actor.subject != self.created_by and actor.roles.isdisjoint(_OVERSEERS):
            raise PermissionDenied("This is somebody else's import.", reason="NOT_YOURS")

    def require_undone_by(self, actor: Actor) -> None:
        """Raise PermissionDenied unless the actor may take this import back."""
        if actor.subject != self.created_by and "admin" not in actor.roles:
            raise PermissionDenied("This is somebody else's import.", reason="NOT_YOURS")

    def require_undoable(self) -> None:
        """Raise FailedPrecondition while there is nothing to take back."""
        if self.options.dry_run:
            raise FailedPrecondition("A dry run wrote nothing.", reason="IMPORT_DRY_RUN")
        if self.state is State.RUNNING:
            raise FailedPrecondition("This import still runs.", reason="IMPORT_RUNNING", retry_after=5)

    def require_same(self, options: Options) -> None:
        """Raise FailedPrecondition unless the options are these."""
        if options.digest != self.options.digest:
            raise another_file()


def another_file() -> FailedPrecondition:
    """Return the refusal of another file, or of other options, under a name that is taken."""
    return FailedPrecondition(
        "Another file, or other options, were sent under this key before. Use a new key for a new import.",
        reason="IDEMPOTENCY_KEY_REUSED",
    )


def taken_over() -> FailedPrecondition:
    """Return the refusal to go on with an import that another call goes on with."""
    return FailedPrecondition("Another request has taken this import up.", reason="IMPORT_TAKEN_OVER")


def sees_all(actor: Actor) -> bool:
    """Say whether the actor sees everybody's imports."""
    return not actor.roles.isdisjoint(_OVERSEERS)


class Row(NamedTuple):
    """A row that is a lead, checked and normalised; `id` is for the lead that it may become.

    `registrable_domain` is None if it is the domain itself, as in leads.
    """

    row: int
    id: UUID
    email: str
    domain: str
    name: str
    registrable_domain: str | None


class Rejection(NamedTuple):
    """Why a row is passed over: at most one for each field.

    `person` stands for the row's e-mail address (`names.person`), by which the row is erased.
    """

    row: int
    field: str
    column: str
    value: str
    reason: str
    person: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are written together. `content_sha256` is over everything up to and with `last_row`."""

    rows: Sequence[Row]
    rejections: Sequence[Rejection]
    last_row: int
    content_sha256: bytes


class Conflict(NamedTuple):
    """A lead that an undo left as it is."""

    row: int
    lead_id: UUID


class ImportStore(Protocol):
    """Imports inside one unit of work."""

    async def find(self, created_by: str, request_id: str) -> LeadImport | None:
        """Return the import that its creator gave this name."""

    async def begin(self, wanted: LeadImport) -> LeadImport:
        """Keep a new import, or take up the one of the same name; from now on it is the runner's.

        Raises Aborted if that one went on or ended meanwhile.
        """

    async def write(self, running: LeadImport, batch: Batch, now: datetime) -> LeadImport:
        """Write a batch, or judge it if it is a dry run, and return how far the import is.

        Raises FailedPrecondition if the import is not the runner's any more, and Aborted if somebody
        else changed the same leads at the same time: the batch can be tried again.
        """

    async def end(self, running: LeadImport, state: State, error: str, now: datetime) -> LeadImport | None:
        """End what the runner has begun; None if it is not the runner's any more."""

    async def get(self, import_id: UUID) -> LeadImport:
        """Return one import; raises NotFound."""

    async def get_for_change(self, import_id: UUID) -> LeadImport:
        """Return one import, held until this unit of work ends; raises NotFound."""

    async def page(self, created_by: str | None, size: int, after: UUID | None) -> list[LeadImport]:
        """Return at most `size` imports behind `after`, newest first; of one creator, or of all."""

    async def rejections(self, import_id: UUID, size: int, after: tuple[int, str]) -> list[Rejection]:
        """Return at most `size` rejections behind a row and field, in the order of the file."""

    async def begin_undo(self, import_id: UUID, undone_by: str, now: datetime) -> LeadImport:
        """Mark an import that is held as being taken back."""

    async def undo_some(self, import_id: UUID, size: int, now: datetime) -> LeadImport:
        """Take the next rows of an import back; it is UNDONE when there are none left."""

    async def conflicts(self, import_id: UUID, size: int, after_row: int) -> list[Conflict]:
        """Return at most `size` conflicts behind a row."""

    async def fail_lost(self, before: datetime, now: datetime) -> Collection[UUID]:
        """End imports that showed no sign of life since; returns them."""

    async def undos_lost(self, before: datetime) -> Collection[LeadImport]:
        """Return imports whose undo showed no sign of life since."""

    async def tidy(self, errors_before: datetime, limit: int) -> int:
        """Forget at most `limit` rows of ended dry runs, and as many old errors; returns how many."""


class ImportStores(Protocol):
    """Where units of work on imports begin. A write ends well or leaves nothing behind."""

    def read(self) -> AbstractAsyncContextManager[ImportStore]:
        """Open a unit of work that changes nothing."""

    def write(self) -> AbstractAsyncContextManager[ImportStore]:
        """Open a unit of work whose changes are kept if it ends well."""
