"""Other systems are told when a report or a batch has ended."""

from services.migrations import execute_script

revision = "0008"
down_revision = "0007"

ROLE = "report_app"


def upgrade() -> None:
    """Add endpoints, their secrets, deliveries, and the trigger that writes these."""
    execute_script(TABLES)
    execute_script(TRIGGER)
    execute_script(GRANTS)


def downgrade() -> None:
    """Forget every endpoint and what was sent to it."""
    execute_script(UNDO)


TABLES = """
CREATE TABLE webhook_endpoints (
    id              uuid        CONSTRAINT pk_webhook_endpoints PRIMARY KEY,
    url             text        NOT NULL CONSTRAINT ck_webhook_endpoints_url CHECK (url <> ''),
    description     text        NOT NULL,
    events          text[]      NOT NULL,
    status          text        NOT NULL CONSTRAINT ck_webhook_endpoints_status
                                CHECK (status IN ('ENABLED', 'DISABLED')),
    disabled_reason text        NOT NULL,
    failing_since   timestamptz,
    created_by      text        NOT NULL CONSTRAINT ck_webhook_endpoints_created_by CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         integer     NOT NULL
);

CREATE TABLE webhook_secrets (
    id          uuid        CONSTRAINT pk_webhook_secrets PRIMARY KEY,
    endpoint_id uuid        NOT NULL CONSTRAINT fk_webhook_secrets_endpoint_id
                            REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    sealed      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz
);
CREATE INDEX ix_webhook_secrets_endpoint_id ON webhook_secrets (endpoint_id);

CREATE TABLE webhook_deliveries (
    id              uuid        CONSTRAINT pk_webhook_deliveries PRIMARY KEY,
    endpoint_id     uuid        NOT NULL CONSTRAINT fk_webhook_deliveries_endpoint_id
                                REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event           text        NOT NULL,
    facts           jsonb       NOT NULL,
    occurred_at     timestamptz NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    leased_until    timestamptz,
    status          text        NOT NULL DEFAULT 'PENDING' CONSTRAINT ck_webhook_deliveries_status
                                CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    attempts        integer     NOT NULL DEFAULT 0,
    response_status integer,
    error           text        NOT NULL DEFAULT '',
    ended_at        timestamptz
);
CREATE INDEX ix_webhook_deliveries_endpoint_id_id ON webhook_deliveries (endpoint_id, id);
CREATE INDEX ix_webhook_deliveries_pending ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE status = 'PENDING';
CREATE INDEX ix_webhook_deliveries_ended_at ON webhook_deliveries (ended_at) WHERE status <> 'PENDING';

CREATE TABLE webhook_changes (
    id          uuid        CONSTRAINT pk_webhook_changes PRIMARY KEY,
    endpoint_id uuid        NOT NULL,
    action      text        NOT NULL,
    changed_by  text        NOT NULL CONSTRAINT ck_webhook_changes_changed_by CHECK (changed_by <> ''),
    changed_at  timestamptz NOT NULL,
    facts       jsonb       NOT NULL
);
CREATE INDEX ix_webhook_changes_endpoint_id ON webhook_changes (endpoint_id, changed_at);
"""

TRIGGER = """
-- The endpoint is held while its delivery is added: should it be removed at the same time, the
-- report ends all the same, and nobody is told.
CREATE FUNCTION webhooks_tell(told text, data jsonb, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhook_deliveries (id, endpoint_id, event, facts, occurred_at)
    SELECT uuidv7(), found.id, told, data, at FROM (
        SELECT id FROM webhook_endpoints WHERE status = 'ENABLED' AND told = ANY (events) FOR KEY SHARE
    ) AS found
$$;

-- Of two reports that end at once one waits here for the other's commit, and then sees it: otherwise each
-- would think that the other is still to come. Deferred to the end, this lock is the last one that a
-- transaction takes. What is queued is looked for first: it has an index of its own.
CREATE FUNCTION batch_tells_webhooks(ended uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    counts jsonb;
BEGIN
    IF NOT EXISTS (
        SELECT FROM webhook_endpoints WHERE status = 'ENABLED' AND 'report_batch.ended' = ANY (events)
    ) OR EXISTS (SELECT FROM reports WHERE batch_id = ended AND status = 'QUEUED') THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('webhooks ' || ended, 0));
    IF EXISTS (SELECT FROM reports WHERE batch_id = ended AND status IN ('QUEUED', 'RUNNING'))
        OR EXISTS (
            SELECT FROM webhook_deliveries
            WHERE event = 'report_batch.ended' AND facts->>'batch_id' = ended::text
        )
    THEN
        RETURN;
    END IF;
    SELECT jsonb_object_agg(lower(status), n) INTO counts
    FROM (SELECT status, count(*) AS n FROM reports WHERE batch_id = ended GROUP BY status) AS each;
    PERFORM webhooks_tell(
        'report_batch.ended',
        (SELECT jsonb_build_object('batch_id', id, 'size', size, 'template_version_id', template_version_id)
            FROM report_batches WHERE id = ended)
            || '{"completed": 0, "failed": 0, "cancelled": 0}' || counts,
        at
    );
END $$;

CREATE FUNCTION reports_tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhook_endpoints WHERE status = 'ENABLED') THEN
        RETURN NULL;
    END IF;
    IF NEW.status IN ('COMPLETED', 'FAILED') THEN
        PERFORM webhooks_tell(
            CASE NEW.status WHEN 'COMPLETED' THEN 'report.completed' ELSE 'report.failed' END,
            jsonb_strip_nulls(jsonb_build_object(
                'report_id', NEW.id, 'lineage_id', NEW.lineage_id, 'lead_id', NEW.lead_id,
                'batch_id', NEW.batch_id, 'retry_of', NEW.retry_of, 'status', NEW.status,
                'template_version_id', NEW.template_version_id, 'template_digest', NEW.template_digest,
                'pdf_sha256', NEW.pdf_sha256, 'pdf_size_bytes', NEW.pdf_size_bytes,
                'page_count', NEW.page_count
            )),
            NEW.completed_at
        );
    END IF;
    IF NEW.batch_id IS NOT NULL THEN
        PERFORM batch_tells_webhooks(NEW.batch_id, NEW.completed_at);
    END IF;
    RETURN NULL;
END $$;
CREATE INDEX ix_webhook_deliveries_batch ON webhook_deliveries ((facts->>'batch_id'))
    WHERE event = 'report_batch.ended';

-- Within the transaction that ends the report: told is exactly what was committed.
CREATE CONSTRAINT TRIGGER reports_tell_webhooks
    AFTER UPDATE OF status ON reports DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        OLD.status IN ('QUEUED', 'RUNNING') AND NEW.status IN ('COMPLETED', 'FAILED', 'CANCELLED')
    ) EXECUTE FUNCTION reports_tell_webhooks();
"""

# What was done about an endpoint is added and read, and that is all.
GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints, webhook_secrets, webhook_deliveries TO {ROLE};
GRANT SELECT, INSERT ON webhook_changes TO {ROLE};
"""

UNDO = """
DROP TRIGGER reports_tell_webhooks ON reports;
DROP FUNCTION reports_tell_webhooks, batch_tells_webhooks, webhooks_tell;
DROP TABLE webhook_changes, webhook_deliveries, webhook_secrets, webhook_endpoints;
"""
