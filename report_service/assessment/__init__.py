"""Scored checks: what a lead's facts say about its mail, web site, certificate and name.

A pure function of the facts and of nothing else: time is taken from the facts' own ``observed_at``.
A source that did not answer earns no points and costs none; the check says ``unknown``, and why.
Each check names the facts it used, so that every number leads back to its source.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from report_service.assessment import dns, mail, tls, web
from report_service.assessment.rule import Check, Fact, Outcome, Rule, Verdict

__all__ = ["AREAS", "RULES", "Assessment", "Check", "Outcome", "assess", "to_json"]

RULES: tuple[Rule, ...] = mail.RULES + web.RULES + tls.RULES + dns.RULES
"""Every check, in the order in which reports show them."""

AREAS = tuple(dict.fromkeys(rule.id.partition(".")[0] for rule in RULES))

PRIORITIES = 3

_MISSING = Fact("MISSING", (), "this was not asked for", "")


@dataclass(frozen=True)
class Assessment:
    """All checks on one lead."""

    score: int | None
    """Per cent of the points that could be had; ``None`` if nothing could be checked."""
    checks: tuple[Check, ...]
    priorities: tuple[str, ...]
    """Ids of the checks that cost the most points, worst first, at most three."""


def assess(lead: Mapping[str, Any]) -> Assessment:
    """Put every rule to the facts of a lead, given as in the canonical inputs."""
    facts = {
        f"{fact['provider']}.{fact['name']}": Fact(
            fact["state"], tuple(fact["values"]), fact.get("reason") or "", fact.get("observed_at") or ""
        )
        for fact in lead.get("facts") or ()
    }
    checks = tuple(_apply(rule, str(lead.get("domain") or ""), facts) for rule in RULES)
    known = [check for check in checks if check.outcome != "unknown"]
    possible = sum(check.max_points for check in known)
    # In whole numbers, halves rounded up: the same on every machine.
    score = (200 * sum(check.points for check in known) + possible) // (2 * possible) if possible else None
    lost = sorted(
        (check for check in known if check.points < check.max_points),
        key=lambda check: (check.points - check.max_points, check.outcome != "fail"),
    )
    return Assessment(score, checks, tuple(check.id for check in lost[:PRIORITIES]))


def to_json(assessment: Assessment) -> dict[str, Any]:
    """Return the assessment as it stands in the canonical inputs, with the points added up by area."""
    return {
        "score": assessment.score,
        "areas": [_area(area, assessment) for area in AREAS],
        "checks": [
            {**asdict(check), "details": dict(check.details), "evidence": list(check.evidence)}
            for check in assessment.checks
        ],
        "priorities": list(assessment.priorities),
    }


def _area(area: str, assessment: Assessment) -> dict[str, Any]:
    checks = [check for check in assessment.checks if check.area == area]
    known = [check for check in checks if check.outcome != "unknown"]
    return {
        "area": area,
        "points": sum(check.points for check in known),
        "max_points": sum(check.max_points for check in known),
        "checks": len(checks),
        "unknown": len(checks) - len(known),
    }


def _apply(rule: Rule, domain: str, facts: Mapping[str, Fact]) -> Check:
    used = [facts.get(name, _MISSING) for name in rule.needs]
    silent = next((fact for fact in used if not fact.answered), None)
    if silent:
        reason = silent.reason.rstrip(".") or "the source gave no answer"
        verdict = Verdict("unknown", "unknown", "Could not be checked: {reason}.", {"reason": reason})
    else:
        verdict = rule.judge(domain, *used)
    halves = {"pass": 2, "warn": 1, "fail": 0, "unknown": 0}[verdict.outcome]
    return Check(
        id=rule.id,
        title=rule.title,
        area=rule.id.partition(".")[0],
        outcome=verdict.outcome,
        verdict=verdict.name,
        points=rule.points * halves // 2,
        max_points=rule.points,
        finding=verdict.finding.format_map(verdict.details),
        details=verdict.details,
        why=rule.why,
        remedy="" if verdict.outcome == "pass" else rule.remedy,
        evidence=rule.needs,
    )
