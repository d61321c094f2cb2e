"""DMARC records (RFC 7489), and the tag lists in which DKIM, MTA-STS, TLS-RPT and BIMI are written too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_POLICIES: Final = frozenset({"none", "quarantine", "reject"})
_MAILTO: Final = re.compile(
    r"(?:mailto:[^\s!,;@]+@[^\s!,;@]+|https://[^\s!,;]+)(?:![0-9]+[kmgt]?)?", re.IGNORECASE
)


def tags(record: str) -> Mapping[str, str]:
    """Read `name=value; name=value` (RFC 6376 section 3.2); of a name that comes twice, the first."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def of_version(records: list[str], version: str) -> list[str]:
    """Return the records whose first tag is `v=<version>`, which is what makes them records at all."""
    return [each for each in records if re.match(rf"v\s*=\s*{version}\s*(;|$)", each)]


@dataclass(frozen=True, slots=True)
class Policy:
    """What receivers are asked to do with mail that fails the check.

    `action` is `none`, `quarantine` or `reject`, for `percent` per cent of it; `reports` are the
    places of aggregate reports. `problem` is empty if nothing is wrong with the record.
    """

    action: str
    percent: int
    reports: tuple[str, ...]
    problem: str


def policy(record: str, *, inherited: bool) -> Policy:
    """Read a record; `inherited` if it is the organisational domain's, whose `sp` counts then.

    A record with reports but without a usable policy is read as `none` (section 6.6.3, step 6).
    """
    found = tags(record)
    problems = []
    asked = found.get("p", "").lower()
    if inherited and "sp" in found:
        asked = found["sp"].lower()
    if asked not in _POLICIES:
        problems.append(f"the policy {asked[:40]!r} is none" if asked else "it has no policy (p=)")
        asked = "none"
    percent = found.get("pct", "100")
    if not re.fullmatch(r"[0-9]{1,3}", percent) or int(percent) > 100:
        problems.append(f"pct={percent[:20]} is no percentage")
        percent = "100"
    places = [each.strip() for each in found.get("rua", "").split(",") if each.strip()]
    problems += [f"{each[:80]!r} is no place for reports" for each in places if not _MAILTO.fullmatch(each)]
    return Policy(
        asked,
        int(percent),
        tuple(each for each in places if _MAILTO.fullmatch(each)),
        "; ".join(problems),
    )
