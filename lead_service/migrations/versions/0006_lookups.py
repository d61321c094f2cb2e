"""Leads that stand once for each registrable domain, look-ups that people ask for, and what these suggest."""

import sqlalchemy as sa
from alembic import op

from lead_service.names import registrable_domain
from services.migrations import execute_script

revision = "0006"
down_revision = "0005"

ROLE = "lead_app"
BATCH = 10_000


def upgrade() -> None:
    """Create everything, and name the registrable domain of every lead that has another host name."""
    execute_script(COLUMNS)
    _learn_registrable_domains()
    execute_script(FILL)
    execute_script(INDEXES)
    execute_script(TABLES)


def downgrade() -> None:
    """Drop everything. Leads that stand once under the stricter rule do so under the old one."""
    execute_script(DOWN)


# NULL in `registrable_domain` says that it is the domain itself. So most leads need no write here.
COLUMNS = """
ALTER TABLE leads
    ADD COLUMN registrable_domain text CONSTRAINT ck_leads_registrable_domain CHECK (
        right(domain, length(registrable_domain) + 1) = '.' || registrable_domain),
    ADD COLUMN enrichment_asked_by text;
CREATE TEMPORARY TABLE registrable (domain text PRIMARY KEY, registrable text NOT NULL) ON COMMIT DROP;
"""

# Leads that have shared an address and a registrable domain until now all live on: somebody meant them, and
# reports are about them. One becomes the one that the rule knows: the lead of the registrable domain
# itself, or else the oldest. Each of the others goes on standing for its own host name alone, as if
# that were registrable, until its address or its domain is changed. The audit says who did this.
FILL = """
SET LOCAL leadfactory.context = '{"user_id": "system:migrate", "roles": [], "workload": "migrate",
    "ip_address": null, "user_agent": "", "request_id": "", "method": ""}';
WITH placed AS (
    SELECT id, registrable, row_number() OVER (
               PARTITION BY deleted_at IS NULL, lower(email), coalesce(registrable, domain)
               ORDER BY registrable IS NOT NULL, created_at, id) AS place
      FROM leads LEFT JOIN registrable USING (domain)
)
UPDATE leads SET registrable_domain = registrable FROM placed
 WHERE placed.id = leads.id AND registrable IS NOT NULL AND (deleted_at IS NOT NULL OR place = 1);
SET LOCAL leadfactory.context = '';
"""

INDEXES = """
DROP INDEX uq_leads_living;
CREATE UNIQUE INDEX uq_leads_living ON leads (lower(email), coalesce(registrable_domain, domain))
    WHERE deleted_at IS NULL;
CREATE INDEX ix_leads_asked_by ON leads (enrichment_asked_by)
    WHERE enrichment_status IN ('PENDING', 'IN_PROGRESS');
"""

TABLES = f"""
CREATE TABLE lead_suggestions (
    id          uuid        NOT NULL CONSTRAINT pk_lead_suggestions PRIMARY KEY,
    lead_id     uuid        NOT NULL CONSTRAINT fk_lead_suggestions_lead_id
                            REFERENCES leads ON DELETE CASCADE,
    field       text        NOT NULL CONSTRAINT ck_lead_suggestions_field CHECK (field IN ('name', 'domain')),
    value       text        NOT NULL CONSTRAINT ck_lead_suggestions_value CHECK (value <> ''),
    source      text        NOT NULL,
    fact        text        NOT NULL,
    observed_at timestamptz NOT NULL,
    state       text        NOT NULL CONSTRAINT ck_lead_suggestions_state
                            CHECK (state IN ('OPEN', 'ACCEPTED', 'DISMISSED')),
    decided_by  text        NOT NULL,
    decided_at  timestamptz,
    CONSTRAINT uq_lead_suggestions_lead_id_field_value UNIQUE (lead_id, field, value),
    CONSTRAINT ck_lead_suggestions_decision
        CHECK ((state = 'OPEN') = (decided_by = '') AND (state = 'OPEN') = (decided_at IS NULL))
);
CREATE TABLE enrichment_quotas (
    subject  text          NOT NULL CONSTRAINT pk_enrichment_quotas PRIMARY KEY,
    asked_at timestamptz[] NOT NULL
);
GRANT SELECT, INSERT, DELETE ON lead_suggestions TO {ROLE};
GRANT SELECT, INSERT, UPDATE (subject, asked_at) ON enrichment_quotas TO {ROLE};
"""

DOWN = """
DROP TABLE enrichment_quotas;
DROP TABLE lead_suggestions;
DROP INDEX ix_leads_asked_by;
DROP INDEX uq_leads_living;
ALTER TABLE leads DROP COLUMN registrable_domain, DROP COLUMN enrichment_asked_by;
CREATE UNIQUE INDEX uq_leads_living ON leads (lower(email), domain) WHERE deleted_at IS NULL;
"""


def _learn_registrable_domains() -> None:
    """Ask the Public Suffix List about each domain once, some thousands at a time."""
    connection = op.get_bind()
    following = sa.text(
        "SELECT DISTINCT domain FROM leads WHERE domain > :last ORDER BY domain LIMIT :batch"
    ).bindparams(batch=BATCH)
    keep = sa.text(
        "INSERT INTO registrable SELECT * FROM unnest(CAST(:domains AS text[]), CAST(:theirs AS text[]))"
    )
    last = ""
    while domains := list(connection.execute(following, {"last": last}).scalars()):
        learned = {each: theirs for each in domains if (theirs := registrable_domain(each)) != each}
        connection.execute(keep, {"domains": list(learned), "theirs": list(learned.values())})
        last = domains[-1]
