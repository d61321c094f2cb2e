"""Lineage records, their payloads, and the audit of who read them."""

from alembic import op

revision = "0001"
down_revision = None

RECORDS = """
CREATE TABLE lineage_records (
    lineage_id uuid CONSTRAINT pk_lineage_records PRIMARY KEY,
    report_generation_id uuid NOT NULL CONSTRAINT uq_lineage_records_report_generation_id UNIQUE,
    lead_id uuid NOT NULL,
    pipeline_run_id text NOT NULL,
    template_version_id text NOT NULL,
    template_digest bytea NOT NULL,
    environment_digest bytea NOT NULL,
    pipeline_start_time timestamptz NOT NULL,
    pipeline_end_time timestamptz NOT NULL,
    raw_inputs_size_bytes integer NOT NULL,
    inputs_sha256 bytea NOT NULL,
    pdf_sha256 bytea NOT NULL,
    part_sizes_bytes integer[] NOT NULL,
    part_sha256s bytea[] NOT NULL,
    logs_size_bytes integer NOT NULL,
    logs_gzip_size_bytes integer NOT NULL,
    logs_sha256 bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_lineage_records_digests CHECK (
        octet_length(template_digest) = 32 AND octet_length(environment_digest) = 32
        AND octet_length(inputs_sha256) = 32 AND octet_length(pdf_sha256) = 32
        AND octet_length(logs_sha256) = 32
    ),
    CONSTRAINT ck_lineage_records_sizes CHECK (
        raw_inputs_size_bytes > 0 AND logs_size_bytes >= 0 AND logs_gzip_size_bytes > 0
    ),
    CONSTRAINT ck_lineage_records_parts CHECK (
        cardinality(part_sizes_bytes) BETWEEN 1 AND 128
        AND cardinality(part_sizes_bytes) = cardinality(part_sha256s)
    ),
    CONSTRAINT ck_lineage_records_times CHECK (pipeline_end_time >= pipeline_start_time)
)
"""

# The identifier comes last so that pages can go on from any row of an equal time.
INDEXES = [
    f"CREATE INDEX ix_lineage_records_{column} ON lineage_records ({column}, created_at, lineage_id)"
    for column in ("lead_id", "pipeline_run_id", "template_version_id")
] + [
    "CREATE INDEX ix_lineage_records_created_at ON lineage_records (created_at, lineage_id)",
]

# EXTERNAL: what is gzip already is stored as it is, not compressed in vain a second time. The check
# on the digest makes a wrong byte impossible to store, whoever writes it.
PIECES = """
CREATE TABLE {table} (
    lineage_id uuid NOT NULL CONSTRAINT fk_{table}_lineage_id REFERENCES lineage_records (lineage_id),
    number smallint NOT NULL,
    content bytea STORAGE EXTERNAL NOT NULL,
    sha256 bytea NOT NULL,
    CONSTRAINT pk_{table} PRIMARY KEY (lineage_id, number),
    CONSTRAINT ck_{table}_number CHECK (number > 0),
    CONSTRAINT ck_{table}_content CHECK (octet_length(content) BETWEEN 1 AND {limit}),
    CONSTRAINT ck_{table}_sha256 CHECK (sha256 = sha256(content))
)
"""

ACCESSES = """
CREATE TABLE lineage_accesses (
    id uuid CONSTRAINT pk_lineage_accesses PRIMARY KEY,
    lineage_id uuid NOT NULL,
    report_generation_id uuid NOT NULL,
    action text NOT NULL CONSTRAINT ck_lineage_accesses_action CHECK (action IN ('VIEW', 'LOGS', 'DOWNLOAD')),
    part smallint,
    subject text NOT NULL CONSTRAINT ck_lineage_accesses_subject CHECK (subject <> ''),
    workload text,
    ip inet,
    user_agent text NOT NULL,
    request_id text NOT NULL,
    method text NOT NULL,
    created_at timestamptz NOT NULL
)
"""

# Half of each page is left free, so that counting up rewrites the row in its page and no index.
COUNTS = """
CREATE TABLE lineage_access_counts (
    lineage_id uuid CONSTRAINT pk_lineage_access_counts PRIMARY KEY,
    access_count bigint NOT NULL,
    last_accessed_at timestamptz NOT NULL
) WITH (fillfactor = 50)
"""

TABLES = ("lineage_access_counts", "lineage_accesses", "lineage_logs", "lineage_parts", "lineage_records")


def upgrade() -> None:
    op.execute(RECORDS)
    for statement in INDEXES:
        op.execute(statement)
    op.execute(PIECES.format(table="lineage_parts", limit=2 * 1024 * 1024))
    op.execute(PIECES.format(table="lineage_logs", limit=1024 * 1024))
    op.execute(ACCESSES)
    op.execute("CREATE INDEX ix_lineage_accesses_lineage_id ON lineage_accesses (lineage_id, created_at, id)")
    op.execute("CREATE INDEX ix_lineage_accesses_created_at ON lineage_accesses (created_at, id)")
    op.execute(COUNTS)
    # To add and to read, never to alter or remove: what is recorded is evidence.
    op.execute(
        "GRANT SELECT, INSERT ON lineage_records, lineage_parts, lineage_logs, lineage_accesses"
        " TO lineage_app"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON lineage_access_counts TO lineage_app")
    op.execute("GRANT SELECT ON alembic_version TO lineage_app")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
