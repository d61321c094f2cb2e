"""Erasures of leads are followed: what reports say of them may be emptied, and nothing else be changed."""

from importlib import import_module

from services.migrations import execute_script

revision = "0007"
down_revision = "0006"

ROLE = "report_app"


def upgrade() -> None:
    """Add erasures, and let reports be emptied for one."""
    execute_script(TABLES)
    execute_script(GUARD)


def downgrade() -> None:
    """Forget erasures; what was emptied stays empty."""
    execute_script(DOWN)
    # Its earlier text stands where it was first written, before that of the other guards.
    earlier: str = import_module("report_service.migrations.versions.0003_failures_and_dead_letters").GUARDS
    execute_script(earlier[: earlier.index("-- At commit")])


TABLES = f"""
CREATE TABLE erasures (
    number     integer     CONSTRAINT pk_erasures PRIMARY KEY
                           CONSTRAINT ck_erasures_number CHECK (number > 0),
    lead_id    uuid        NOT NULL CONSTRAINT uq_erasures_lead_id UNIQUE,
    erased_by  text        NOT NULL CONSTRAINT ck_erasures_erased_by CHECK (erased_by <> ''),
    erased_at  timestamptz NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    held       boolean     NOT NULL DEFAULT false,
    applied_at timestamptz
);
CREATE INDEX ix_erasures_unapplied ON erasures (number) WHERE applied_at IS NULL;
GRANT SELECT, INSERT, UPDATE (due_at, held, applied_at) ON erasures TO {ROLE};

ALTER TABLE reports
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT ck_reports_erased_is_empty
        CHECK (erased_at IS NULL OR (domain = '' AND assessment_data IS NULL));
CREATE INDEX ix_reports_object_key ON reports (object_key) WHERE object_key IS NOT NULL;
GRANT UPDATE (domain, erased_at) ON reports TO {ROLE};
"""

GUARD = """
CREATE OR REPLACE FUNCTION reports_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erases boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.erased_at IS DISTINCT FROM OLD.erased_at THEN
            erases := OLD.erased_at IS NULL AND OLD.status NOT IN ('QUEUED', 'RUNNING')
                AND EXISTS (SELECT FROM erasures WHERE lead_id = NEW.lead_id);
            IF NOT erases THEN
                RAISE EXCEPTION 'report % cannot be erased so', OLD.id
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_erased_with_lead';
            END IF;
        END IF;
        IF NOT erases AND (
            NEW.domain <> OLD.domain
            -- Given to a report that stands in for another, before a worker has begun.
            OR (NEW.assessment_data IS DISTINCT FROM OLD.assessment_data
                AND NOT (OLD.assessment_data IS NULL AND OLD.supersedes IS NOT NULL
                         AND OLD.status = 'QUEUED' AND OLD.attempts = 0))
        ) THEN
            RAISE EXCEPTION 'what report % was made from cannot be changed', OLD.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_origin_is_final';
        END IF;
        IF OLD.status NOT IN ('QUEUED', 'RUNNING') THEN
            IF (NEW.error <> OLD.error AND NOT erases)
                OR (NEW.status, NEW.progress, NEW.step, NEW.attempts, NEW.render_time, NEW.pdf_sha256,
                NEW.pdf_size_bytes, NEW.page_count, NEW.object_key, NEW.completed_at)
                IS DISTINCT FROM
                (OLD.status, OLD.progress, OLD.step, OLD.attempts, OLD.render_time, OLD.pdf_sha256,
                OLD.pdf_size_bytes, OLD.page_count, OLD.object_key, OLD.completed_at)
            THEN
                RAISE EXCEPTION 'report % has ended, and that is final', OLD.id
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_ended_is_final';
            END IF;
            IF NEW.lineage_status <> OLD.lineage_status
                AND (OLD.lineage_status <> 'PENDING' OR NEW.lineage_status NOT IN ('RECORDED', 'DISCARDED'))
            THEN
                RAISE EXCEPTION 'the lineage of report % cannot become % any more', OLD.id, NEW.lineage_status
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_lineage_is_final';
            END IF;
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    -- Both are written while the delivery is still in the outbox, and the delivery deleted after.
    IF NEW.lineage_status IN ('RECORDED', 'DISCARDED')
        AND (TG_OP = 'INSERT' OR OLD.lineage_status <> NEW.lineage_status)
        AND NOT EXISTS (SELECT FROM lineage_outbox WHERE report_id = NEW.id
                        AND (NEW.lineage_status = 'RECORDED' OR dead_at IS NOT NULL))
    THEN
        RAISE EXCEPTION 'report % has no lineage to be %', NEW.id, NEW.lineage_status
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_recorded_was_captured';
    END IF;
    RETURN NEW;
END $$;
"""

DOWN = f"""
REVOKE UPDATE (domain, erased_at) ON reports FROM {ROLE};
DROP INDEX ix_reports_object_key;
ALTER TABLE reports DROP COLUMN erased_at;
DROP TABLE erasures;
"""
