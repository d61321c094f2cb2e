"""The audit of leads, written by the database itself."""

from alembic import op

from services.migrations import execute_script

revision = "0003"
down_revision = "0002"

ROLE = "lead_app"


def upgrade() -> None:
    """Create the log, watch leads from now on, and note what each lead is at this moment."""
    execute_script(TABLE)
    execute_script(APPEND)
    execute_script(GUARDS)
    execute_script(RECORDERS)
    execute_script(GRANTS)
    execute_script(BASELINE)


def downgrade() -> None:
    """Drop the log with everything in it."""
    op.execute("DROP TRIGGER audit ON leads")
    op.execute("DROP TRIGGER no_truncate ON leads")
    op.execute("DROP TABLE lead_audit")
    op.execute("DROP FUNCTION lead_audit_change, lead_audit_call, lead_audit_append, lead_audit_guard")


# No foreign key: what is kept about a lead outlives it. Numbered entries are changes; the others are
# calls that changed nothing. `transaction_id` tells a reader which entries are settled: those below
# pg_snapshot_xmin(pg_current_snapshot()).
TABLE = """
CREATE TABLE lead_audit (
    id              uuid        NOT NULL CONSTRAINT pk_lead_audit PRIMARY KEY,
    lead_id         uuid,
    version         integer     CONSTRAINT ck_lead_audit_version CHECK (version > 0),
    action          text        NOT NULL,
    code            text        NOT NULL,
    reason          text        NOT NULL,
    user_id         text        NOT NULL,
    roles           text[]      NOT NULL,
    workload        text,
    ip_address      inet,
    user_agent      text        NOT NULL,
    request_id      text        NOT NULL,
    method          text        NOT NULL,
    created_at      timestamptz NOT NULL,
    changed_fields  text[]      NOT NULL,
    old_values      jsonb       NOT NULL,
    new_values      jsonb       NOT NULL,
    salts           jsonb       NOT NULL,
    previous_hash   bytea,
    canonical       bytea       NOT NULL,
    entry_hash      bytea       NOT NULL,
    transaction_id  bigint      NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    CONSTRAINT ck_lead_audit_chain CHECK ((version IS NULL OR version = 1) = (previous_hash IS NULL)),
    CONSTRAINT ck_lead_audit_hashes CHECK (
        octet_length(entry_hash) = 32 AND (previous_hash IS NULL OR octet_length(previous_hash) = 32)
    )
);
CREATE UNIQUE INDEX uq_lead_audit_lead_id_version ON lead_audit (lead_id, version) WHERE version IS NOT NULL;
CREATE INDEX ix_lead_audit_lead_id_created_at_id ON lead_audit (lead_id, created_at, id);
CREATE INDEX ix_lead_audit_created_at_id ON lead_audit (created_at, id);
CREATE INDEX ix_lead_audit_user_id_created_at_id ON lead_audit (user_id, created_at, id);
CREATE INDEX ix_lead_audit_action_created_at_id ON lead_audit (action, created_at, id);
CREATE INDEX ix_lead_audit_ip_address ON lead_audit (ip_address, created_at) WHERE ip_address IS NOT NULL;
CREATE INDEX ix_lead_audit_changed_fields ON lead_audit USING gin (changed_fields);
"""

# One entry. Its canonical bytes hold no value of a lead, only SHA-256 of a salt and the value: when value
# and salt are erased, the bytes, their hash and all that is built on them stay as they are. Times are UTC by
# the callers' setting, so that equal values have equal text.
APPEND = """
CREATE FUNCTION lead_audit_append(
    lead uuid, numbered boolean, act text, result text, why text, before jsonb, after jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    entry lead_audit%ROWTYPE;
    before_salts jsonb := '{}';
    before_commitments jsonb := '{}';
    after_salts jsonb := '{}';
    after_commitments jsonb := '{}';
BEGIN
    IF coalesce(context->>'user_id', '') = '' THEN
        RAISE EXCEPTION 'nobody to account this to: no actor is set in leadfactory.context'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF numbered THEN
        -- The row lock on the lead is held, so nobody else appends to its chain now.
        SELECT version, entry_hash INTO entry.version, entry.previous_hash FROM lead_audit
            WHERE lead_id = lead AND version IS NOT NULL ORDER BY version DESC LIMIT 1;
        entry.version := coalesce(entry.version, 0) + 1;
    END IF;
    IF before <> '{}' THEN
        SELECT jsonb_object_agg(key, salt), jsonb_object_agg(key, encode(sha256(convert_to(
                   salt || jsonb_build_object(key, value)::text, 'UTF8')), 'hex'))
          INTO before_salts, before_commitments
          FROM (SELECT key, value, replace(gen_random_uuid()::text, '-', '') AS salt
                  FROM jsonb_each(before)) AS each;
    END IF;
    IF after <> '{}' THEN
        SELECT jsonb_object_agg(key, salt), jsonb_object_agg(key, encode(sha256(convert_to(
                   salt || jsonb_build_object(key, value)::text, 'UTF8')), 'hex'))
          INTO after_salts, after_commitments
          FROM (SELECT key, value, replace(gen_random_uuid()::text, '-', '') AS salt
                  FROM jsonb_each(after)) AS each;
    END IF;
    entry.created_at := clock_timestamp();
    entry.id := uuidv7();
    entry.ip_address := (context->>'ip_address')::inet;
    entry.canonical := convert_to(jsonb_build_object(
        'id', entry.id, 'lead_id', lead, 'version', entry.version, 'action', act, 'code', result,
        'reason', why, 'user_id', context->'user_id', 'roles', context->'roles',
        'workload', context->'workload', 'ip_address', context->'ip_address',
        'user_agent', context->'user_agent', 'request_id', context->'request_id',
        'method', context->'method', 'created_at', entry.created_at,
        'previous_hash', encode(entry.previous_hash, 'hex'),
        'old_values', before_commitments, 'new_values', after_commitments)::text, 'UTF8');
    INSERT INTO lead_audit (
        id, lead_id, version, action, code, reason, user_id, roles, workload, ip_address, user_agent,
        request_id, method, created_at, changed_fields, old_values, new_values, salts, previous_hash,
        canonical, entry_hash)
    VALUES (
        entry.id, lead, entry.version, act, result, why, context->>'user_id',
        ARRAY(SELECT jsonb_array_elements_text(context->'roles')),
        context->>'workload', entry.ip_address, context->>'user_agent', context->>'request_id',
        context->>'method', entry.created_at, ARRAY(SELECT jsonb_object_keys(before || after)), before, after,
        jsonb_build_object('old', before_salts, 'new', after_salts), entry.previous_hash, entry.canonical,
        sha256(entry.canonical));
END $$;
"""

# What is written stays, whoever asks, but for the erasure of values together with their salts.
GUARDS = """
CREATE FUNCTION lead_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.old_values @> NEW.old_values AND OLD.new_values @> NEW.new_values AND OLD.salts @> NEW.salts
                AND to_jsonb(OLD) - '{old_values,new_values,salts}'::text[]
                  = to_jsonb(NEW) - '{old_values,new_values,salts}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% of % is refused: it would go round the audit', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON lead_audit FOR EACH ROW EXECUTE FUNCTION lead_audit_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON lead_audit EXECUTE FUNCTION lead_audit_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON leads EXECUTE FUNCTION lead_audit_guard();
"""

# The trigger takes any table with a column `id`; its arguments are columns that are bookkeeping, whose change
# alone is no change. ALWAYS: it fires in a session that claims to be a replica, too.
RECORDERS = """
CREATE FUNCTION lead_audit_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    before jsonb := coalesce(to_jsonb(OLD) - TG_ARGV, '{}');
    after jsonb := coalesce(to_jsonb(NEW) - TG_ARGV, '{}');
    act text := CASE TG_OP WHEN 'INSERT' THEN 'CREATE' ELSE TG_OP END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.id <> NEW.id THEN
            RAISE EXCEPTION 'a lead keeps its id' USING ERRCODE = 'restrict_violation';
        END IF;
        SELECT jsonb_object_agg(key, value), jsonb_object_agg(key, after->key) INTO before, after
          FROM jsonb_each(before) WHERE value IS DISTINCT FROM after->key;
        IF before IS NULL THEN
            RETURN NULL;
        END IF;
        IF before->'deleted_at' = 'null' THEN
            act := 'DELETE';
        ELSIF after->'deleted_at' = 'null' THEN
            act := 'UNDELETE';
        END IF;
    END IF;
    PERFORM lead_audit_append(coalesce(NEW.id, OLD.id), true, act, 'OK', '', before, after);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON leads
    FOR EACH ROW EXECUTE FUNCTION lead_audit_change('updated_at');
ALTER TABLE leads ENABLE ALWAYS TRIGGER audit;
ALTER TABLE leads ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE lead_audit ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lead_audit ENABLE ALWAYS TRIGGER no_truncate;

-- A call that changed nothing and must be known nevertheless. It cannot pose as a change.
CREATE FUNCTION lead_audit_call(lead uuid, act text, result text, why text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF act NOT IN ('READ', 'DENIED', 'FAILED') THEN
        RAISE EXCEPTION '% is not what a call can come to', act USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM lead_audit_append(lead, false, act, result, why, '{}', '{}');
END $$;
"""

GRANTS = f"""
REVOKE ALL ON FUNCTION lead_audit_append, lead_audit_call, lead_audit_change, lead_audit_guard FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lead_audit_call TO {ROLE};
GRANT SELECT ON lead_audit TO {ROLE};
"""

# Without it a lead that is older than the log could not be told from its entries.
BASELINE = """
SET LOCAL timezone = 'UTC';
SET LOCAL leadfactory.context = '{"user_id": "system:migrate", "roles": [], "workload": "migrate",
    "ip_address": null, "user_agent": "", "request_id": "", "method": ""}';
SELECT lead_audit_append(id, true, 'BASELINE', 'OK', '', '{}', to_jsonb(leads) - 'updated_at') FROM leads;
SET LOCAL leadfactory.context = '';
"""
