"""What robots.txt asks of visitors (RFC 9309), and keeping to it.

The standard library's reader takes the first rule that fits and knows no wildcards; the standard takes the
longest, and does.
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import httpx

from services.egress import Garbled, Refused, Unreachable
from services.egress.dial import PRODUCT, Door
from services.egress.http import Limits, Page, visit

_LINE: Final = re.compile(r"\s*(user-agent|allow|disallow|sitemap)\s*:\s*([^#]*)", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[a-z_-]+|\*")


def introduction(contact: str) -> str:
    """How requests introduce themselves (RFC 9110 section 10.1.5), and whom a site's owner can ask."""
    return f"{PRODUCT}/1 (website audit{f'; {contact}' if contact else ''})"


class Rule(NamedTuple):
    """One line: whether paths that fit the pattern may be visited."""

    allows: bool
    pattern: str

    def fits(self, path: str) -> bool:
        """Match the path's beginning, `*` being anything and a last `$` the path's end (section 2.2.3)."""
        first, *others = self.pattern.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        place = len(first)
        for part in others:
            place = path.find(part, place)
            if place < 0:
                return False
            place += len(part)
        # Behind a wildcard the last part may stand further back than where it was found first.
        last = others[-1] if others else ""
        return not self.pattern.endswith("$") or place == len(path) or (bool(others) and path.endswith(last))


@dataclass(frozen=True, slots=True)
class Rules:
    """A robots.txt, by the lower-case names of those it speaks to."""

    groups: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    sitemaps: Sequence[str] = ()

    @classmethod
    def parse(cls, text: str) -> "Rules":
        """Read the lines that mean something, and pass over the others (section 2.2)."""
        groups: dict[str, list[Rule]] = {}
        sitemaps: list[str] = []
        named: list[str] = []
        is_naming = False
        for line in text.removeprefix("\ufeff").splitlines():
            read = _LINE.match(line)
            if read is None:
                continue
            key, value = read[1].lower(), read[2].strip()
            if key == "sitemap":
                sitemaps.append(value)
            elif key == "user-agent":
                named = named if is_naming else []
                is_naming = True
                if token := _TOKEN.match(value.lower()):
                    named.append(token[0])
                    groups.setdefault(token[0], [])
            else:
                is_naming = False
                for name in named if value else ():
                    groups[name].append(Rule(key == "allow", value))
        return cls(groups, sitemaps)

    def allow(self, product: str, path: str) -> bool:
        """Return whether the product may visit the path: the longest rule decides, and if in doubt, yes."""
        rules = self.groups.get(product.lower(), self.groups.get("*", ()))
        fitting = [(len(rule.pattern), rule.allows) for rule in rules if rule.fits(path)]
        return max(fitting)[1] if fitting else True


@dataclass(frozen=True)
class Robots:
    """Asks each site once for its robots.txt, in one look-up."""

    door: Door
    trust: ssl.SSLContext
    limits: Limits
    _known: dict[str, Rules] = field(default_factory=dict)

    async def permit(self, url: httpx.URL) -> None:
        """Raise Refused if the site asks us not to visit this URL; and what keeps the site from saying so.

        A site without robots.txt asks for nothing; one that fails to give it is left alone (section 2.3.1).
        """
        site = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if site not in self._known:
            self._known[site] = await self._ask(site)
        path = url.raw_path.decode("ascii", "replace")
        if not self._known[site].allow(PRODUCT, path):
            raise Refused(f"{site}/robots.txt asks {PRODUCT} not to visit {path[:200]}")

    async def _ask(self, site: str) -> Rules:
        visited = await visit(self.door, self.trust, self.limits, f"{site}/robots.txt")
        match visited.outcome:
            case Page(status=status) if status >= 500:
                raise Refused(f"{site}/robots.txt cannot be read: the answer's status is {status}")
            case Page() as page:
                return Rules() if absence(page) else Rules.parse(page.body.decode("utf-8", "replace"))
            case Refused():
                # It leads where we do not go; the page itself may not.
                return Rules()
            case Unreachable() | Garbled() as failure:
                raise failure


def absence(page: Page) -> str:
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
