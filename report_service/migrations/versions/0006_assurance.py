"""What environments consist of is kept, and what a report supersedes."""

from services.migrations import execute_script

revision = "0006"
down_revision = "0005"

ROLE = "report_app"


def upgrade() -> None:
    """Add environments, and the link between a report and the one that it stands in for."""
    execute_script(ENVIRONMENTS)
    execute_script(SUCCESSORS)


def downgrade() -> None:
    """Forget both."""
    execute_script(DOWN)


# By its digest, which lineage has; so it is written once and never changed.
ENVIRONMENTS = f"""
CREATE TABLE environments (
    digest     text        CONSTRAINT pk_environments PRIMARY KEY
                           CONSTRAINT ck_environments_digest CHECK (digest ~ '^[0-9a-f]{{64}}$'),
    parts      jsonb       NOT NULL CONSTRAINT ck_environments_parts CHECK (jsonb_typeof(parts) = 'object'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON environments TO {ROLE};
"""

# A report stands in for another at most once, unless it came to nothing. What callers gave is copied from the
# one to the other by the database, so that it need not pass through here.
SUCCESSORS = f"""
ALTER TABLE reports ADD COLUMN supersedes uuid CONSTRAINT fk_reports_supersedes REFERENCES reports (id);
CREATE UNIQUE INDEX uq_reports_supersedes ON reports (supersedes)
    WHERE supersedes IS NOT NULL AND status NOT IN ('FAILED', 'CANCELLED');
CREATE INDEX ix_reports_template_version_id_id ON reports (template_version_id, id);
CREATE INDEX ix_reports_template_digest_id ON reports (template_digest, id);
GRANT UPDATE (assessment_data) ON reports TO {ROLE};
"""

DOWN = f"""
REVOKE UPDATE (assessment_data) ON reports FROM {ROLE};
DROP INDEX ix_reports_template_digest_id, ix_reports_template_version_id_id;
ALTER TABLE reports DROP COLUMN supersedes;
DROP TABLE environments;
"""
