"""Leads that are watched, and leads that are merged."""

from services.migrations import execute_script

revision = "0007"
down_revision = "0006"

ROLE = "lead_app"


def upgrade() -> None:
    """Hint at changes, and let leads be merged."""
    execute_script(HINTS)
    execute_script(MERGES)


def downgrade() -> None:
    """Drop all of it; a lead that was merged into another one stays deleted."""
    execute_script(DOWN)


# Of the transactions that write at the same time one says so, and the lock tells which: a notification
# takes a lock of the whole cluster until its commit is on disk, so that writers who all notified would
# queue up for it. The others were running when the one committed, and readers wait for what was running.
HINTS = """
CREATE FUNCTION lead_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtext('lead_changes'), 0) THEN
        PERFORM pg_notify('lead_changes', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hint AFTER INSERT OR UPDATE OR DELETE ON leads
    FOR EACH STATEMENT EXECUTE FUNCTION lead_changed();
ALTER TABLE leads ENABLE ALWAYS TRIGGER hint;
"""

# `before` and `after` are what the merge found and left of the lead that stays, `facts` are its own if
# those of the other one took their place. All of it is forgotten when the merge is undone.
MERGES = f"""
ALTER TABLE leads
    ADD COLUMN merged_into uuid CONSTRAINT fk_leads_merged_into
                           REFERENCES leads (id) ON DELETE SET NULL,
    ADD CONSTRAINT ck_leads_merged_into CHECK (
        merged_into IS NULL OR (merged_into <> id AND deleted_at IS NOT NULL)
    );
CREATE TABLE lead_merges (
    other_id   uuid        NOT NULL CONSTRAINT pk_lead_merges PRIMARY KEY
                           CONSTRAINT fk_lead_merges_other_id REFERENCES leads (id) ON DELETE CASCADE,
    lead_id    uuid        NOT NULL
                           CONSTRAINT fk_lead_merges_lead_id REFERENCES leads (id) ON DELETE CASCADE,
    before     jsonb       NOT NULL,
    after      jsonb       NOT NULL,
    facts      jsonb,
    created_at timestamptz NOT NULL
);
CREATE INDEX ix_lead_merges_lead_id ON lead_merges (lead_id);
GRANT SELECT, INSERT, DELETE ON lead_merges TO {ROLE};
"""

DOWN = """
DROP TABLE lead_merges;
ALTER TABLE leads DROP COLUMN merged_into;
DROP TRIGGER hint ON leads;
DROP FUNCTION lead_changed;
"""
