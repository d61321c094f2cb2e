"""Facts on who may send mail in the domain's name, and on how mail to it is protected.

The parsers are our own, on dnspython: checkdmarc brings its own resolver and HTTP client, and with them
ways out that do not lead through the egress door.
"""

import asyncio
import base64
import binascii
import re
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from lead_service.facts import Fact, FactState, Observation, Subject
from lead_service.names import registrable_domain
from lead_service.providers import spf, within
from lead_service.providers.dmarc import of_version, policy, tags
from lead_service.providers.dns import text_of
from services.clock import Clock
from services.egress import Unreachable, Unresolved
from services.egress.dial import Door
from services.egress.http import Limits, Page, visit
from services.egress.resolver import Answer, NoSuchName, Resolver

SELECTORS: Final = (
    *("default", "dkim", "mail", "google", "selector1", "selector2", "k1", "k2", "k3", "s1", "s2"),
    *("smtp", "mandrill", "mxvault", "fm1", "protonmail", "zoho", "pm", "sig1", "key1"),
)
"""Where the large mail providers publish their customers' DKIM keys."""

_NAMES: Final = {
    "null_mx": "MX {}",
    **{f"spf.{name}": "TXT {}" for name in ("record", "validity", "others", "lookups", "void_lookups")},
    **{f"dmarc.{name}": "TXT _dmarc.{}" for name in ("record", "validity", "policy", "percent", "reports")},
    "dkim.keys": "TXT <selector>._domainkey.{}",
    "mta_sts.record": "TXT _mta-sts.{}",
    **{f"mta_sts.{name}": "https://mta-sts.{}/.well-known/mta-sts.txt" for name in ("mode", "servers")},
    "tls_rpt.reports": "TXT _smtp._tls.{}",
    "bimi.record": "TXT default._bimi.{}",
}
_MAX_POLICY_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class MailProvider:
    """SPF (RFC 7208), DMARC (7489), DKIM (6376), MTA-STS (8461), TLS-RPT (8460), BIMI, null MX (7505).

    `spf.validity` and `dmarc.validity` are "valid", or what receivers find wrong. DKIM keys can be
    asked for by selector only; none on the common ones does not say that there is none.
    """

    resolver: Resolver
    door: Door
    trust: ssl.SSLContext
    limits: Limits
    clock: Clock
    timeout_seconds: float
    name: str = "mail"

    async def look_up(self, subject: Subject) -> list[Fact]:
        """See Provider."""
        domain = subject.domain
        parts: tuple[tuple[str, Coroutine[Any, Any, list[Fact]]], ...] = (
            ("null_mx", self._null_mx(domain)),
            ("spf.", self._spf(domain)),
            ("dmarc.", self._dmarc(domain)),
            ("dkim.", self._dkim(domain)),
            ("mta_sts.", self._mta_sts(domain)),
            ("tls_rpt.", self._tls_rpt(domain)),
            ("bimi.", self._bimi(domain)),
        )
        seconds = 0.9 * self.timeout_seconds
        answers = await asyncio.gather(
            *(
                within(
                    seconds,
                    part,
                    partial(self._unanswered, domain, prefix),
                )
                for prefix, part in parts
            )
        )
        return [fact for facts in answers for fact in facts]

    def unanswered(self, subject: Subject, state: FactState, reason: str) -> list[Fact]:
        """See Provider."""
        return self._unanswered(subject.domain, "", state, reason)

    def _unanswered(
        self, domain: str, prefix: str, state: FactState, reason: str, seen: Observation | None = None
    ) -> list[Fact]:
        return [
            (seen or self._observed(source.format(domain))).without(name, state, reason)
            for name, source in _NAMES.items()
            if name.startswith(prefix)
        ]

    def _observed(self, source: str, evidence: bytes = b"") -> Observation:
        method = "HTTP GET" if source.startswith("https://") else "DNS"
        return Observation(self.name, source, method, self.clock(), evidence)

    async def _texts(self, name: str) -> tuple[list[str], Observation]:
        """Return the TXT records of a name; none if it does not exist."""
        try:
            answer = await self.resolver.ask(name, "TXT")
        except NoSuchName as error:
            answer = Answer((), error.wire)
        return [text_of(each) for each in answer.records], self._observed(f"TXT {name}", answer.wire)

    async def _null_mx(self, domain: str) -> list[Fact]:
        try:
            answer = await self.resolver.ask(domain, "MX")
        except NoSuchName as error:
            answer = Answer((), error.wire)
        seen = self._observed(f"MX {domain}", answer.wire)
        texts = [text_of(each) for each in answer.records]
        null = [each for each in texts if each.endswith(" .")]
        if null and len(texts) > 1:
            reason = "a null MX must be the only one"
            return [seen.without("null_mx", FactState.ERROR, reason)]
        if null:
            return [seen.found("null_mx", null)]
        return [
            seen.without("null_mx", FactState.NOT_FOUND, "the domain does not declare that it takes no mail")
        ]

    async def _spf(self, domain: str) -> list[Fact]:
        texts, seen = await self._texts(domain)
        found = [each for each in texts if spf.is_record(each)]
        if not found:
            return self._unanswered(domain, "spf.", FactState.NOT_FOUND, "the name has no SPF record", seen)
        facts = [seen.found("spf.record", found)]
        try:
            result = await spf.evaluate(self.resolver.ask, domain, found)
        except Unreachable as failure:
            # Receivers call this a temporary error.
            return facts + [
                seen.without(f"spf.{name}", FactState.UNREACHABLE, f"a name in the record: {failure}")
                for name in ("validity", "others", "lookups", "void_lookups")
            ]
        facts.append(seen.found("spf.validity", [result.problem or "valid"]))
        if result.problem:
            reason = f"receivers do not get this far: {result.problem}"
            facts.append(seen.without("spf.others", FactState.NOT_FOUND, reason))
        else:
            facts.append(seen.found("spf.others", [result.others]))
        return [
            *facts,
            seen.found("spf.lookups", [str(result.lookups)]),
            seen.found("spf.void_lookups", [str(result.void_lookups)]),
        ]

    async def _dmarc(self, domain: str) -> list[Fact]:
        organisation = registrable_domain(domain)
        for name in dict.fromkeys((domain, organisation)):
            texts, seen = await self._texts(f"_dmarc.{name}")
            # More than one is as good as none (section 6.6.3, step 5).
            if found := of_version(texts, "DMARC1"):
                break
        else:
            reason = "neither the name nor its organisation has a DMARC record"
            return self._unanswered(domain, "dmarc.", FactState.NOT_FOUND, reason, seen)
        record = seen.found("dmarc.record", found)
        if len(found) > 1:
            problem = f"{len(found)} DMARC records where there may be one"
            rest = [
                seen.without(f"dmarc.{each}", FactState.NOT_FOUND, problem)
                for each in ("policy", "percent", "reports")
            ]
            return [record, seen.found("dmarc.validity", [problem]), *rest]
        read = policy(found[0], inherited=name != domain)
        return [
            record,
            seen.found("dmarc.validity", [read.problem or "valid"]),
            seen.found("dmarc.policy", [read.action]),
            seen.found("dmarc.percent", [str(read.percent)]),
            seen.found("dmarc.reports", read.reports)
            if read.reports
            else seen.without("dmarc.reports", FactState.NOT_FOUND, "no aggregate reports are asked for"),
        ]

    async def _dkim(self, domain: str) -> list[Fact]:
        names = [f"{selector}._domainkey.{domain}" for selector in SELECTORS]
        answers = await asyncio.gather(*map(self._texts, names), return_exceptions=True)
        keys, evidence, failure = [], b"", ""
        for selector, answer in zip(SELECTORS, answers, strict=True):
            if isinstance(answer, Unreachable):
                failure = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                texts, seen = answer
                if key := next(filter(None, map(_key, texts)), None):
                    keys.append(f"{selector}: {key}")
                    evidence += seen.evidence
        if keys:
            return [self._observed(f"TXT <selector>._domainkey.{domain}", evidence).found("dkim.keys", keys)]
        if failure:
            raise Unreachable(failure)
        reason = f"not found on {len(SELECTORS)} common selectors, which does not say that there is none"
        return self._unanswered(domain, "dkim.", FactState.NOT_FOUND, reason)

    async def _mta_sts(self, domain: str) -> list[Fact]:
        texts, seen = await self._texts(f"_mta-sts.{domain}")
        found = of_version(texts, "STSv1")
        if len(found) != 1:
            reason = (
                f"{len(found)} MTA-STS records count as none" if found else "the name has no MTA-STS record"
            )
            return self._unanswered(domain, "mta_sts.", FactState.NOT_FOUND, reason, seen)
        record = seen.found("mta_sts.record", found)
        url = _NAMES["mta_sts.mode"].format(domain)
        limits = Limits(_MAX_POLICY_BYTES, _MAX_POLICY_BYTES, self.limits.timeout_seconds)
        # Redirects must not be followed (section 3.3).
        outcome = (await visit(self.door, self.trust, limits, url, redirects=0)).outcome
        seen = self._observed(url, outcome.body if isinstance(outcome, Page) else b"")
        stated, problem = _sts_policy(outcome) if isinstance(outcome, Page) else ({}, str(outcome))
        if problem:
            reason = f"there is a record, but no usable policy: {problem}"
            silent = isinstance(outcome, Unreachable) and not isinstance(outcome, Unresolved)
            state = FactState.UNREACHABLE if silent else FactState.NOT_FOUND
            rest = [seen.without(f"mta_sts.{each}", state, reason) for each in ("mode", "servers")]
            return [record, *rest]
        servers = stated.get("mx", [])
        return [
            record,
            seen.found("mta_sts.mode", stated["mode"][:1]),
            seen.found("mta_sts.servers", servers)
            if servers
            else seen.without("mta_sts.servers", FactState.NOT_FOUND, "the policy names no server"),
        ]

    async def _tls_rpt(self, domain: str) -> list[Fact]:
        texts, seen = await self._texts(f"_smtp._tls.{domain}")
        found = of_version(texts, "TLSRPTv1")
        if len(found) != 1 or not tags(found[0]).get("rua"):
            reason = "the name has no TLS reporting record" if not found else "its record counts as none"
            return self._unanswered(domain, "tls_rpt.", FactState.NOT_FOUND, reason, seen)
        return [seen.found("tls_rpt.reports", tags(found[0])["rua"].split(","))]

    async def _bimi(self, domain: str) -> list[Fact]:
        for name in dict.fromkeys((domain, registrable_domain(domain))):
            texts, seen = await self._texts(f"default._bimi.{name}")
            if found := of_version(texts, "BIMI1"):
                return [seen.found("bimi.record", found[:1])]
        return self._unanswered(domain, "bimi.", FactState.NOT_FOUND, "the name has no BIMI record", seen)


def _key(record: str) -> str:
    """Describe a DKIM key record; empty if the text is none."""
    found = tags(record)
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return ""
    kind = found.get("k", "rsa")
    data = re.sub(r"\s", "", found["p"])
    if not data:
        return f"{kind}, revoked"
    if kind != "rsa":
        return kind
    try:
        key = load_der_public_key(base64.b64decode(data, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return "rsa, unreadable"
    return f"rsa, {key.key_size} bit" if isinstance(key, RSAPublicKey) else "rsa, unreadable"


def _sts_policy(page: Page) -> tuple[dict[str, list[str]], str]:
    """Read a policy file (RFC 8461 section 3.2): its keys, and what is wrong with it."""
    if page.status != 200:
        return {}, f"the answer's status is {page.status}"
    if page.body_problem:
        return {}, f"the answer is {page.body_problem}"
    stated: dict[str, list[str]] = {}
    for line in page.body.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            stated.setdefault(key.strip(), []).append(value.strip())
    if stated.get("version") != ["STSv1"]:
        return {}, "it is no version 1 policy"
    if stated.get("mode", [""])[0] not in ("enforce", "testing", "none"):
        return {}, "it has no mode"
    if not stated.get("max_age", [""])[0].isdecimal():
        return {}, "it has no max_age"
    return stated, ""
