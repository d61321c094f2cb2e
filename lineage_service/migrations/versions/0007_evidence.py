"""The access audit becomes a log that can be proved, and says what was recorded."""

from services.evidence import tables
from services.migrations import execute_script

revision = "0007"
down_revision = "0006"

LOG = "lineage_accesses"
ROLE = "lineage_app"


def upgrade() -> None:
    """Create the log's tree and checkpoints, and enter what was recorded and forgotten so far."""
    execute_script(COLUMNS)
    execute_script(APPEND)
    execute_script(tables.install(LOG, ROLE))
    execute_script(TAKE_OVER)


def downgrade() -> None:
    """Drop them with the entries that nothing knows then; their places in the chains stay empty."""
    execute_script(tables.remove(LOG))
    execute_script(DOWN)
    execute_script(APPEND_BEFORE)


# What an entry says in the open: RECORD the whole record, FORGET how old the entries are at least that may
# have lost their details.
COLUMNS = """
ALTER TABLE lineage_accesses
    ADD COLUMN record           jsonb,
    ADD COLUMN forgotten_before timestamptz,
    ADD CONSTRAINT ck_lineage_accesses_record CHECK ((action = 'RECORD') = (record IS NOT NULL)),
    ADD CONSTRAINT ck_lineage_accesses_forgotten_before CHECK (
        (action = 'FORGET') = (forgotten_before IS NOT NULL) AND forgotten_before < created_at
    );
CREATE UNIQUE INDEX uq_lineage_accesses_recorded ON lineage_accesses (lineage_id) WHERE action = 'RECORD';
CREATE INDEX ix_lineage_accesses_forgotten_before ON lineage_accesses (forgotten_before)
    WHERE forgotten_before IS NOT NULL;
"""

# What was recorded is read from the record itself: nobody can enter another one. The bytes of all other
# entries are made as they were before.
APPEND = """
CREATE OR REPLACE FUNCTION lineage_access_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    reading boolean := NEW.action NOT IN ('OUTCOME', 'SEARCH', 'AUDIT', 'EXPIRE', 'HOLD', 'RELEASE',
        'DENIED', 'FAILED', 'RECORD', 'FORGET');
BEGIN
    NEW.version := NULL;
    NEW.previous_hash := NULL;
    NEW.access_count := NULL;
    NEW.last_accessed_at := NULL;
    NEW.record := NULL;
    IF NEW.lineage_id IS NOT NULL THEN
        INSERT INTO lineage_access_counts AS counts (lineage_id, entries, access_count, last_accessed_at)
        VALUES (NEW.lineage_id, 1, reading::integer, CASE WHEN reading THEN NEW.created_at END)
        ON CONFLICT (lineage_id) DO UPDATE SET
            entries = counts.entries + 1,
            access_count = counts.access_count + excluded.access_count,
            last_accessed_at = greatest(counts.last_accessed_at, excluded.last_accessed_at)
        RETURNING entries, counts.access_count, counts.last_accessed_at
            INTO NEW.version, NEW.access_count, NEW.last_accessed_at;
        SELECT entry_hash INTO NEW.previous_hash FROM lineage_accesses
            WHERE lineage_id = NEW.lineage_id AND version = NEW.version - 1;
        IF NEW.action = 'RECORD' THEN
            SELECT to_jsonb(record) INTO NEW.record FROM lineage_records AS record
                WHERE record.lineage_id = NEW.lineage_id;
        END IF;
    END IF;
    NEW.salt := replace(gen_random_uuid()::text, '-', '');
    NEW.transaction_id := pg_current_xact_id()::text::bigint;
    NEW.canonical := convert_to((jsonb_build_object(
        'id', NEW.id, 'lineage_id', NEW.lineage_id, 'report_generation_id', NEW.report_generation_id,
        'version', NEW.version, 'action', NEW.action, 'part', NEW.part, 'subject', NEW.subject,
        'roles', NEW.roles, 'workload', NEW.workload, 'ip', host(NEW.ip), 'user_agent', NEW.user_agent,
        'request_id', NEW.request_id, 'method', NEW.method, 'created_at', NEW.created_at,
        'details', encode(sha256(convert_to(NEW.salt || NEW.details::text, 'UTF8')), 'hex'),
        'of_id', NEW.of_id, 'code', NEW.code, 'sent_bytes', NEW.sent_bytes,
        'previous_hash', encode(NEW.previous_hash, 'hex'))
        || CASE NEW.action
               WHEN 'RECORD' THEN jsonb_build_object('record', NEW.record)
               WHEN 'FORGET' THEN jsonb_build_object('forgotten_before', NEW.forgotten_before)
               ELSE '{}' END)::text, 'UTF8');
    NEW.entry_hash := sha256(NEW.canonical);
    RETURN NEW;
END $$;
"""

# Of what was there before, the log says since when it says so: now.
TAKE_OVER = """
INSERT INTO lineage_accesses (
    id, lineage_id, report_generation_id, action, subject, roles, workload, user_agent, request_id, method,
    created_at, details, code, sent_bytes)
SELECT uuidv7(), lineage_id, report_generation_id, 'RECORD', 'system:lineage-migrate', '{}',
       'lineage-migrate', '', '', 'upgrade 0007', clock_timestamp(), '{}', 'OK', 0
  FROM lineage_records ORDER BY created_at, lineage_id;
INSERT INTO lineage_accesses (
    id, action, subject, roles, workload, user_agent, request_id, method, created_at, details, code,
    sent_bytes, forgotten_before)
SELECT uuidv7(), 'FORGET', 'system:lineage-migrate', '{}', 'lineage-migrate', '', '', 'upgrade 0007',
       clock_timestamp(), '{}', 'OK', 0, max(created_at) + interval '1 microsecond'
  FROM lineage_accesses WHERE salt = '' AND details = '{}' HAVING count(*) > 0;
"""

DOWN = """
DROP INDEX uq_lineage_accesses_recorded, ix_lineage_accesses_forgotten_before;
ALTER TABLE lineage_accesses DISABLE TRIGGER no_delete;
DELETE FROM lineage_accesses WHERE action IN ('RECORD', 'FORGET');
ALTER TABLE lineage_accesses ENABLE ALWAYS TRIGGER no_delete;
ALTER TABLE lineage_accesses DROP COLUMN record, DROP COLUMN forgotten_before;
"""

APPEND_BEFORE = """
CREATE OR REPLACE FUNCTION lineage_access_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    reading boolean := NEW.action NOT IN ('OUTCOME', 'SEARCH', 'AUDIT', 'EXPIRE', 'HOLD', 'RELEASE',
        'DENIED', 'FAILED');
BEGIN
    NEW.version := NULL;
    NEW.previous_hash := NULL;
    NEW.access_count := NULL;
    NEW.last_accessed_at := NULL;
    IF NEW.lineage_id IS NOT NULL THEN
        INSERT INTO lineage_access_counts AS counts (lineage_id, entries, access_count, last_accessed_at)
        VALUES (NEW.lineage_id, 1, reading::integer, CASE WHEN reading THEN NEW.created_at END)
        ON CONFLICT (lineage_id) DO UPDATE SET
            entries = counts.entries + 1,
            access_count = counts.access_count + excluded.access_count,
            last_accessed_at = greatest(counts.last_accessed_at, excluded.last_accessed_at)
        RETURNING entries, counts.access_count, counts.last_accessed_at
            INTO NEW.version, NEW.access_count, NEW.last_accessed_at;
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
"""
