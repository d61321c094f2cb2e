"""Many reports that were asked for at once."""

from services.migrations import execute_script

revision = "0005"
down_revision = "0004"

ROLE = "report_app"


def upgrade() -> None:
    """Add batches, and each report's place in one."""
    execute_script(BATCHES)


def downgrade() -> None:
    """Forget which reports belonged together."""
    execute_script(
        "ALTER TABLE reports DROP COLUMN batch_id, DROP COLUMN batch_position; DROP TABLE report_batches;"
    )


BATCHES = f"""
CREATE TABLE report_batches (
    id                  uuid        CONSTRAINT pk_report_batches PRIMARY KEY,
    template_version_id text        NOT NULL,
    locale              text        NOT NULL,
    pipeline_run_id     text        NOT NULL,
    size                integer     NOT NULL CONSTRAINT ck_report_batches_size CHECK (size > 0),
    created_by          text        NOT NULL CONSTRAINT ck_report_batches_created_by CHECK (created_by <> ''),
    created_at          timestamptz NOT NULL
);
GRANT SELECT, INSERT ON report_batches TO {ROLE};

ALTER TABLE reports
    ADD COLUMN batch_id       uuid CONSTRAINT fk_reports_batch_id REFERENCES report_batches (id),
    ADD COLUMN batch_position integer NOT NULL DEFAULT 0;
CREATE INDEX ix_reports_batch_id_batch_position ON reports (batch_id, batch_position)
    WHERE batch_id IS NOT NULL;
-- The queue is counted with every request.
CREATE INDEX ix_reports_queued ON reports (batch_id) WHERE status = 'QUEUED';
"""
