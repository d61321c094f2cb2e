"""What lineages can be found by, and in which order they are shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from lineage_service.domain.facts import Facts, Lineage
from services.errors import InvalidArgument

EXACT_TOTAL_LIMIT: Final = 1000
"""How many matches are counted one by one; beyond, the total is an estimate."""


@dataclass(frozen=True)
class Word:
    """A word that a log must hold."""

    text: str
    is_prefix: bool = False
    """Whether any word that begins so will do."""

    def is_in(self, words: frozenset[str]) -> bool:
        """Say whether these words hold it."""
        return self.text in words or (self.is_prefix and any(each.startswith(self.text) for each in words))


@dataclass(frozen=True)
class LineageFilter:
    """Which lineages to show; empty values admit all."""

    words: tuple[Word, ...] = ()
    """All of them must be in the log."""
    lead_id: UUID | None = None
    pipeline_run_id: str = ""
    template_version_id: str = ""
    pdf_sha256: bytes = b""
    inputs_sha256: bytes = b""
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def asks_for_words_alone(self) -> bool:
        """Whether words, and perhaps a time, are all that is asked for."""
        words = LineageFilter(
            self.words, created_after=self.created_after, created_before=self.created_before
        )
        return bool(self.words) and self == words

    def admits(self, lineage: Lineage, words: frozenset[str]) -> bool:
        """Say whether a lineage, whose log holds these words, is to be shown."""
        return (
            self._admits(lineage.facts)
            and (self.created_after is None or lineage.recorded_at >= self.created_after)
            and (self.created_before is None or lineage.recorded_at < self.created_before)
            and all(word.is_in(words) for word in self.words)
        )

    def _admits(self, facts: Facts) -> bool:
        return (
            self.lead_id in (None, facts.lead_id)
            and self.pipeline_run_id in ("", facts.pipeline_run_id)
            and self.template_version_id in ("", facts.template_version_id)
            and self.pdf_sha256 in (b"", facts.pdf_sha256)
            and self.inputs_sha256 in (b"", facts.inputs_sha256)
        )


@dataclass(frozen=True)
class Order:
    """By the time of recording; ids decide between equals, in the same direction."""

    descending: bool = True

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Read an AIP-132 `order_by`; empty means newest first. Raises InvalidArgument."""
        match text.split():
            case [] | ["created_at", "desc"]:
                return cls()
            case ["created_at"] | ["created_at", "asc"]:
                return cls(descending=False)
        raise InvalidArgument("order_by", "must be created_at or created_at desc", "ORDER_INVALID")


@dataclass(frozen=True)
class Position:
    """A lineage's place in the order."""

    recorded_at: datetime
    lineage_id: UUID


@dataclass(frozen=True)
class LineagePage:
    """One page of a search. `next` is the last lineage's place if more follow."""

    lineages: tuple[Lineage, ...]
    next: Position | None
    total_estimate: int
