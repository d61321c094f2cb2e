"""Sender Policy Framework records, judged without any mail at hand (RFC 7208).

What a receiver would do for one sender depends on the sender; what can be said of the record alone is
whether it is well formed, what becomes of senders it does not list, and whether it stays within the
limits of section 4.6.4 if nobody matches before its end.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

import dns.exception
import dns.name

from lead_service.providers.dns import text_of
from services.egress.resolver import Answer, NoSuchName

MAX_LOOKUPS: Final = 10
MAX_VOID_LOOKUPS: Final = 2
MAX_MX_NAMES: Final = 10

Ask = Callable[[str, str], Awaitable[Answer]]

_MECHANISM: Final = re.compile(
    r"(?P<qualifier>[-~?+]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>(?:%\{[^}\s]*\}|[^\s/])*))?(?P<length>(?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
_MODIFIER: Final = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>\S*)", re.IGNORECASE)
_NETWORKS: Final = {"ip4": IPv4Network, "ip6": IPv6Network}


class PermanentError(Exception):
    """What receivers must treat as `permerror`; the message says why."""


@dataclass(slots=True)
class Evaluation:
    """What a record comes to. `problem` is empty if nothing is wrong with it.

    `others` is what becomes of senders that are not listed: `-`, `~`, `?` or `+` (section 4.6.2).
    """

    others: str = "?"
    lookups: int = 0
    void_lookups: int = 0
    problem: str = ""


def is_record(text: str) -> bool:
    """Tell SPF records from a name's other texts (section 4.5)."""
    return re.match(r"v=spf1( |$)", text, re.IGNORECASE) is not None


async def evaluate(ask: Ask, domain: str, found: list[str]) -> Evaluation:
    """Follow every mechanism of a domain's record; raises Unreachable where DNS fails (`temperror`)."""
    result = Evaluation()
    try:
        result.others = await _follow(ask, domain, _only(found), result)
    except PermanentError as error:
        result.problem = str(error)
    return result


def _only(found: list[str]) -> str:
    if len(found) != 1:
        raise PermanentError(f"{len(found)} SPF records where there may be one")
    return found[0]


async def _follow(ask: Ask, domain: str, record: str, result: Evaluation) -> str:
    others, redirect = "", ""
    for term in record.split()[1:]:
        if mechanism := _MECHANISM.fullmatch(term):
            name, value = mechanism["name"].lower(), mechanism["value"]
            if name == "all" and value is None and not mechanism["length"]:
                # What stands behind it is never reached (section 5.1).
                others = mechanism["qualifier"] or "+"
                break
            await _mechanism(ask, domain, name, value, mechanism["length"], result)
        elif modifier := _MODIFIER.fullmatch(term):
            if modifier["name"].lower() == "redirect":
                if redirect or not modifier["value"]:
                    raise PermanentError("redirect must be given once, with a domain")
                redirect = modifier["value"]
        else:
            raise PermanentError(f"{term[:80]!r} is no term of SPF")
    if others or not redirect:
        return others or "?"
    _count(result)
    return "?" if "%" in redirect else await _delegate(ask, redirect, result)


async def _mechanism(
    ask: Ask, domain: str, name: str, value: str | None, length: str, result: Evaluation
) -> None:
    if name in _NETWORKS:
        try:
            _NETWORKS[name](f"{value}{length}", strict=False)
        except ValueError as error:
            raise PermanentError(f"{name}:{value}{length} names no network") from error
        return
    if name == "all" or value == "" or (value is None and name in ("include", "exists")):
        raise PermanentError(f"{name} must name {'nothing' if name == 'all' else 'a domain'}")
    _count(result)
    target = value or domain
    if "%" in target or name == "ptr":
        # Macros depend on the mail at hand, and so does `ptr`.
        return
    if name == "include":
        await _delegate(ask, target, result)
        return
    kinds = ("MX",) if name == "mx" else ("A",) if name == "exists" else ("A", "AAAA")
    answers = [await _ask(ask, target, kind) for kind in kinds]
    _count_void(answers, result)
    if name == "mx" and answers[0]:
        servers = [
            str(record.exchange.to_text(omit_final_dot=True))  # type: ignore[attr-defined]  # of MX records only
            for record in answers[0].records
        ]
        if len(servers) > MAX_MX_NAMES:
            raise PermanentError(f"mx:{target} has more than {MAX_MX_NAMES} servers")
        # These count among themselves; but one without an address is void like any other (section 4.6.4).
        for server in servers:
            if server:
                _count_void([await _ask(ask, server, kind) for kind in ("A", "AAAA")], result)


async def _delegate(ask: Ask, target: str, result: Evaluation) -> str:
    answer = await _ask(ask, target, "TXT")
    found = list(filter(is_record, map(text_of, answer.records))) if answer else []
    if len(found) != 1:
        raise PermanentError(f"{target[:80]} has {len(found) or 'no'} SPF record{'s' if found else ''}")
    return await _follow(ask, target, found[0], result)


def _count(result: Evaluation) -> None:
    result.lookups += 1
    if result.lookups > MAX_LOOKUPS:
        raise PermanentError(f"more than {MAX_LOOKUPS} DNS look-ups are needed")


def _count_void(answers: list[Answer | None], result: Evaluation) -> None:
    if not any(answers):
        result.void_lookups += 1
        if result.void_lookups > MAX_VOID_LOOKUPS:
            raise PermanentError(f"more than {MAX_VOID_LOOKUPS} names that do not exist or have no record")


async def _ask(ask: Ask, name: str, record_type: str) -> Answer | None:
    try:
        dns.name.from_text(name)
    except dns.exception.DNSException as error:
        raise PermanentError(f"{name[:80]!r} is no domain name") from error
    try:
        answer = await ask(name, record_type)
    except NoSuchName:
        return None
    return answer if answer.records else None
