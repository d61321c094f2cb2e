"""The audit of leads becomes a log that can be proved, and leads can be erased from it."""

from alembic import op

from services.evidence import tables
from services.migrations import execute_script

revision = "0004"
down_revision = "0003"

LOG = "lead_audit"
ROLE = "lead_app"


def upgrade() -> None:
    """Create the log's tree and checkpoints, and what erases a lead."""
    execute_script(tables.install(LOG, ROLE))
    execute_script(ERASURE)
    execute_script(GRANTS)


def downgrade() -> None:
    """Drop both; what was erased stays erased."""
    op.execute("DROP FUNCTION lead_audit_erase")
    op.execute("DROP TABLE lead_erasures")
    execute_script(tables.remove(LOG))


# The lead goes, which is an entry like any deletion, and then every value that the audit has of it, that
# entry's too. Erasures are numbered without a gap in the order they commit in, so that who reads on
# from a number misses none; they are rare, and wait for each other.
ERASURE = """
CREATE TABLE lead_erasures (
    number    integer     NOT NULL CONSTRAINT pk_lead_erasures PRIMARY KEY CHECK (number > 0),
    lead_id   uuid        NOT NULL CONSTRAINT uq_lead_erasures_lead_id UNIQUE,
    erased_by text        NOT NULL,
    erased_at timestamptz NOT NULL
);
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON lead_erasures EXECUTE FUNCTION evidence_guard();
ALTER TABLE lead_erasures ENABLE ALWAYS TRIGGER guard;

CREATE FUNCTION lead_audit_erase(lead uuid) RETURNS lead_erasures LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    erasure lead_erasures%ROWTYPE;
BEGIN
    LOCK TABLE lead_erasures IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO erasure FROM lead_erasures WHERE lead_id = lead;
    IF FOUND THEN
        RETURN erasure;
    END IF;
    DELETE FROM leads WHERE id = lead;
    UPDATE lead_audit SET old_values = '{}', new_values = '{}', salts = '{"old": {}, "new": {}}'
     WHERE lead_id = lead AND version IS NOT NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM lead_audit_append(lead, false, 'ERASE', 'OK', '', '{}', '{}');
    INSERT INTO lead_erasures
    SELECT coalesce(max(number), 0) + 1, lead,
           nullif(current_setting('leadfactory.context', true), '')::jsonb->>'user_id', clock_timestamp()
      FROM lead_erasures RETURNING * INTO erasure;
    RETURN erasure;
END $$;
REVOKE ALL ON FUNCTION lead_audit_erase FROM PUBLIC;
"""

GRANTS = f"""
GRANT EXECUTE ON FUNCTION lead_audit_erase TO {ROLE};
GRANT SELECT ON lead_erasures TO {ROLE};
"""
