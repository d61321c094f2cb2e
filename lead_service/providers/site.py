"""Facts on what stands around the home page: the unencrypted port, robots.txt, the sitemap."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.providers import state_of, within
from lead_service.providers.robots import Robots, Rules, absence
from services.clock import Clock
from services.egress import Refused, Unresolved
from services.egress.dial import PRODUCT, Door
from services.egress.http import Limits, Page, Permit, Visit, visit

_PLAIN: Final = ("plain.status", "plain.redirects", "plain.leads_to")
_CRAWLERS: Final = ("robots", "robots.home_page", "robots.look_up", "sitemap")


@dataclass(frozen=True)
class SiteProvider:
    """Asks `http://<domain>/`, and `/robots.txt` and the sitemap that it names, or else `/sitemap.xml`.

    `plain.leads_to` is "https" or "http": what somebody ends up with who types the bare name.
    `robots.home_page` says what robots.txt asks of any crawler, `robots.look_up` what it asks of us, who keep
    to it.
    """

    door: Door
    trust: ssl.SSLContext
    limits: Limits
    clock: Clock
    timeout_seconds: float
    name: str = "site"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        domain, seconds = subject.domain, 0.9 * self.timeout_seconds
        permit = Robots(self.door, self.trust, self.limits).permit
        plain, crawlers = await asyncio.gather(
            within(
                seconds,
                self._plain(domain, permit),
                lambda *why: self._without(f"http://{domain}/", _PLAIN, *why),
            ),
            within(
                seconds,
                self._crawlers(domain, permit),
                lambda *why: self._without(f"https://{domain}/robots.txt", _CRAWLERS, *why),
            ),
        )
        return plain + crawlers

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return self._without(f"http://{subject.domain}/", _PLAIN, state, reason) + self._without(
            f"https://{subject.domain}/robots.txt", _CRAWLERS, state, reason
        )

    def _observed(self, url: str, evidence: bytes = b"") -> Observation:
        return Observation(self.name, url, "HTTP GET", self.clock(), evidence)

    def _without(self, url: str, names: tuple[str, ...], state: FactState, reason: str) -> list[Fact]:
        return [self._observed(url).without(name, state, reason) for name in names]

    async def _plain(self, domain: str, permit: Permit) -> list[Fact]:
        visited = await visit(self.door, self.trust, self.limits, f"http://{domain}/", permit=permit)
        if not isinstance(visited.outcome, Page):
            # A step that was taken is known, however the journey ended.
            secure = [url for url in visited.urls if url.startswith("https://")]
            seen = self._observed(visited.urls[0])
            state, reason = state_of(visited.outcome), str(visited.outcome)
            return [
                seen.without("plain.status", state, reason),
                seen.found("plain.redirects", visited.urls)
                if len(visited.urls) > 1
                else seen.without("plain.redirects", state, reason),
                seen.found("plain.leads_to", ["https"])
                if secure
                else seen.without("plain.leads_to", state, reason),
            ]
        page = visited.outcome
        seen = self._observed(visited.urls[0], page.head)
        return [
            seen.found("plain.status", [str(page.status)]),
            seen.found("plain.redirects", visited.urls)
            if len(visited.urls) > 1
            else seen.without("plain.redirects", FactState.NOT_FOUND, "the first answer was the page"),
            seen.found("plain.leads_to", [page.url.partition(":")[0]]),
        ]

    async def _crawlers(self, domain: str, permit: Permit) -> list[Fact]:
        visited = await self._get(domain, "/robots.txt")
        page = _file(visited)
        url = visited.urls[-1]
        seen = self._observed(url, page.body)
        text, sitemap = page.body.decode("utf-8", "replace"), f"https://{domain}/sitemap.xml"
        if missing := absence(page):
            facts = [
                seen.without(name, FactState.NOT_FOUND, missing)
                for name in _CRAWLERS
                if name.startswith("robots")
            ]
        else:
            rules = Rules.parse(text)
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            facts = [
                seen.found("robots", filter(None, lines)),
                *(
                    seen.found(name, ["allowed" if rules.allow(visitor, "/") else "disallowed"])
                    for name, visitor in (("robots.home_page", "*"), ("robots.look_up", PRODUCT))
                ),
            ]
            if rules.sitemaps:
                sitemap = urljoin(url, rules.sitemaps[0])
        return [*facts, await self._sitemap(sitemap, permit)]

    async def _sitemap(self, url: str, permit: Permit) -> Fact:
        visited = await visit(self.door, self.trust, self.limits, url, permit=permit)
        seen = self._observed(visited.urls[-1])
        if not isinstance(visited.outcome, Page):
            return seen.without("sitemap", state_of(visited.outcome), str(visited.outcome))
        page = visited.outcome
        seen = self._observed(page.url, page.body)
        if missing := absence(page):
            return seen.without("sitemap", FactState.NOT_FOUND, missing)
        places = len(re.findall(rb"<loc[\s>]", page.body))
        if not places:
            return seen.without("sitemap", FactState.NOT_FOUND, "the answer lists no address")
        more = " or more" if page.body_problem else ""
        return seen.found("sitemap", [f"{page.url} lists {places}{more}"])

    async def _get(self, domain: str, path: str) -> Visit:
        secure = await visit(self.door, self.trust, self.limits, f"https://{domain}{path}")
        if isinstance(secure.outcome, (Page, Refused, Unresolved)):
            return secure
        plain = await visit(self.door, self.trust, self.limits, f"http://{domain}{path}")
        return plain if isinstance(plain.outcome, Page) else secure


def _file(visited: Visit) -> Page:
    if isinstance(visited.outcome, Page):
        return visited.outcome
    raise visited.outcome
