"""What a check came to."""

from dataclasses import dataclass, field

from services.evidence.entries import Damage


@dataclass(slots=True)
class Report:
    """Damages, and what was checked and what cannot be."""

    damages: list[Damage] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
