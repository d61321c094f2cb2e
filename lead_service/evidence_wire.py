"""Between the messages about erasures and the domain's values."""

from collections.abc import Sequence

from lead_service.erasure import Erasure
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from services.times import timestamp


def erasure(found: Erasure) -> pb.Erasure:
    """Encode an erasure."""
    return pb.Erasure(
        number=found.number,
        lead_id=str(found.lead_id),
        erased_by=found.erased_by,
        erased_at=timestamp(found.erased_at),
    )


def erasures(found: Sequence[Erasure]) -> pb.ListErasuresResponse:
    """Encode a list of erasures."""
    return pb.ListErasuresResponse(erasures=map(erasure, found))
