"""Leads, the facts about them, and the queue of look-ups."""

from alembic import op

from services.migrations import execute_script, install_jobs, remove_jobs

revision = "0001"
down_revision = None

ROLE = "lead_app"


def upgrade() -> None:
    """Create everything."""
    execute_script(TABLES)
    execute_script(INDEXES)
    execute_script(GRANTS)
    install_jobs(ROLE)


def downgrade() -> None:
    """Drop everything."""
    remove_jobs()
    op.execute("DROP TABLE lead_facts")
    op.execute("DROP TABLE leads")


# The limits repeat what the domain promises, for writers that do not go through it.
TABLES = """
CREATE TABLE leads (
    id                  uuid        CONSTRAINT pk_leads PRIMARY KEY,
    email               text        NOT NULL CONSTRAINT ck_leads_email
                                    CHECK (length(email) BETWEEN 3 AND 254),
    domain              text        NOT NULL CONSTRAINT ck_leads_domain
                                    CHECK (length(domain) BETWEEN 3 AND 253),
    name                text        NOT NULL CONSTRAINT ck_leads_name CHECK (length(name) <= 200),
    is_manual           boolean     NOT NULL,
    enrichment_status   text        NOT NULL CONSTRAINT ck_leads_enrichment_status
                                    CHECK (enrichment_status IN
                                        ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED')),
    enrichment_job_id   bigint,
    enrichment_attempts smallint    NOT NULL CONSTRAINT ck_leads_enrichment_attempts
                                    CHECK (enrichment_attempts >= 0),
    enrichment_error    text        NOT NULL CONSTRAINT ck_leads_enrichment_error
                                    CHECK ((enrichment_error <> '') = (enrichment_status = 'FAILED')),
    enriched_at         timestamptz,
    created_by          text        NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL
);
CREATE TABLE lead_facts (
    lead_id         uuid        NOT NULL CONSTRAINT fk_lead_facts_lead_id REFERENCES leads ON DELETE CASCADE,
    provider        text        NOT NULL,
    name            text        NOT NULL,
    state           text        NOT NULL CONSTRAINT ck_lead_facts_state
                                CHECK (state IN ('FOUND', 'NOT_FOUND', 'UNREACHABLE', 'REFUSED', 'ERROR')),
    values          text[]      NOT NULL,
    source          text        NOT NULL,
    method          text        NOT NULL,
    reason          text        NOT NULL,
    observed_at     timestamptz NOT NULL,
    evidence_sha256 text        NOT NULL,
    CONSTRAINT pk_lead_facts PRIMARY KEY (lead_id, provider, name),
    CONSTRAINT ck_lead_facts_answer
        CHECK ((state = 'FOUND') = (cardinality(values) > 0) AND (state = 'FOUND') = (reason = ''))
);
"""

# Each filter's index ends in the order of lists, so that a page costs the same at any depth.
INDEXES = """
CREATE INDEX ix_leads_created_at_id ON leads (created_at, id);
CREATE INDEX ix_leads_is_manual_created_at_id ON leads (is_manual, created_at, id);
CREATE INDEX ix_leads_enrichment_status_created_at_id ON leads (enrichment_status, created_at, id);
CREATE INDEX ix_leads_email_created_at_id ON leads (email, created_at, id);
CREATE INDEX ix_leads_domain_created_at_id ON leads (domain, created_at, id);
CREATE INDEX ix_leads_under_way ON leads (enrichment_job_id)
    WHERE enrichment_status IN ('PENDING', 'IN_PROGRESS');
"""

GRANTS = f"""
GRANT SELECT, INSERT, UPDATE ON leads TO {ROLE};
GRANT SELECT, INSERT, DELETE ON lead_facts TO {ROLE};
GRANT SELECT ON alembic_version TO {ROLE};
"""
