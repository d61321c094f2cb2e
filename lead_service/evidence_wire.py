"""Between the messages about erasures and the domain's values."""

from collections.abc import Sequence

from lead_service.erasure import Erasure
from protos.leadfactory.lead.v1 import lead_pb2 as pb


def erasure(found: Erasure) -> pb.Erasure:
    """Encode an erasure."""
    message = pb.Erasure(number=found.number, lead_id=str(found.lead_id), erased_by=found.erased_by)
    message.erased_at.FromDatetime(found.erased_at)
    return message


def erasures(found: Sequence[Erasure]) -> pb.ListErasuresResponse:
    """Encode a list of erasures."""
    return pb.ListErasuresResponse(erasures=map(erasure, found))
