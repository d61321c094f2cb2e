"""Where facts come from: one module a source, each asking its questions through the egress door.

A provider answers every question it is known for. What it cannot learn becomes a fact that says why.

    dns         the records of the name and of its zone
    mail        who may send mail in its name (spf, dmarc), and how mail to it is protected
    address     what the lead's own e-mail address tells
    tls         the certificate and the protocol
    homepage    the page: its headers (headers), its contents (content, markup), its makers (technology)
    site        what stands around the page: the plain port, robots.txt, the sitemap
"""

import asyncio
from collections.abc import Awaitable, Callable

from lead_service.facts import Fact, FactState
from services.egress import Garbled, Refused, Unreachable


def state_of(failure: Refused | Unreachable | Garbled) -> FactState:
    """Return the state of facts that were asked for in vain."""
    match failure:
        case Refused():
            return FactState.REFUSED
        case Unreachable():
            return FactState.UNREACHABLE
        case Garbled():
            return FactState.ERROR


async def within(
    seconds: float,
    answers: Awaitable[list[Fact]],
    otherwise: Callable[[FactState, str], list[Fact]],
) -> list[Fact]:
    """Return the answers, or what `otherwise` makes of the reason why there are none.

    Of a provider's several sources, one that dawdles then costs no other its answers.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answers
    except TimeoutError:
        return otherwise(FactState.UNREACHABLE, f"no answer within {seconds:g} s")
    except (Refused, Unreachable, Garbled) as failure:
        return otherwise(state_of(failure), str(failure))
