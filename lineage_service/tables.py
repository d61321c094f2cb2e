"""The tables of this context. What they promise is in the migrations: checks, storage and grants."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB, TSVECTOR

from services.database import NAMING

metadata = MetaData(naming_convention=NAMING)

# Facts and the manifest of what belongs to them: everything that a reading needs to know before
# it touches a payload, and what remains should a payload ever be removed.
lineage_records = Table(
    "lineage_records",
    metadata,
    Column("lineage_id", Uuid, primary_key=True),
    Column("report_generation_id", Uuid, nullable=False, unique=True),
    Column("lead_id", Uuid, nullable=False),
    Column("pipeline_run_id", Text, nullable=False),
    Column("template_version_id", Text, nullable=False),
    Column("template_digest", LargeBinary, nullable=False),
    Column("environment_digest", LargeBinary, nullable=False),
    Column("pipeline_start_time", DateTime(timezone=True), nullable=False),
    Column("pipeline_end_time", DateTime(timezone=True), nullable=False),
    Column("raw_inputs_size_bytes", Integer, nullable=False),
    Column("inputs_sha256", LargeBinary, nullable=False),
    Column("pdf_sha256", LargeBinary, nullable=False),
    Column("part_sizes_bytes", ARRAY(Integer), nullable=False),
    Column("part_sha256s", ARRAY(LargeBinary), nullable=False),
    Column("logs_size_bytes", Integer, nullable=False),
    Column("logs_gzip_size_bytes", Integer, nullable=False),
    Column("logs_sha256", LargeBinary, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("inputs_gzip_sha256", LargeBinary, nullable=False),
    Column("raw_inputs_gzip_size_bytes", Integer, nullable=False),
    Index("ix_lineage_records_lead_id", "lead_id", "created_at", "lineage_id"),
    Index("ix_lineage_records_pipeline_run_id", "pipeline_run_id", "created_at", "lineage_id"),
    Index("ix_lineage_records_template_version_id", "template_version_id", "created_at", "lineage_id"),
    Index("ix_lineage_records_pdf_sha256", "pdf_sha256", "created_at", "lineage_id"),
    Index("ix_lineage_records_inputs_sha256", "inputs_sha256", "created_at", "lineage_id"),
    Index("ix_lineage_records_created_at", "created_at", "lineage_id"),
)


def _pieces(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("lineage_id", Uuid, ForeignKey(lineage_records.c.lineage_id), primary_key=True),
        Column("number", SmallInteger, primary_key=True, autoincrement=False),
        Column("content", LargeBinary, nullable=False),
        Column("sha256", LargeBinary, nullable=False),
    )


lineage_parts = _pieces("lineage_parts")
lineage_logs = _pieces("lineage_logs")

# Apart from the records: lists do not read words.
lineage_log_words = Table(
    "lineage_log_words",
    metadata,
    Column("lineage_id", Uuid, ForeignKey(lineage_records.c.lineage_id), primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("ix_lineage_log_words_created_at", "created_at", "lineage_id"),
    Index("ix_lineage_log_words_words", "words", postgresql_using="gin"),
)


def _entries(name: str, *columns: str) -> Index:
    return Index(
        f"ix_lineage_accesses_{name}", *columns, "created_at", "id", postgresql_where=text("of_id IS NULL")
    )


# No foreign key: what was read stays on record whatever becomes of it. Columns without a value here are
# filled by the trigger that numbers, chains and counts an entry.
lineage_accesses = Table(
    "lineage_accesses",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("lineage_id", Uuid),
    Column("report_generation_id", Uuid),
    Column("version", Integer),
    Column("action", Text, nullable=False),
    Column("part", SmallInteger),
    Column("subject", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("workload", Text),
    Column("ip", INET),
    Column("user_agent", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("details", JSONB, nullable=False),
    Column("salt", Text, nullable=False),
    Column("of_id", Uuid),
    Column("code", Text, nullable=False),
    Column("sent_bytes", BigInteger, nullable=False),
    Column("previous_hash", LargeBinary),
    Column("canonical", LargeBinary, nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
    Column("transaction_id", BigInteger, nullable=False),
    Column("access_count", BigInteger),
    Column("last_accessed_at", DateTime(timezone=True)),
    Column("record", JSONB),
    Column("forgotten_before", DateTime(timezone=True)),
    Index(
        "uq_lineage_accesses_lineage_id_version",
        "lineage_id",
        "version",
        unique=True,
        postgresql_where=text("version IS NOT NULL"),
    ),
    Index("uq_lineage_accesses_of_id", "of_id", unique=True, postgresql_where=text("of_id IS NOT NULL")),
    _entries("lineage_id", "lineage_id"),
    _entries("subject", "subject"),
    _entries("action", "action"),
    _entries("created_at"),
    Index(
        "uq_lineage_accesses_recorded", "lineage_id", unique=True, postgresql_where=text("action = 'RECORD'")
    ),
    Index(
        "ix_lineage_accesses_forgotten_before",
        "forgotten_before",
        postgresql_where=text("forgotten_before IS NOT NULL"),
    ),
    Index("ix_lineage_accesses_transaction_id_id", "transaction_id", "id"),
    Index("ix_lineage_accesses_detailed", "created_at", postgresql_where=text("details <> '{}'")),
)

# The number of accesses, kept beside them by the same trigger: to count a million entries takes a tenth
# of a second, to read this row takes none, and a record that is read that often is the one read most.
lineage_access_counts = Table(
    "lineage_access_counts",
    metadata,
    Column("lineage_id", Uuid, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("access_count", BigInteger, nullable=False),
    Column("last_accessed_at", DateTime(timezone=True)),
)

lineage_holds = Table(
    "lineage_holds",
    metadata,
    Column("lead_id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("held_by", Text, nullable=False),
    Column("held_at", DateTime(timezone=True), nullable=False),
)

# What was removed of a lineage, and when. Written by the function that removes.
lineage_expiries = Table(
    "lineage_expiries",
    metadata,
    Column("lineage_id", Uuid, ForeignKey(lineage_records.c.lineage_id), primary_key=True),
    Column("content", Text, primary_key=True),
    Column("expired_at", DateTime(timezone=True), nullable=False),
)

# A row while records are told to an OpenLineage receiver.
openlineage_receiver = Table("openlineage_receiver", metadata, Column("is_one", Boolean, primary_key=True))

# Records that a receiver has not been told of yet; written by a trigger.
openlineage_pushes = Table(
    "openlineage_pushes",
    metadata,
    Column("lineage_id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_openlineage_pushes_next_attempt_at", "next_attempt_at"),
)
