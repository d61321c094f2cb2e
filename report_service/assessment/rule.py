"""What a check is made of: the facts it needs, the rule that judges them, and what it found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Outcome = Literal["pass", "warn", "fail", "unknown"]


class Fact(NamedTuple):
    """One fact as the rules see it."""

    state: str
    values: tuple[str, ...]
    reason: str
    observed_at: str
    """RFC 3339; empty if the source was not asked."""

    @property
    def answered(self) -> bool:
        """Whether the source said something; that there is nothing is an answer too."""
        return self.state in ("FOUND", "NOT_FOUND")

    @property
    def first(self) -> str:
        """The first value, or an empty text."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True)
class Verdict:
    """What a rule makes of its facts."""

    outcome: Outcome
    name: str
    """Unique within the rule, for translations."""
    finding: str
    """One sentence; quotes ``details`` in braces."""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A check before it meets a lead."""

    id: str
    """``area.name``."""
    points: int
    title: str
    needs: tuple[str, ...]
    """The facts it judges, as ``provider.name``."""
    judge: Callable[..., Verdict]
    """Takes the lead's domain, then the facts in the order of ``needs``, all of them answered."""
    why: str
    remedy: str


@dataclass(frozen=True)
class Check:
    """A rule's verdict on one lead."""

    id: str
    title: str
    area: str
    outcome: Outcome
    verdict: str
    """Which of the rule's findings this is, for translations."""
    points: int
    """Earned: all of them for ``pass``, half (rounded down) for ``warn``, otherwise none."""
    max_points: int
    finding: str
    """What was seen, as one sentence."""
    details: Mapping[str, str]
    """What the finding quotes from the facts, for translations."""
    why: str
    remedy: str
    """Empty if the check passed."""
    evidence: tuple[str, ...]
    """The facts used, as ``provider.name``."""
