"""Where facts come from: one module a source, each asking its questions through the egress door.

A provider answers every question it is known for. What it cannot learn becomes a fact that says why.
"""

from lead_service.domain import FactState
from lead_service.egress import Garbled, Refused, Unreachable


def state_of(failure: Refused | Unreachable | Garbled) -> FactState:
    """Return the state of facts that were asked for in vain."""
    match failure:
        case Refused():
            return FactState.REFUSED
        case Unreachable():
            return FactState.UNREACHABLE
        case Garbled():
            return FactState.ERROR
