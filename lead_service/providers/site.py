"""Facts on what stands around the home page: the unencrypted port, robots.txt, the sitemap."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin
from urllib.robotparser import RobotFileParser

from lead_service.egress import Refused, Unresolved
from lead_service.egress.dial import Door
from lead_service.egress.http import Limits, Page, Visit, visit
from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.providers import state_of, within
from services.clock import Clock

_PLAIN: Final = ("plain.status", "plain.redirects", "plain.leads_to")
_CRAWLERS: Final = ("robots", "robots.home_page", "sitemap")


@dataclass(frozen=True)
class SiteProvider:
    """Asks `http://<domain>/`, and `/robots.txt` and the sitemap that it names, or else `/sitemap.xml`.

    `plain.leads_to` is "https" or "http": what somebody ends up with who types the bare name.
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
        plain, crawlers = await asyncio.gather(
            within(
                seconds, self._plain(domain), lambda *why: self._without(f"http://{domain}/", _PLAIN, *why)
            ),
            within(
                seconds,
                self._crawlers(domain),
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

    async def _plain(self, domain: str) -> list[Fact]:
        visited = await visit(self.door, self.trust, self.limits, f"http://{domain}/")
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

    async def _crawlers(self, domain: str) -> list[Fact]:
        visited = await self._get(domain, "/robots.txt")
        page = _file(visited)
        url = visited.urls[-1]
        seen = self._observed(url, page.body)
        text, sitemap = page.body.decode("utf-8", "replace"), f"https://{domain}/sitemap.xml"
        absence = _absence(page)
        if absence:
            facts = [
                seen.without(name, FactState.NOT_FOUND, absence) for name in ("robots", "robots.home_page")
            ]
        else:
            rules = RobotFileParser()
            rules.parse(text.splitlines())
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            allowed = rules.can_fetch("*", "/")
            facts = [
                seen.found("robots", filter(None, lines)),
                seen.found("robots.home_page", ["allowed" if allowed else "disallowed"]),
            ]
            if named := rules.site_maps():
                sitemap = urljoin(url, named[0])
        return [*facts, await self._sitemap(sitemap)]

    async def _sitemap(self, url: str) -> Fact:
        visited = await visit(self.door, self.trust, self.limits, url)
        seen = self._observed(visited.urls[-1])
        if not isinstance(visited.outcome, Page):
            return seen.without("sitemap", state_of(visited.outcome), str(visited.outcome))
        page = visited.outcome
        seen = self._observed(page.url, page.body)
        if absence := _absence(page):
            return seen.without("sitemap", FactState.NOT_FOUND, absence)
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


def _absence(page: Page) -> str:
    """Say why an answer is not the file that was asked for; empty if it is."""
    if page.status != 200:
        return f"the answer's status is {page.status}"
    kind = "".join(page.header("content-type")[:1])
    # Many sites answer any address with their home page and status 200.
    if re.match(r"text/html\b", kind, re.IGNORECASE) or re.match(
        rb"\s*<(?:!doctype html|html)\b", page.body, re.IGNORECASE
    ):
        return "the answer is a page, not a file"
    return ""
