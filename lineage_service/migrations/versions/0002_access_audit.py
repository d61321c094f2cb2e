"""The access audit becomes a log that shows whether it was tampered with, and says how readings ended."""

from services.migrations import execute_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the audit anew, and append to it what was noted so far."""
    execute_script(KEEP)
    execute_script(TABLES)
    execute_script(APPEND)
    execute_script(GUARDS)
    execute_script(GRANTS)
    execute_script(TAKE_OVER)


def downgrade() -> None:
    """Make the audit what it was; outcomes, searches and hashes are lost."""
    execute_script(DOWN)


KEEP = """
CREATE TEMPORARY TABLE noted ON COMMIT DROP AS SELECT * FROM lineage_accesses;
DROP TABLE lineage_accesses, lineage_access_counts;
"""

# No foreign key: what was read stays on record whatever becomes of it. Entries with a lineage are numbered
# in a chain of their own. An entry of action OUTCOME says how the reading `of_id` ended. `transaction_id`
# tells a reader which entries are settled: those below pg_snapshot_xmin(pg_current_snapshot()).
TABLES = """
CREATE TABLE lineage_accesses (
    id                   uuid        NOT NULL CONSTRAINT pk_lineage_accesses PRIMARY KEY,
    lineage_id           uuid,
    report_generation_id uuid,
    version              integer     CONSTRAINT ck_lineage_accesses_version CHECK (version > 0),
    action               text        NOT NULL CONSTRAINT ck_lineage_accesses_action CHECK (action <> ''),
    part                 smallint,
    subject              text        NOT NULL CONSTRAINT ck_lineage_accesses_subject CHECK (subject <> ''),
    roles                text[]      NOT NULL,
    workload             text,
    ip                   inet,
    user_agent           text        NOT NULL,
    request_id           text        NOT NULL,
    method               text        NOT NULL,
    created_at           timestamptz NOT NULL,
    details              jsonb       NOT NULL,
    salt                 text        NOT NULL,
    of_id                uuid,
    code                 text        NOT NULL,
    sent_bytes           bigint      NOT NULL,
    previous_hash        bytea,
    canonical            bytea       NOT NULL,
    entry_hash           bytea       NOT NULL,
    transaction_id       bigint      NOT NULL,
    CONSTRAINT ck_lineage_accesses_outcome CHECK ((action = 'OUTCOME') = (of_id IS NOT NULL)),
    CONSTRAINT ck_lineage_accesses_chain CHECK (
        (lineage_id IS NULL) = (version IS NULL)
        AND (version IS NULL OR version = 1) = (previous_hash IS NULL)
    ),
    CONSTRAINT ck_lineage_accesses_hashes CHECK (
        octet_length(entry_hash) = 32 AND (previous_hash IS NULL OR octet_length(previous_hash) = 32)
    )
);
CREATE UNIQUE INDEX uq_lineage_accesses_lineage_id_version ON lineage_accesses (lineage_id, version)
    WHERE version IS NOT NULL;
CREATE UNIQUE INDEX uq_lineage_accesses_of_id ON lineage_accesses (of_id) WHERE of_id IS NOT NULL;
CREATE INDEX ix_lineage_accesses_lineage_id ON lineage_accesses (lineage_id, created_at, id)
    WHERE of_id IS NULL;
CREATE INDEX ix_lineage_accesses_subject ON lineage_accesses (subject, created_at, id) WHERE of_id IS NULL;
CREATE INDEX ix_lineage_accesses_action ON lineage_accesses (action, created_at, id) WHERE of_id IS NULL;
CREATE INDEX ix_lineage_accesses_created_at ON lineage_accesses (created_at, id) WHERE of_id IS NULL;

-- Half of each page is left free, so that counting up rewrites the row in its page and no index.
CREATE TABLE lineage_access_counts (
    lineage_id       uuid    NOT NULL CONSTRAINT pk_lineage_access_counts PRIMARY KEY,
    entries          integer NOT NULL,
    access_count     bigint  NOT NULL,
    last_accessed_at timestamptz
) WITH (fillfactor = 50);
"""

# Numbers, chains and counts an entry, whoever inserts it. To count takes a lock on the lineage's row, which
# the chain needs anyway: readers of one lineage wait for each other, readers of different ones never. The
# canonical bytes hold no details, only SHA-256 of a salt and the details: when both are erased, the bytes
# and their hash stay as they are.
APPEND = """
CREATE FUNCTION lineage_access_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    reading boolean := NEW.action NOT IN ('OUTCOME', 'SEARCH', 'AUDIT', 'EXPIRE', 'HOLD', 'RELEASE',
        'DENIED', 'FAILED');
BEGIN
    NEW.version := NULL;
    NEW.previous_hash := NULL;
    IF NEW.lineage_id IS NOT NULL THEN
        INSERT INTO lineage_access_counts AS counts (lineage_id, entries, access_count, last_accessed_at)
        VALUES (NEW.lineage_id, 1, reading::integer, CASE WHEN reading THEN NEW.created_at END)
        ON CONFLICT (lineage_id) DO UPDATE SET
            entries = counts.entries + 1,
            access_count = counts.access_count + excluded.access_count,
            last_accessed_at = greatest(counts.last_accessed_at, excluded.last_accessed_at)
        RETURNING entries INTO NEW.version;
        SELECT entry_hash INTO NEW.previous_hash FROM lineage_accesses
            WHERE lineage_id = NEW.lineage_id AND version = NEW.version - 1;
    END IF;
    NEW.salt := replace(gen_random_uuid()::text, '-', '');
    NEW.transaction_id := pg_current_xact_id()::text::bigint;
    NEW.canonical := convert_to(jsonb_build_object(
        'id', NEW.id, 'lineage_id', NEW.lineage_id, 'report_generation_id', NEW.report_generation_id,
        'version', NEW.version, 'action', NEW.action, 'part', NEW.part, 'subject', NEW.subject,
        'roles', NEW.roles, 'workload', NEW.workload, 'ip', host(NEW.ip), 'user_agent', NEW.user_agent,
        'request_id', NEW.request_id, 'method', NEW.method, 'created_at', NEW.created_at,
        'details', encode(sha256(convert_to(NEW.salt || NEW.details::text, 'UTF8')), 'hex'),
        'of_id', NEW.of_id, 'code', NEW.code, 'sent_bytes', NEW.sent_bytes,
        'previous_hash', encode(NEW.previous_hash, 'hex'))::text, 'UTF8');
    NEW.entry_hash := sha256(NEW.canonical);
    RETURN NEW;
END $$;
CREATE TRIGGER append BEFORE INSERT ON lineage_accesses
    FOR EACH ROW EXECUTE FUNCTION lineage_access_append();
ALTER TABLE lineage_accesses ENABLE ALWAYS TRIGGER append;
"""

# What is written stays, whoever asks, but for the erasure of details together with their salt.
GUARDS = """
CREATE FUNCTION lineage_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: what is recorded stays', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION lineage_access_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.details = '{}' AND NEW.salt = '' AND to_jsonb(OLD) - '{details,salt}'::text[]
            = to_jsonb(NEW) - '{details,salt}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: what is recorded stays', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON lineage_accesses
    FOR EACH ROW EXECUTE FUNCTION lineage_access_guard();
CREATE TRIGGER no_delete BEFORE DELETE ON lineage_accesses FOR EACH ROW EXECUTE FUNCTION lineage_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON lineage_accesses EXECUTE FUNCTION lineage_guard();
ALTER TABLE lineage_accesses ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lineage_accesses ENABLE ALWAYS TRIGGER no_delete;
ALTER TABLE lineage_accesses ENABLE ALWAYS TRIGGER no_truncate;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON lineage_records
    FOR EACH ROW EXECUTE FUNCTION lineage_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON lineage_records EXECUTE FUNCTION lineage_guard();
ALTER TABLE lineage_records ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lineage_records ENABLE ALWAYS TRIGGER no_truncate;
"""

# Counts are written by the trigger, as its owner, and by nobody else.
GRANTS = """
REVOKE ALL ON FUNCTION lineage_access_append, lineage_access_guard, lineage_guard FROM PUBLIC;
GRANT SELECT, INSERT ON lineage_accesses TO lineage_app;
GRANT SELECT ON lineage_access_counts TO lineage_app;
"""

TAKE_OVER = """
INSERT INTO lineage_accesses (
    id, lineage_id, report_generation_id, action, part, subject, roles, workload, ip, user_agent, request_id,
    method, created_at, details, code, sent_bytes)
SELECT id, lineage_id, report_generation_id, action, part, subject, '{}', workload, ip, user_agent,
       request_id, method, created_at, '{}', CASE action WHEN 'VIEW' THEN 'OK' ELSE '' END, 0
  FROM noted ORDER BY created_at, id;
"""

DOWN = """
DROP TRIGGER guard ON lineage_records;
DROP TRIGGER no_truncate ON lineage_records;
CREATE TEMPORARY TABLE noted ON COMMIT DROP AS
    SELECT id, lineage_id, report_generation_id, action, part, subject, workload, ip, user_agent, request_id,
           method, created_at
      FROM lineage_accesses WHERE lineage_id IS NOT NULL AND action IN ('VIEW', 'LOGS', 'DOWNLOAD');
DROP TABLE lineage_accesses, lineage_access_counts;
DROP FUNCTION lineage_access_append, lineage_access_guard, lineage_guard;
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
);
INSERT INTO lineage_accesses SELECT * FROM noted;
CREATE INDEX ix_lineage_accesses_lineage_id ON lineage_accesses (lineage_id, created_at, id);
CREATE INDEX ix_lineage_accesses_created_at ON lineage_accesses (created_at, id);
CREATE TABLE lineage_access_counts (
    lineage_id uuid CONSTRAINT pk_lineage_access_counts PRIMARY KEY,
    access_count bigint NOT NULL,
    last_accessed_at timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO lineage_access_counts
    SELECT lineage_id, count(*), max(created_at) FROM lineage_accesses GROUP BY lineage_id;
GRANT SELECT, INSERT ON lineage_accesses TO lineage_app;
GRANT SELECT, INSERT, UPDATE ON lineage_access_counts TO lineage_app;
"""
