"""Merges as the database keeps them: values and facts as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lead_service.facts import Fact, FactState
from lead_service.merges import Merge
from lead_service.tables import MergeRow


def columns(merge: Merge) -> dict[str, Any]:
    """Return a row's values."""
    return {
        "other_id": merge.other_id,
        "lead_id": merge.lead_id,
        "before": dict(merge.before),
        "after": dict(merge.after),
        "facts": None if merge.facts is None else [*map(_json, merge.facts)],
        "created_at": merge.created_at,
    }


def merge(row: MergeRow) -> Merge:
    """Return what a row tells of."""
    facts = None if row.facts is None else tuple(map(_fact, row.facts))
    return Merge(row.lead_id, row.other_id, row.before, row.after, facts, row.created_at)


def _json(kept: Fact) -> dict[str, Any]:
    return {**asdict(kept), "observed_at": kept.observed_at.isoformat()}


def _fact(values: Mapping[str, Any]) -> Fact:
    read = {
        "state": FactState(values["state"]),
        "values": tuple(values["values"]),
        "observed_at": datetime.fromisoformat(values["observed_at"]),
    }
    return Fact(**{**values, **read})
