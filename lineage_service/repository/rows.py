"""Lineage records as rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, func, select

from lineage_service.domain import Content, Facts, Lineage, Part, Readings
from lineage_service.tables import lineage_access_counts, lineage_expiries, lineage_records

_gone = {content: lineage_expiries.alias(f"{content.value}_gone") for content in Content}


def lineages() -> Select[Any]:
    """Return the statement of lineages with their readings, and when what was removed."""
    joined = lineage_records.outerjoin(
        lineage_access_counts, lineage_access_counts.c.lineage_id == lineage_records.c.lineage_id
    )
    for content, gone in _gone.items():
        here = and_(gone.c.lineage_id == lineage_records.c.lineage_id, gone.c.content == content.value)
        joined = joined.outerjoin(gone, here)
    return select(
        lineage_records,
        func.coalesce(lineage_access_counts.c.access_count, 0).label("access_count"),
        lineage_access_counts.c.last_accessed_at,
        *(gone.c.expired_at.label(f"{content.value}_expired_at") for content, gone in _gone.items()),
    ).select_from(joined)


def values(lineage: Lineage) -> dict[str, Any]:
    """Write a lineage as a row."""
    facts = lineage.facts
    return {
        "lineage_id": facts.lineage_id,
        "report_generation_id": facts.report_id,
        "lead_id": facts.lead_id,
        "pipeline_run_id": facts.pipeline_run_id,
        "template_version_id": facts.template_version_id,
        "template_digest": facts.template_digest,
        "environment_digest": facts.environment_digest,
        "pipeline_start_time": facts.started_at,
        "pipeline_end_time": facts.ended_at,
        "raw_inputs_size_bytes": facts.inputs_size,
        "inputs_sha256": facts.inputs_sha256,
        "pdf_sha256": facts.pdf_sha256,
        "part_sizes_bytes": [part.size for part in facts.parts],
        "part_sha256s": [part.sha256 for part in facts.parts],
        "logs_size_bytes": facts.log_size,
        "logs_gzip_size_bytes": lineage.log_gzip_size,
        "logs_sha256": facts.log_sha256,
        "raw_inputs_gzip_size_bytes": lineage.inputs_gzip_size,
        "inputs_gzip_sha256": lineage.inputs_gzip_sha256,
        "created_by": facts.created_by,
        "created_at": lineage.recorded_at,
    }


def lineage(row: Row[Any]) -> Lineage:
    """Read a lineage from a row."""
    return Lineage(
        Facts(
            lineage_id=row.lineage_id,
            report_id=row.report_generation_id,
            lead_id=row.lead_id,
            pipeline_run_id=row.pipeline_run_id,
            template_version_id=row.template_version_id,
            template_digest=row.template_digest,
            environment_digest=row.environment_digest,
            started_at=row.pipeline_start_time,
            ended_at=row.pipeline_end_time,
            inputs_size=row.raw_inputs_size_bytes,
            inputs_sha256=row.inputs_sha256,
            pdf_sha256=row.pdf_sha256,
            parts=_parts(row.part_sizes_bytes, row.part_sha256s),
            log_size=row.logs_size_bytes,
            log_sha256=row.logs_sha256,
            created_by=row.created_by,
        ),
        log_gzip_size=row.logs_gzip_size_bytes,
        inputs_gzip_sha256=row.inputs_gzip_sha256,
        recorded_at=row.created_at,
        readings=Readings(row.access_count, row.last_accessed_at),
        expired={
            content: at
            for content in Content
            if (at := getattr(row, f"{content.value}_expired_at")) is not None
        },
    )


def _parts(sizes: Sequence[int], digests: Sequence[bytes]) -> tuple[Part, ...]:
    return tuple(Part(size, digest) for size, digest in zip(sizes, digests, strict=True))
