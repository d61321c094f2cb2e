"""Leads that are edited and deleted, that stand once, and requests that may be sent again."""

from services.migrations import execute_script

revision = "0002"
down_revision = "0001"

ROLE = "lead_app"


def upgrade() -> None:
    """Create everything."""
    execute_script(LEADS)
    execute_script(INDEXES)
    execute_script(ANSWERS)


def downgrade() -> None:
    """Drop everything; what was deleted lives again."""
    execute_script(DOWN)


# Of leads that were written down more than once the first stays; the others are deleted, softly, so
# that reports on them still find theirs.
LEADS = """
ALTER TABLE leads
    ADD COLUMN version    integer NOT NULL DEFAULT 1 CONSTRAINT ck_leads_version CHECK (version > 0),
    ADD COLUMN deleted_at timestamptz;
UPDATE leads SET deleted_at = now(), updated_at = now(), version = version + 1
 WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY lower(email), domain ORDER BY created_at, id) AS place
          FROM leads
    ) AS numbered WHERE place > 1
 );
"""

# pg_trgm is a trusted extension: a database's owner may install it.
INDEXES = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
DROP INDEX ix_leads_created_at_id;
DROP INDEX ix_leads_is_manual_created_at_id;
DROP INDEX ix_leads_enrichment_status_created_at_id;
DROP INDEX ix_leads_email_created_at_id;
DROP INDEX ix_leads_domain_created_at_id;
CREATE UNIQUE INDEX uq_leads_living ON leads (lower(email), domain) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_created_at ON leads (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_email ON leads (email, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_domain ON leads (domain, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_is_manual_created_at ON leads (is_manual, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_is_manual_email ON leads (is_manual, email, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_is_manual_domain ON leads (is_manual, domain, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_enrichment_status_created_at ON leads (enrichment_status, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_enrichment_status_email ON leads (enrichment_status, email, id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_enrichment_status_domain ON leads (enrichment_status, domain, id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_created_by_created_at ON leads (created_by, created_at, id)
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_created_by_email ON leads (created_by, email, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_created_by_domain ON leads (created_by, domain, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_domain_created_at ON leads (domain, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_living_domain_email ON leads (domain, email, id) WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_deleted_created_at ON leads (created_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_leads_deleted_email ON leads (email, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_leads_deleted_domain ON leads (domain, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_leads_deleted_lower_email ON leads (lower(email)) WHERE deleted_at IS NOT NULL;
-- Without it an address seems to have many leads, and they are looked for along the order of the list.
CREATE STATISTICS st_leads_email ON lower(email), deleted_at FROM leads;
CREATE INDEX ix_leads_searched ON leads
    USING gin (lower((((email || chr(10)) || domain) || chr(10)) || name) gin_trgm_ops);
-- A rare text must be known to be rare, or lists that are searched for it walk along their order.
ALTER INDEX ix_leads_searched ALTER COLUMN 1 SET STATISTICS 1000;
"""

ANSWERS = f"""
CREATE TABLE idempotency_keys (
    subject        text        NOT NULL,
    method         text        NOT NULL,
    key            text        NOT NULL,
    request_sha256 bytea       NOT NULL CONSTRAINT ck_idempotency_keys_request_sha256
                               CHECK (octet_length(request_sha256) = 32),
    response       bytea       NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (subject, method, key)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
GRANT SELECT, INSERT, UPDATE (response), DELETE ON idempotency_keys TO {ROLE};
"""

DOWN = """
DROP TABLE idempotency_keys;
DROP INDEX ix_leads_searched;
DROP EXTENSION pg_trgm;
DROP INDEX uq_leads_living;
DROP STATISTICS st_leads_email;
DROP INDEX ix_leads_living_created_at;
DROP INDEX ix_leads_living_email;
DROP INDEX ix_leads_living_domain;
DROP INDEX ix_leads_living_is_manual_created_at;
DROP INDEX ix_leads_living_is_manual_email;
DROP INDEX ix_leads_living_is_manual_domain;
DROP INDEX ix_leads_living_enrichment_status_created_at;
DROP INDEX ix_leads_living_enrichment_status_email;
DROP INDEX ix_leads_living_enrichment_status_domain;
DROP INDEX ix_leads_living_created_by_created_at;
DROP INDEX ix_leads_living_created_by_email;
DROP INDEX ix_leads_living_created_by_domain;
DROP INDEX ix_leads_living_domain_created_at;
DROP INDEX ix_leads_living_domain_email;
DROP INDEX ix_leads_deleted_created_at;
DROP INDEX ix_leads_deleted_email;
DROP INDEX ix_leads_deleted_domain;
DROP INDEX ix_leads_deleted_lower_email;
ALTER TABLE leads DROP COLUMN version, DROP COLUMN deleted_at;
CREATE INDEX ix_leads_created_at_id ON leads (created_at, id);
CREATE INDEX ix_leads_is_manual_created_at_id ON leads (is_manual, created_at, id);
CREATE INDEX ix_leads_enrichment_status_created_at_id ON leads (enrichment_status, created_at, id);
CREATE INDEX ix_leads_email_created_at_id ON leads (email, created_at, id);
CREATE INDEX ix_leads_domain_created_at_id ON leads (domain, created_at, id);
"""
