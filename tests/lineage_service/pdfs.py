"""PDFs as they are issued here, and what may become of them."""

from io import BytesIO
from uuid import UUID

import pikepdf
from pikepdf import Dictionary, Name, Stream

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:leadfactory="urn:leadfactory:lineage:1:">
<leadfactory:lineage_id>{lineage_id}</leadfactory:lineage_id>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>"""
ATTRIBUTE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:q="urn:leadfactory:lineage:1:" q:lineage_id="{lineage_id}"/>
</rdf:RDF></x:xmpmeta>"""


def a_pdf(
    xmp: UUID | None = None, identifier: UUID | None = None, *, packet: str = PACKET, pages: int = 1
) -> bytes:
    """A PDF that names a lineage, or does not, in either place."""
    pdf = pikepdf.new()
    for _ in range(pages):
        pdf.add_blank_page()
    if xmp is not None:
        text = packet.format(lineage_id=xmp).encode()
        pdf.Root.Metadata = pdf.make_indirect(
            Stream(pdf, text, Dictionary(Type=Name.Metadata, Subtype=Name.XML))
        )
    written = BytesIO()
    pdf.save(written, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return with_identifier(written.getvalue(), identifier)


def with_identifier(pdf: bytes, identifier: UUID | None) -> bytes:
    """The same, with a file identifier as a plain string in the trailer."""
    if identifier is None:
        return pdf
    begin = pdf.rindex(b"/ID [")
    end = pdf.index(b"]", begin) + 1
    digits = identifier.hex.encode()
    return pdf[:begin] + b"/ID [(" + digits + b")(" + digits + b")]" + pdf[end:]


def saved_again(pdf: bytes, **options: object) -> bytes:
    """As another program would write it."""
    written = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.docinfo["/Producer"] = "Somebody else"
        opened.save(written, **options)  # type: ignore[arg-type]
    return written.getvalue()
