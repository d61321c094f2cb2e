"""Facts from the domain's home page: how it answers, how it protects its visitors, what it says."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.providers import content, headers, state_of, technology
from lead_service.providers.markup import parse
from lead_service.providers.robots import Robots
from services.clock import Clock
from services.egress import Refused, Unresolved
from services.egress.dial import Door
from services.egress.http import Limits, Page, Visit, visit

_NAMES: Final = (
    "status",
    "final_url",
    "redirects",
    "weight_bytes",
    *headers.NAMES,
    *content.NAMES,
    "technologies",
)


@dataclass(frozen=True)
class HomepageProvider:
    """Asks `https://<domain>/`, or `http://<domain>/` where the secure port does not answer.

    A page that robots.txt asks us not to visit is not asked for; its facts are REFUSED and say so.
    `weight_bytes` is what a visitor downloads for the document itself, compressed if the server does.
    """

    door: Door
    trust: ssl.SSLContext
    limits: Limits
    clock: Clock
    timeout_seconds: float
    name: str = "homepage"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        domain, permit = subject.domain, Robots(self.door, self.trust, self.limits).permit
        secure = await visit(self.door, self.trust, self.limits, f"https://{domain}/", permit=permit)
        # A refusal, or a name without address, is about the host; asking it again in the clear would
        # end the same way.
        if isinstance(secure.outcome, (Page, Refused, Unresolved)):
            return await asyncio.to_thread(self._facts, secure)
        plain = await visit(self.door, self.trust, self.limits, f"http://{domain}/", permit=permit)
        better = plain if isinstance(plain.outcome, Page) else secure
        # Parsing a large page takes a while, and leaves other look-ups running.
        return await asyncio.to_thread(self._facts, better)

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        seen = self._observed(f"https://{subject.domain}/")
        return [seen.without(name, state, reason) for name in _NAMES]

    def _observed(self, url: str, evidence: bytes = b"") -> Observation:
        return Observation(self.name, url, "HTTP GET", self.clock(), evidence)

    def _facts(self, visited: Visit) -> list[Fact]:
        if not isinstance(visited.outcome, Page):
            seen = self._observed(visited.urls[-1])
            state, reason = state_of(visited.outcome), str(visited.outcome)
            return [
                seen.found("redirects", visited.urls)
                if name == "redirects" and len(visited.urls) > 1
                else seen.without(name, state, reason)
                for name in _NAMES
            ]
        page = visited.outcome
        head = self._observed(page.url, page.head)
        return [
            head.found("status", [str(page.status)]),
            head.found("final_url", [page.url]),
            head.found("redirects", visited.urls)
            if len(visited.urls) > 1
            else head.without("redirects", FactState.NOT_FOUND, "the first answer was the page"),
            *headers.header_facts(head, page),
            *self._body_facts(page),
        ]

    def _body_facts(self, page: Page) -> list[Fact]:
        seen = self._observed(page.url, page.body)
        if page.body_problem:
            weight = seen.without("weight_bytes", FactState.ERROR, f"the page is {page.body_problem}")
        else:
            weight = seen.found("weight_bytes", [str(page.body_bytes)])
        content_type = "".join(page.header("content-type")[:1])
        if content_type and not re.match(
            r"(text/html|application/xhtml\+xml)\b", content_type, re.IGNORECASE
        ):
            reason = f"the page is {content_type}, not HTML"
            texts = [seen.without(name, FactState.NOT_FOUND, reason) for name in content.NAMES]
            found = technology.technologies(page, None)
        else:
            markup = parse(page.body, content_type)
            problem = page.body_problem or markup.problem
            texts = content.content_facts(seen, markup.tree, page.url, problem)
            found = technology.technologies(page, markup.tree)
        made_with = self._observed(page.url, page.head + b"\r\n" + page.body)
        return [
            weight,
            *texts,
            made_with.found("technologies", found)
            if found
            else made_with.without(
                "technologies", FactState.NOT_FOUND, "no product left a trace that is known"
            ),
        ]
