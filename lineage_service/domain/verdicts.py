"""What a question about PDFs or reports comes to."""

from dataclasses import dataclass
from enum import StrEnum

from lineage_service.domain.facts import Lineage

MOST_PDF_BYTES = 64 * 1024 * 1024
"""As much as a report's PDF may have."""


class Verdict(StrEnum):
    """What is known of a PDF."""

    GENUINE = "GENUINE"
    ALTERED = "ALTERED"
    UNKNOWN = "UNKNOWN"


class Evidence(StrEnum):
    """What led to the lineage of a PDF."""

    SHA256 = "SHA256"
    XMP = "XMP"
    PDF_IDENTIFIER = "PDF_IDENTIFIER"


@dataclass(frozen=True)
class Finding:
    """What became of looking a PDF up."""

    verdict: Verdict
    sha256: bytes
    lineage: Lineage | None = None
    evidence: Evidence | None = None
    remark: str = ""
    """Why the PDF could not be read as a whole, as a sentence."""


@dataclass(frozen=True)
class Change:
    """One place at which two documents differ."""

    kind: str
    """ADDED, REMOVED or CHANGED."""
    path: str
    """JSONPath (RFC 9535)."""
    a: str
    """The first document's value as JSON, perhaps cut; empty if there is none."""
    b: str


@dataclass(frozen=True)
class Comparison:
    """What differs between two reports."""

    a: Lineage
    b: Lineage
    changes: tuple[Change, ...]
    """The first of them."""
    total: int
    """How many there are in all."""
