"""Failed generations are captured too, dead letters are decided about, and what has ended is final."""

from importlib import import_module

from services.migrations import execute_script

revision = "0003"
down_revision = "0002"

ROLE = "report_app"


def upgrade() -> None:
    """Widen what can be captured, and close what could be changed afterwards."""
    execute_script(TABLES)
    execute_script(GUARDS)
    execute_script(GRANTS)


def downgrade() -> None:
    """Return to reports of which only completed ones have lineage; captures of failures are lost."""
    execute_script(UNDO)
    # Their earlier text stands where it was first written.
    execute_script(import_module("report_service.migrations.versions.0001_reports").GUARDS)


TABLES = """
-- Failures of before have no capture, and no one can make it now.
ALTER TABLE reports DROP CONSTRAINT ck_reports_lineage_status;
ALTER TABLE reports ADD CONSTRAINT ck_reports_lineage_status
    CHECK (lineage_status IN ('PENDING', 'RECORDED', 'DISABLED', 'DISCARDED', 'NONE'));
UPDATE reports SET lineage_status = 'NONE' WHERE status = 'FAILED';

ALTER TABLE lineage_outbox ALTER COLUMN pdf_sha256 DROP NOT NULL;
CREATE INDEX ix_lineage_outbox_dead ON lineage_outbox (report_id) WHERE dead_at IS NOT NULL;

CREATE TABLE dead_letter_decisions (
    id            uuid        CONSTRAINT pk_dead_letter_decisions PRIMARY KEY,
    report_id     uuid        NOT NULL CONSTRAINT fk_dead_letter_decisions_report_id REFERENCES reports (id),
    verdict       text        NOT NULL CONSTRAINT ck_dead_letter_decisions_verdict
                              CHECK (verdict IN ('REDRIVE', 'DISCARD')),
    decided_by    text        NOT NULL CONSTRAINT ck_dead_letter_decisions_decided_by
                              CHECK (decided_by <> ''),
    decided_at    timestamptz NOT NULL,
    reason        text        NOT NULL CONSTRAINT ck_dead_letter_decisions_reason CHECK (reason <> ''),
    last_error    text        NOT NULL,
    inputs_sha256 text        NOT NULL,
    pdf_sha256    text
);
CREATE INDEX ix_dead_letter_decisions_report_id ON dead_letter_decisions (report_id, decided_at);
"""

GUARDS = """
CREATE OR REPLACE FUNCTION reports_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status NOT IN ('QUEUED', 'RUNNING') THEN
            IF (NEW.status, NEW.progress, NEW.step, NEW.error, NEW.attempts, NEW.render_time, NEW.pdf_sha256,
                NEW.pdf_size_bytes, NEW.page_count, NEW.object_key, NEW.completed_at)
                IS DISTINCT FROM
                (OLD.status, OLD.progress, OLD.step, OLD.error, OLD.attempts, OLD.render_time, OLD.pdf_sha256,
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

-- At commit a report that has ended is PENDING exactly if its capture is in the outbox, and no other
-- report's is. Hence completed = recorded + outbox + disabled + discarded, by construction.
CREATE OR REPLACE FUNCTION lineage_is_kept(checked uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_and(
        (status IN ('COMPLETED', 'FAILED') AND lineage_status = 'PENDING')
        = EXISTS (SELECT FROM lineage_outbox WHERE report_id = checked)
    ), true) FROM reports WHERE id = checked
$$;

CREATE OR REPLACE FUNCTION reports_check_lineage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT lineage_is_kept(NEW.id) THEN
        RAISE EXCEPTION 'report % cannot end without its lineage', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_lineage_is_captured';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER reports_lineage_is_captured ON reports;
CREATE CONSTRAINT TRIGGER reports_lineage_is_captured
    AFTER INSERT OR UPDATE OF status, lineage_status ON reports DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status IN ('COMPLETED', 'FAILED')) EXECUTE FUNCTION reports_check_lineage();

CREATE OR REPLACE FUNCTION lineage_outbox_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT lineage_is_kept(NEW.report_id) THEN
        RAISE EXCEPTION 'the lineage of report % is not pending', NEW.report_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lineage_outbox_is_pending';
    END IF;
    IF TG_OP = 'DELETE'
        AND NOT EXISTS (SELECT FROM reports WHERE id = OLD.report_id AND lineage_status = 'RECORDED')
        AND NOT EXISTS (
            SELECT FROM reports JOIN dead_letter_decisions ON report_id = reports.id AND verdict = 'DISCARD'
            WHERE reports.id = OLD.report_id AND lineage_status = 'DISCARDED'
        )
        AND NOT EXISTS (SELECT FROM lineage_outbox WHERE report_id = OLD.report_id)
    THEN
        RAISE EXCEPTION 'the lineage of report % was neither recorded nor discarded', OLD.report_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lineage_outbox_is_delivered';
    END IF;
    RETURN NULL;
END $$;
"""

# Decisions are added and read, and that is all.
GRANTS = f"""
GRANT SELECT, INSERT ON dead_letter_decisions TO {ROLE};
"""

UNDO = """
DROP TRIGGER reports_guard ON reports;
DROP TRIGGER reports_lineage_is_captured ON reports;
DROP TRIGGER lineage_outbox_check ON lineage_outbox;
DROP FUNCTION reports_guard, reports_check_lineage, lineage_outbox_check, lineage_is_kept;
DELETE FROM lineage_outbox WHERE pdf_sha256 IS NULL;
UPDATE reports SET lineage_status = 'DISABLED' WHERE lineage_status IN ('DISCARDED', 'NONE');
ALTER TABLE reports DROP CONSTRAINT ck_reports_lineage_status;
ALTER TABLE reports ADD CONSTRAINT ck_reports_lineage_status
    CHECK (lineage_status IN ('PENDING', 'RECORDED', 'DISABLED'));
ALTER TABLE lineage_outbox ALTER COLUMN pdf_sha256 SET NOT NULL;
DROP INDEX ix_lineage_outbox_dead;
DROP TABLE dead_letter_decisions;
"""
