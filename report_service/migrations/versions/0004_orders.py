"""Reports can be cancelled and made again, and requests may be sent again."""

from services.migrations import execute_script

revision = "0004"
down_revision = "0003"

ROLE = "report_app"


def upgrade() -> None:
    """Add what stands for a cancelled report, its successor, and a request."""
    execute_script(REPORTS)
    execute_script(REQUESTS)


def downgrade() -> None:
    """Forget requests; what was cancelled has failed."""
    execute_script(DOWN)


REPORTS = """
ALTER TABLE reports ADD COLUMN retry_of uuid CONSTRAINT fk_reports_retry_of REFERENCES reports (id);
ALTER TABLE reports DROP CONSTRAINT ck_reports_status;
ALTER TABLE reports
    ADD CONSTRAINT ck_reports_status
    CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    ADD CONSTRAINT ck_reports_cancelled_has_nothing CHECK (
        status <> 'CANCELLED' OR (lineage_status = 'NONE' AND pdf_sha256 IS NULL AND completed_at IS NOT NULL)
    );
"""

# What a request made is enough to answer it again. Whoever inserts the same key waits for the first.
REQUESTS = f"""
CREATE TABLE requests (
    subject        text        NOT NULL,
    method         text        NOT NULL,
    key            text        NOT NULL CONSTRAINT ck_requests_key CHECK (length(key) BETWEEN 1 AND 200),
    request_sha256 text        NOT NULL CONSTRAINT ck_requests_request_sha256
                               CHECK (request_sha256 ~ '^[0-9a-f]{{64}}$'),
    made           uuid        NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT pk_requests PRIMARY KEY (subject, method, key)
);
CREATE INDEX ix_requests_created_at ON requests (created_at);
GRANT SELECT, INSERT, DELETE ON requests TO {ROLE};
"""

DOWN = """
DROP TABLE requests;
ALTER TABLE reports DROP CONSTRAINT ck_reports_status, DROP CONSTRAINT ck_reports_cancelled_has_nothing;
ALTER TABLE reports DISABLE TRIGGER USER;
UPDATE reports SET status = 'FAILED', error = 'The report was cancelled.' WHERE status = 'CANCELLED';
ALTER TABLE reports ENABLE TRIGGER USER;
ALTER TABLE reports ADD CONSTRAINT ck_reports_status
    CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED'));
ALTER TABLE reports DROP COLUMN retry_of;
"""
