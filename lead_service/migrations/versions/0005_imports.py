"""Files of leads: what was imported, which rows were refused, and what can be taken back."""

from alembic import op

from services.migrations import execute_script

revision = "0005"
down_revision = "0004"

ROLE = "lead_app"


def upgrade() -> None:
    """Create everything."""
    execute_script(TABLES)
    execute_script(GRANTS)
    execute_script(CALLS.format(actions=f"{CALLED}, 'EXPORT', 'IMPORT', 'UNDO'"))


def downgrade() -> None:
    """Drop everything; the leads stay, and forget where they came from."""
    execute_script(CALLS.format(actions=CALLED))
    op.execute("ALTER TABLE leads DROP COLUMN import_id")
    op.execute("DROP TABLE lead_import_errors, lead_import_rows, lead_imports")


# A row's identity is SHA-256, cut to 16 bytes, of the import's salt, the address in lower case and the
# registrable domain: it finds what stands in the file twice. The salt goes when the file is read, so that
# no address can be guessed from what stays. `audit_version` is what the lead's audit ended with when the row
# was written: an undo takes old values from there, and sees there what happened since. No foreign keys:
# a million rows would be checked one by one, and an import is never deleted.
TABLES = """
CREATE TABLE lead_imports (
    id              uuid        NOT NULL CONSTRAINT pk_lead_imports PRIMARY KEY,
    state           text        NOT NULL CONSTRAINT ck_lead_imports_state
                                CHECK (state IN ('RUNNING', 'COMPLETED', 'FAILED', 'UNDOING', 'UNDONE')),
    filename        text        NOT NULL,
    existing        text        NOT NULL CONSTRAINT ck_lead_imports_existing
                                CHECK (existing IN ('SKIP', 'UPDATE')),
    dry_run         boolean     NOT NULL,
    enrich          boolean     NOT NULL,
    wanted_columns  jsonb       NOT NULL,
    columns         jsonb       NOT NULL,
    ignored_columns text[]      NOT NULL,
    request_id      text        NOT NULL,
    runner          uuid        NOT NULL,
    salt            bytea,
    last_row        integer     NOT NULL,
    content_sha256  bytea       NOT NULL,
    created         integer     NOT NULL,
    updated         integer     NOT NULL,
    unchanged       integer     NOT NULL,
    duplicates      integer     NOT NULL,
    refused         integer     NOT NULL,
    look_ups        integer     NOT NULL,
    error           text        NOT NULL CONSTRAINT ck_lead_imports_error
                                CHECK (state <> 'FAILED' OR error <> ''),
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    seen_at         timestamptz NOT NULL,
    ended_at        timestamptz CONSTRAINT ck_lead_imports_ended_at
                                CHECK ((ended_at IS NULL) = (state = 'RUNNING')),
    undo_row        integer     NOT NULL,
    undone          integer     NOT NULL,
    conflicts       integer     NOT NULL,
    undone_by       text        NOT NULL,
    undone_at       timestamptz
);
CREATE UNIQUE INDEX uq_lead_imports_request ON lead_imports (created_by, request_id) WHERE request_id <> '';
CREATE INDEX ix_lead_imports_created_by_id ON lead_imports (created_by, id);
CREATE INDEX ix_lead_imports_under_way ON lead_imports (seen_at) WHERE state IN ('RUNNING', 'UNDOING');

CREATE TABLE lead_import_rows (
    import_id     uuid    NOT NULL,
    row           integer NOT NULL,
    identity      bytea   NOT NULL,
    outcome       text    NOT NULL CONSTRAINT ck_lead_import_rows_outcome
                          CHECK (outcome IN ('CREATED', 'UPDATED', 'UNCHANGED')),
    lead_id       uuid,
    audit_version integer,
    conflict      boolean NOT NULL DEFAULT false,
    CONSTRAINT pk_lead_import_rows PRIMARY KEY (import_id, row)
);
CREATE UNIQUE INDEX uq_lead_import_rows_import_id_identity ON lead_import_rows (import_id, identity);
CREATE INDEX ix_lead_import_rows_conflicts ON lead_import_rows (import_id, row) WHERE conflict;

CREATE TABLE lead_import_errors (
    import_id  uuid    NOT NULL,
    row        integer NOT NULL,
    field      text    NOT NULL,
    header     text    NOT NULL,
    value      text    NOT NULL,
    reason     text    NOT NULL,
    CONSTRAINT pk_lead_import_errors PRIMARY KEY (import_id, row, field)
);

ALTER TABLE leads ADD COLUMN import_id uuid;
CREATE INDEX ix_leads_import_id_created_at_id ON leads (import_id, created_at, id)
    WHERE import_id IS NOT NULL;
"""

GRANTS = f"""
GRANT SELECT, INSERT, UPDATE ON lead_imports TO {ROLE};
GRANT SELECT, INSERT, UPDATE (conflict), DELETE ON lead_import_rows TO {ROLE};
GRANT SELECT, INSERT, DELETE ON lead_import_errors TO {ROLE};
"""

CALLED = "'READ', 'DENIED', 'FAILED'"
CALLS = """
CREATE OR REPLACE FUNCTION lead_audit_call(lead uuid, act text, result text, why text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF act NOT IN ({actions}) THEN
        RAISE EXCEPTION '% is not what a call can come to', act USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM lead_audit_append(lead, false, act, result, why, '{{}}', '{{}}');
END $$;
"""
