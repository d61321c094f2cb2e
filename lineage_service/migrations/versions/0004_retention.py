"""Payloads may go after their time, unless their lead is held; headers, digests and audit stay."""

from services.migrations import execute_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create everything."""
    execute_script(TABLES)
    execute_script(FUNCTIONS)
    execute_script(GRANTS)


def downgrade() -> None:
    """Drop everything; what has gone stays gone."""
    execute_script(DOWN)


TABLES = """
CREATE TABLE lineage_holds (
    lead_id uuid        NOT NULL CONSTRAINT pk_lineage_holds PRIMARY KEY,
    reason  text        NOT NULL,
    held_by text        NOT NULL CONSTRAINT ck_lineage_holds_held_by CHECK (held_by <> ''),
    held_at timestamptz NOT NULL
);
CREATE TABLE lineage_expiries (
    lineage_id uuid        NOT NULL CONSTRAINT fk_lineage_expiries_lineage_id
                           REFERENCES lineage_records (lineage_id),
    content    text        NOT NULL CONSTRAINT ck_lineage_expiries_content
                           CHECK (content IN ('inputs', 'log')),
    expired_at timestamptz NOT NULL,
    CONSTRAINT pk_lineage_expiries PRIMARY KEY (lineage_id, content)
);
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON lineage_expiries
    FOR EACH ROW EXECUTE FUNCTION lineage_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON lineage_expiries EXECUTE FUNCTION lineage_guard();
ALTER TABLE lineage_expiries ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lineage_expiries ENABLE ALWAYS TRIGGER no_truncate;
"""

# The application may remove nothing itself. It can have removed what is older than a day and not held, or
# what belongs to one lead, and what was removed is written down in the same step. One lock for those who
# remove and those who hold: whoever is told that a lead is held can rely on it.
FUNCTIONS = """
CREATE FUNCTION lineage_lock() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(x'6c66686f6c64'::bigint)
$$;

CREATE FUNCTION lineage_expire(which text, older_than timestamptz, whose uuid, most integer)
RETURNS TABLE (lineage_id uuid, report_generation_id uuid, bytes bigint) LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF whose IS NULL AND older_than > now() - interval '1 day' THEN
        RAISE EXCEPTION 'what is younger than a day is not removed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM lineage_lock();
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT record.lineage_id, record.report_generation_id,
               CASE which WHEN 'inputs' THEN raw_inputs_gzip_size_bytes ELSE logs_gzip_size_bytes END AS size
          FROM lineage_records AS record
         WHERE (whose IS NULL OR record.lead_id = whose)
           AND (older_than IS NULL OR record.created_at < older_than)
           AND NOT EXISTS (SELECT FROM lineage_holds AS hold WHERE hold.lead_id = record.lead_id)
           AND NOT EXISTS (SELECT FROM lineage_expiries AS gone
                            WHERE gone.lineage_id = record.lineage_id AND gone.content = which)
         ORDER BY record.created_at LIMIT most
    ), marked AS (
        INSERT INTO lineage_expiries SELECT lineage_id, which, now() FROM due
    ), parts AS (
        DELETE FROM lineage_parts WHERE which = 'inputs' AND lineage_id IN (SELECT lineage_id FROM due)
    ), logs AS (
        DELETE FROM lineage_logs WHERE which = 'log' AND lineage_id IN (SELECT lineage_id FROM due)
    ), words AS (
        DELETE FROM lineage_log_words WHERE which = 'log' AND lineage_id IN (SELECT lineage_id FROM due)
    )
    SELECT due.lineage_id, due.report_generation_id, due.size::bigint FROM due;
END $$;

-- Entries and hashes stay; what was asked for is forgotten, with the salt of its commitment.
CREATE FUNCTION lineage_forget_details(older_than timestamptz, most integer)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    IF older_than > now() - interval '1 day' THEN
        RAISE EXCEPTION 'what is younger than a day is not removed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE lineage_accesses SET details = '{}', salt = '' WHERE id IN (
        SELECT id FROM lineage_accesses WHERE created_at < older_than AND details <> '{}'
         ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;
CREATE INDEX ix_lineage_accesses_detailed ON lineage_accesses (created_at) WHERE details <> '{}';
"""

GRANTS = """
REVOKE ALL ON FUNCTION lineage_lock, lineage_expire, lineage_forget_details FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lineage_lock, lineage_expire, lineage_forget_details TO lineage_app;
GRANT SELECT, INSERT, DELETE ON lineage_holds TO lineage_app;
GRANT SELECT ON lineage_expiries TO lineage_app;
"""

DOWN = """
DROP FUNCTION lineage_expire, lineage_forget_details, lineage_lock;
DROP INDEX ix_lineage_accesses_detailed;
DROP TABLE lineage_expiries, lineage_holds;
"""
