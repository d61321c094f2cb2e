"""How a report came to be, and what belongs to it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from services.errors import FieldViolation, InvalidArgument, OutOfRange

MIB = 1024 * 1024
MAX_PART_BYTES = 2 * MIB
LOG_PIECE_BYTES = MIB
"""A log is stored in pieces of this size, so that reading one takes constant memory."""


class Content(StrEnum):
    """What is kept of a report besides the facts."""

    INPUTS = "inputs"
    LOG = "log"

    @property
    def label(self) -> str:
        """The beginning of a sentence about its parts."""
        return "raw inputs have" if self is Content.INPUTS else "log has"


@dataclass(frozen=True)
class Part:
    """A piece of the raw inputs: one gzip member."""

    size: int
    """In bytes, compressed."""
    sha256: bytes
    """Over the compressed bytes."""


@dataclass(frozen=True)
class Limits:
    """How much a lineage may hold."""

    inputs_bytes: int = 256 * MIB
    """Raw inputs, uncompressed."""
    log_bytes: int = 64 * MIB
    """A pipeline log, uncompressed and compressed alike."""
    ratio: int = 200
    """How many bytes one byte of gzip may unfold to, where a member holds more than `any_ratio_bytes`."""
    any_ratio_bytes: int = 16 * MIB
    """What a member may hold at any ratio: a report on very repetitive data is no attack."""

    def unfolded(self, compressed: int) -> int:
        """Return how many bytes a gzip member of this size may hold."""
        return max(self.any_ratio_bytes, self.ratio * compressed)


@dataclass(frozen=True)
class Facts:
    """What the report service states about one report; two equal statements are the same fact."""

    lineage_id: UUID
    report_id: UUID
    lead_id: UUID
    pipeline_run_id: str
    template_version_id: str
    template_digest: bytes
    environment_digest: bytes
    started_at: datetime
    ended_at: datetime
    inputs_size: int
    """In bytes, uncompressed."""
    inputs_sha256: bytes
    """Over the uncompressed bytes."""
    pdf_sha256: bytes
    """Empty for a generation that failed: it has no PDF."""
    parts: tuple[Part, ...]
    log_size: int
    """In bytes, uncompressed."""
    log_sha256: bytes
    """Over the compressed bytes."""
    created_by: str

    def check(self, limits: Limits) -> None:
        """Refuse what cannot be true or would be too large; raises InvalidArgument."""
        wrong = [
            FieldViolation(f"header.{name}", "must not hold a NUL character", "NUL_CHARACTER")
            for name in ("pipeline_run_id", "template_version_id", "created_by")
            if "\0" in getattr(self, name)
        ]
        if self.ended_at < self.started_at:
            wrong.append(
                FieldViolation("header.pipeline_end_time", "must not be before the start", "END_BEFORE_START")
            )
        for number, part in enumerate(self.parts):
            if not 0 < part.size <= MAX_PART_BYTES:
                wrong.append(
                    FieldViolation(
                        f"header.parts[{number}].size_bytes", f"must be 1 to {MAX_PART_BYTES}", "PART_SIZE"
                    )
                )
        for name, size, limit in (
            ("raw_inputs_size_bytes", self.inputs_size, limits.inputs_bytes),
            ("logs_size_bytes", self.log_size, limits.log_bytes),
        ):
            if size > limit:
                wrong.append(FieldViolation(f"header.{name}", f"must be at most {limit}", "TOO_LARGE"))
        if wrong:
            raise InvalidArgument.of(wrong)

    def differing(self, other: "Facts") -> list[str]:
        """Name the facts in which two statements disagree."""
        return [each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name)]


@dataclass(frozen=True)
class Readings:
    """How often a lineage, its log or its raw inputs were read, and when last."""

    count: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class Lineage:
    """The facts about one report, as they are kept."""

    facts: Facts
    log_gzip_size: int
    """In bytes, compressed."""
    inputs_gzip_sha256: bytes
    """Over the compressed bytes of all parts, one after the other."""
    recorded_at: datetime
    readings: Readings = field(default=Readings(), compare=False)
    expired: Mapping[Content, datetime] = field(default_factory=dict, compare=False)
    """When what was removed."""

    @property
    def duration(self) -> float:
        """How long the pipeline ran, in seconds."""
        return (self.facts.ended_at - self.facts.started_at).total_seconds()

    @property
    def compression_saved(self) -> float:
        """Share of the raw inputs' size that compression saved; negative where it cost."""
        return 1 - self.inputs_gzip_size / self.facts.inputs_size

    @property
    def inputs_gzip_size(self) -> int:
        """In bytes, compressed."""
        return sum(part.size for part in self.facts.parts)

    def piece_sizes(self, content: Content) -> tuple[int, ...]:
        """Return the stored sizes of a content's pieces, in order."""
        if content is Content.INPUTS:
            return tuple(part.size for part in self.facts.parts)
        whole, rest = divmod(self.log_gzip_size, LOG_PIECE_BYTES)
        return (LOG_PIECE_BYTES,) * whole + ((rest,) if rest else ())

    def part(self, number: int) -> Part:
        """Return a part of the raw inputs, counted from 1; raises OutOfRange."""
        self.part_size(Content.INPUTS, number)
        return self.facts.parts[number - 1]

    def part_size(self, content: Content, number: int) -> int:
        """Return the stored size of one piece of a content, counted from 1; raises OutOfRange."""
        sizes = self.piece_sizes(content)
        if not 1 <= number <= len(sizes):
            parts = "1 part" if len(sizes) == 1 else f"{len(sizes)} parts"
            raise OutOfRange(
                f"part: the {content.label} {parts}, counted from 1.", reason="PART_OUT_OF_RANGE"
            )
        return sizes[number - 1]

    def inputs_digest(self, part: int) -> bytes:
        """Return the SHA-256 of the compressed bytes of one part, or of all of them for part 0."""
        return self.part(part).sha256 if part else self.inputs_gzip_sha256

    def inputs_filename(self, part: int) -> str:
        """Return what a download of one part, or of all for part 0, is saved as."""
        which = f".part{part}of{len(self.facts.parts)}" if part else ""
        return f"{self.facts.report_id}-inputs{which}.json.gz"

    def log_filename(self, part: int) -> str:
        """Return what a download of one part of the log is saved as."""
        return f"{self.facts.report_id}-log.part{part}of{len(self.piece_sizes(Content.LOG))}.ndjson.gz"


@dataclass(frozen=True)
class Piece:
    """Stored bytes with the digest that was stored beside them."""

    content: bytes
    sha256: bytes

    @classmethod
    def of(cls, content: bytes) -> "Piece":
        """Digest some bytes."""
        return cls(content, sha256(content).digest())


class Payload(Protocol):
    """The bytes that belong to one lineage, inspected and ready to be stored."""

    @property
    def log_gzip_size(self) -> int:
        """In bytes, compressed."""

    @property
    def inputs_gzip_sha256(self) -> bytes:
        """Over the compressed bytes of all parts, one after the other."""

    @property
    def log_words(self) -> frozenset[str]:
        """What the log can be found by."""

    def pieces(self, content: Content) -> AsyncIterator[Piece]:
        """Yield the pieces to store, in order: parts as announced, the log in LOG_PIECE_BYTES."""
