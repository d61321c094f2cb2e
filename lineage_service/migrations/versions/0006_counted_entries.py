"""An entry of the access audit says which reading it was: who adds one need not ask again."""

from services.migrations import execute_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Have the trigger write the count beside the entry."""
    execute_script(COLUMNS)
    execute_script(APPEND)


def downgrade() -> None:
    """Have it keep the count to itself."""
    execute_script(APPEND_BEFORE)
    execute_script(DOWN)


# The lineage's readings with this entry; empty for entries of no lineage, and for those from before. They
# follow from the other entries, and are no part of the canonical bytes.
COLUMNS = """
ALTER TABLE lineage_accesses
    ADD COLUMN access_count     bigint,
    ADD COLUMN last_accessed_at timestamptz;
"""

# While the lineage's row is locked every statement counts: the next reader of it waits.
APPEND = """
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

APPEND_BEFORE = """
CREATE OR REPLACE FUNCTION lineage_access_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
"""

DOWN = """
ALTER TABLE lineage_accesses DROP COLUMN access_count, DROP COLUMN last_accessed_at;
"""
