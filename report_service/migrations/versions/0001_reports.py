"""Reports, the outbox of their lineage, and the triggers that keep the two together."""

from alembic import op

from services.migrations import execute_script, install_jobs, remove_jobs

revision = "0001"
down_revision = None

ROLE = "report_app"


def upgrade() -> None:
    """Create everything."""
    execute_script(TABLES)
    execute_script(GUARDS)
    execute_script(GRANTS)
    install_jobs(ROLE)


def downgrade() -> None:
    """Drop everything."""
    remove_jobs()
    op.execute("DROP TABLE lineage_outbox")
    op.execute("DROP TABLE reports")
    op.execute("DROP FUNCTION reports_guard, reports_check_lineage, lineage_outbox_check, lineage_is_kept")


TABLES = """
CREATE TABLE reports (
    id                  uuid        CONSTRAINT pk_reports PRIMARY KEY,
    lineage_id          uuid        NOT NULL CONSTRAINT uq_reports_lineage_id UNIQUE,
    lead_id             uuid        NOT NULL,
    domain              text        NOT NULL,
    pipeline_run_id     text        NOT NULL CONSTRAINT ck_reports_pipeline_run_id
                                    CHECK (length(pipeline_run_id) BETWEEN 1 AND 128),
    template_version_id text        NOT NULL CONSTRAINT ck_reports_template_version_id
                                    CHECK (length(template_version_id) BETWEEN 1 AND 128),
    template_digest     text        NOT NULL CONSTRAINT ck_reports_template_digest
                                    CHECK (template_digest ~ '^[0-9a-f]{64}$'),
    assessment_data     bytea,
    locale              text        NOT NULL,
    status              text        NOT NULL CONSTRAINT ck_reports_status
                                    CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED')),
    progress            integer     NOT NULL CONSTRAINT ck_reports_progress
                                    CHECK (progress BETWEEN 0 AND 100),
    step                text        NOT NULL,
    error               text        NOT NULL,
    attempts            integer     NOT NULL,
    render_time         timestamptz,
    pdf_sha256          text        CONSTRAINT ck_reports_pdf_sha256 CHECK (pdf_sha256 ~ '^[0-9a-f]{64}$'),
    pdf_size_bytes      integer     CONSTRAINT ck_reports_pdf_size_bytes CHECK (pdf_size_bytes > 0),
    page_count          integer     CONSTRAINT ck_reports_page_count CHECK (page_count > 0),
    object_key          text,
    lineage_status      text        NOT NULL CONSTRAINT ck_reports_lineage_status
                                    CHECK (lineage_status IN ('PENDING', 'RECORDED', 'DISABLED')),
    created_by          text        NOT NULL CONSTRAINT ck_reports_created_by
                                    CHECK (length(created_by) BETWEEN 1 AND 256),
    created_at          timestamptz NOT NULL,
    completed_at        timestamptz,
    version             integer     NOT NULL DEFAULT 1,

    CONSTRAINT ck_reports_completed_has_pdf CHECK (
        status <> 'COMPLETED'
        OR num_nulls(pdf_sha256, pdf_size_bytes, page_count, object_key, render_time, completed_at) = 0
    ),
    CONSTRAINT ck_reports_failed_has_reason CHECK (status <> 'FAILED' OR error <> '')
);
CREATE INDEX ix_reports_lead_id_id ON reports (lead_id, id);
CREATE INDEX ix_reports_status_id ON reports (status, id);

CREATE TABLE lineage_outbox (
    report_id           uuid        CONSTRAINT pk_lineage_outbox PRIMARY KEY
                                    CONSTRAINT fk_lineage_outbox_report_id REFERENCES reports (id)
                                    DEFERRABLE INITIALLY DEFERRED,  -- the flush may write it first
    lineage_id          uuid        NOT NULL,
    lead_id             uuid        NOT NULL,
    pipeline_run_id     text        NOT NULL,
    template_version_id text        NOT NULL,
    template_digest     text        NOT NULL,
    pdf_sha256          text        NOT NULL,
    created_by          text        NOT NULL,
    environment_digest  text        NOT NULL,
    started_at          timestamptz NOT NULL,
    ended_at            timestamptz NOT NULL,
    inputs_sha256       text        NOT NULL,
    inputs_size_bytes   integer     NOT NULL,
    raw_inputs          bytea       NOT NULL,
    parts               jsonb       NOT NULL,
    logs                bytea       NOT NULL,
    logs_size_bytes     integer     NOT NULL,
    logs_sha256         text        NOT NULL,
    payload_size_bytes  integer     NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts            integer     NOT NULL DEFAULT 0,
    next_attempt_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    leased_until        timestamptz,
    last_error          text        NOT NULL DEFAULT '',
    dead_at             timestamptz
);
CREATE INDEX ix_lineage_outbox_next_attempt_at ON lineage_outbox (next_attempt_at) WHERE dead_at IS NULL;

-- Gzip does not compress again; and every row is soon deleted, so the table is vacuumed early.
ALTER TABLE lineage_outbox
    ALTER COLUMN raw_inputs SET STORAGE EXTERNAL,
    ALTER COLUMN logs SET STORAGE EXTERNAL,
    SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
"""

GUARDS = """
-- What no statement may do to a report, whoever writes it.
CREATE FUNCTION reports_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = 'COMPLETED' AND
            (NEW.status, NEW.pdf_sha256, NEW.pdf_size_bytes, NEW.object_key, NEW.render_time) IS DISTINCT FROM
            (OLD.status, OLD.pdf_sha256, OLD.pdf_size_bytes, OLD.object_key, OLD.render_time)
        THEN
            RAISE EXCEPTION 'report % is completed, and that is final', OLD.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_completed_is_final';
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    -- RECORDED is written while the delivery is still in the outbox, and the delivery deleted after.
    IF NEW.lineage_status = 'RECORDED'
        AND (TG_OP = 'INSERT' OR OLD.lineage_status <> 'RECORDED')
        AND NOT EXISTS (SELECT FROM lineage_outbox WHERE report_id = NEW.id)
    THEN
        RAISE EXCEPTION 'report % has no lineage to be recorded', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_recorded_was_captured';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reports_guard BEFORE INSERT OR UPDATE ON reports
    FOR EACH ROW EXECUTE FUNCTION reports_guard();

-- At commit a completed report is PENDING exactly if its capture is in the outbox. Hence
-- completed = recorded + outbox + disabled, by construction.
CREATE FUNCTION lineage_is_kept(checked uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_and(
        status <> 'COMPLETED'
        OR (lineage_status = 'PENDING') = EXISTS (SELECT FROM lineage_outbox WHERE report_id = checked)
    ), true) FROM reports WHERE id = checked
$$;

CREATE FUNCTION reports_check_lineage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT lineage_is_kept(NEW.id) THEN
        RAISE EXCEPTION 'report % cannot be completed without its lineage', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'reports_lineage_is_captured';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reports_lineage_is_captured
    AFTER INSERT OR UPDATE OF status, lineage_status ON reports DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'COMPLETED') EXECUTE FUNCTION reports_check_lineage();

CREATE FUNCTION lineage_outbox_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT lineage_is_kept(NEW.report_id) THEN
        RAISE EXCEPTION 'the lineage of report % is not pending', NEW.report_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lineage_outbox_is_pending';
    END IF;
    IF TG_OP = 'DELETE'
        AND NOT EXISTS (SELECT FROM reports WHERE id = OLD.report_id AND lineage_status = 'RECORDED')
        AND NOT EXISTS (SELECT FROM lineage_outbox WHERE report_id = OLD.report_id)
    THEN
        RAISE EXCEPTION 'the lineage of report % was not recorded', OLD.report_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'lineage_outbox_is_delivered';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lineage_outbox_check
    AFTER INSERT OR DELETE ON lineage_outbox DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION lineage_outbox_check();
"""

# The application names what may change: where a report came from is not among it.
GRANTS = f"""
GRANT SELECT, INSERT ON reports TO {ROLE};
GRANT UPDATE (status, progress, step, error, attempts, render_time, pdf_sha256, pdf_size_bytes, page_count,
    object_key, lineage_status, completed_at) ON reports TO {ROLE};
GRANT SELECT, INSERT, DELETE ON lineage_outbox TO {ROLE};
GRANT UPDATE (attempts, next_attempt_at, leased_until, last_error, dead_at) ON lineage_outbox TO {ROLE};
GRANT SELECT ON alembic_version TO {ROLE};
"""
