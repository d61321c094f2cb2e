"""Denied calls are noted, and who reads that."""

from services.migrations import execute_script

revision = "0009"
down_revision = "0008"

ROLE = "report_app"


def upgrade() -> None:
    """Add the audit, which can be added to and read."""
    execute_script(TABLE)
    execute_script(GUARD)
    execute_script(f"GRANT SELECT, INSERT ON report_audit TO {ROLE}")


def downgrade() -> None:
    """Forget what was noted."""
    execute_script("DROP TABLE report_audit; DROP FUNCTION report_audit_stays;")


TABLE = """
CREATE TABLE report_audit (
    id          uuid        CONSTRAINT pk_report_audit PRIMARY KEY,
    action      text        NOT NULL CONSTRAINT ck_report_audit_action CHECK (action IN ('DENIED', 'READ')),
    user_id     text        NOT NULL CONSTRAINT ck_report_audit_user_id CHECK (user_id <> ''),
    roles       text[]      NOT NULL,
    workload    text        NOT NULL,
    ip_address  text        NOT NULL,
    user_agent  text        NOT NULL,
    request_id  text        NOT NULL,
    method      text        NOT NULL,
    resource    text        NOT NULL,
    reason      text        NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX ix_report_audit_user_id ON report_audit (user_id, id);
CREATE INDEX ix_report_audit_resource ON report_audit (resource, id) WHERE resource <> '';
"""

# The application's role has no right to it; this holds the owner of the table, too, until it is switched off.
GUARD = """
CREATE FUNCTION report_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit are not changed or removed' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER report_audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON report_audit
    FOR EACH STATEMENT EXECUTE FUNCTION report_audit_stays();
ALTER TABLE report_audit ENABLE ALWAYS TRIGGER report_audit_stays;
"""
