"""What a PDF says about itself: whose report it is and from what it was made.

The identity is written into the XMP packet (ISO 16684-1) under a namespace of our own and, as the
lineage id alone, into the PDF's file identifier (ISO 32000-2, 14.4), so that a file that lost its
name, and even its metadata, still leads to its lineage.
"""

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:  # the worker needs the identity only, and not WeasyPrint in its memory
    from weasyprint.document import DocumentMetadata

    from report_service.domain import Report

NAMESPACE = "urn:leadfactory:lineage:1:"
"""The XMP namespace; its properties are the fields of ``PdfIdentity``."""

NIL = "00000000-0000-0000-0000-000000000000"
"""Stands for lineage, report and lead in what is no report: previews and checks."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@dataclass(frozen=True)
class PdfIdentity:
    """The ids and digests that a PDF carries."""

    lineage_id: str
    report_id: str
    lead_id: str
    pipeline_run_id: str
    template_version_id: str
    template_digest: str
    inputs_sha256: str

    @classmethod
    def of(cls, report: "Report", template_digest: str, inputs_sha256: str) -> "PdfIdentity":
        """Return what the PDF of a report says, now and whenever it is made again."""
        return cls(
            lineage_id=str(report.lineage_id),
            report_id=str(report.id),
            lead_id=str(report.lead_id),
            pipeline_run_id=report.pipeline_run_id,
            template_version_id=report.template_version_id,
            template_digest=template_digest,
            inputs_sha256=inputs_sha256,
        )

    @property
    def file_identifier(self) -> bytes:
        """The first part of the PDF's ``/ID``: the lineage id, its hexadecimal digits alone.

        Kept to letters and digits because a PDF string changes bytes such as a carriage return.
        """
        return re.sub("[^0-9A-Za-z]", "", self.lineage_id).encode("ascii")

    @property
    def short_code(self) -> str:
        """The end of the lineage id, for people to read out: eight characters, ``1A2B-3C4D``."""
        code = self.file_identifier.decode()[-8:].upper()
        return f"{code[:4]}-{code[4:]}"


def packet(metadata: "DocumentMetadata", identity: PdfIdentity) -> bytes:
    """Return the XMP packet: what WeasyPrint says of the document, and the identity.

    It claims no conformance to PDF/A or PDF/UA.
    """
    ElementTree.register_namespace("leadfactory", NAMESPACE)
    rdf = ElementTree.fromstring(metadata.generate_rdf_metadata(None, None, None))  # noqa: S314  # own text
    described = ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for name, value in asdict(identity).items():
        ElementTree.SubElement(described, f"{{{NAMESPACE}}}{name}").text = value
    return b"".join(
        (
            b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n',
            b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n',
            ElementTree.tostring(rdf, encoding="utf-8"),
            b'\n</x:xmpmeta>\n<?xpacket end="r"?>',
        )
    )


def identity_from(fields: dict[str, Any]) -> PdfIdentity:
    """Return the identity that came over the pipe; raises ``TypeError`` if a field is missing."""
    return PdfIdentity(**fields)
