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
    op.execute("DROP TRIGGER untouched ON leads")
    op.execute("DROP TRIGGER no_truncate ON leads")
    op.execute("DROP TABLE lead_audit")
    op.execute("DROP FUNCTION lead_audit_change, lead_audit_call, lead_audit_append, lead_audit_guard")
    op.execute("DROP FUNCTION lead_untouched")


# No foreign key: what is kept about a lead outlives it. Numbered entries are changes; the others are
# calls that changed nothing. `transaction_id` tells a reader which entries are settled: those below
# pg_snapshot_xmin(pg_current_snapshot()).
TABLE = """
CREATE TABLE lead_audit (
    id              uuid        NOT NULL CONSTRAINT pk_lead_audit PRIMARY KEY,
    lead_id         uuid,
    version         integer,
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
    bookkeeping     jsonb       NOT NULL,
    salts           jsonb       NOT NULL,
    previous_hash   bytea,
    canonical       bytea       NOT NULL,
    entry_hash      bytea       NOT NULL,
    transaction_id  bigint      NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE UNIQUE INDEX uq_lead_audit_lead_id_version ON lead_audit (lead_id, version);
CREATE INDEX ix_lead_audit_lead_id_created_at_id ON lead_audit (lead_id, created_at, id);
CREATE INDEX ix_lead_audit_created_at_id ON lead_audit (created_at, id);
CREATE INDEX ix_lead_audit_user_id_created_at_id ON lead_audit (user_id, created_at, id);
CREATE INDEX ix_lead_audit_action_created_at_id ON lead_audit (action, created_at, id);
CREATE INDEX ix_lead_audit_ip_address ON lead_audit (ip_address, created_at);
CREATE INDEX ix_lead_audit_changed_fields ON lead_audit USING gin (changed_fields);
"""

# One entry, of what differs between `before` and `after`. Its canonical bytes hold no value of a lead, only
# SHA-256 of a salt and the value: when value and salt are erased, the bytes, their hash and all that is built
# on them stay as they are. Salts are drawn from a seed that is forgotten at once, so that none tells another
# and the system is asked for randomness once instead of for each value. Times are UTC by the callers'
# setting, so that equal values have equal text. Every write waits for this: it is two statements.
APPEND = """
CREATE FUNCTION lead_audit_append(
    lead uuid, numbered boolean, act text, result text, why text, before jsonb, after jsonb,
    kept jsonb DEFAULT '{}'
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    seed text := gen_random_uuid();
    entry_id uuid := uuidv7();
    moment timestamptz := clock_timestamp();
    number integer;
    previous bytea;
    fields text[];
    old_values jsonb;
    new_values jsonb;
    old_salts jsonb;
    new_salts jsonb;
    old_commitments json;
    new_commitments json;
    bytes bytea;
BEGIN
    IF coalesce(context->>'user_id', '') = '' THEN
        RAISE EXCEPTION 'nobody to account this to: no actor is set in leadfactory.context'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF numbered THEN
        -- The row lock on the lead is held, so nobody else appends to its chain now.
        SELECT coalesce(last.version, 0) + 1, last.entry_hash, values.*
          INTO number, previous, fields, old_values, new_values, old_salts, new_salts,
               old_commitments, new_commitments
          FROM (SELECT array_agg(key),
                       jsonb_object_agg(key, old) FILTER (WHERE old IS NOT NULL),
                       jsonb_object_agg(key, new) FILTER (WHERE new IS NOT NULL),
                       jsonb_object_agg(key, left(salts, 32)) FILTER (WHERE old IS NOT NULL),
                       jsonb_object_agg(key, right(salts, 32)) FILTER (WHERE new IS NOT NULL),
                       json_object_agg(key, encode(sha256(convert_to(
                           left(salts, 32) || '{"' || key || '": ' || old || '}', 'UTF8')), 'hex'))
                           FILTER (WHERE old IS NOT NULL),
                       json_object_agg(key, encode(sha256(convert_to(
                           right(salts, 32) || '{"' || key || '": ' || new || '}', 'UTF8')), 'hex'))
                           FILTER (WHERE new IS NOT NULL)
                  FROM (SELECT key, before->key AS old, after->key AS new,
                               encode(sha256(convert_to(seed || key, 'UTF8')), 'hex') AS salts
                          FROM jsonb_object_keys(before || after) AS key
                         WHERE before->key IS DISTINCT FROM after->key OFFSET 0) AS field) AS values
          LEFT JOIN (SELECT version, entry_hash FROM lead_audit WHERE lead_id = lead AND version IS NOT NULL
                      ORDER BY version DESC LIMIT 1) AS last ON true;
    END IF;
    bytes := convert_to(json_build_object(
        'id', entry_id, 'lead_id', lead, 'version', number, 'action', act, 'code', result,
        'reason', why, 'user_id', context->'user_id', 'roles', context->'roles',
        'workload', context->'workload', 'ip_address', context->'ip_address',
        'user_agent', context->'user_agent', 'request_id', context->'request_id',
        'method', context->'method', 'created_at', moment, 'bookkeeping', kept,
        'previous_hash', encode(previous, 'hex'), 'old_values', coalesce(old_commitments, '{}'),
        'new_values', coalesce(new_commitments, '{}'))::text, 'UTF8');
    INSERT INTO lead_audit (
        id, lead_id, version, action, code, reason, user_id, roles, workload, ip_address, user_agent,
        request_id, method, created_at, changed_fields, old_values, new_values, bookkeeping, salts,
        previous_hash, canonical, entry_hash)
    VALUES (
        entry_id, lead, number, act, result, why, context->>'user_id',
        ARRAY(SELECT jsonb_array_elements_text(context->'roles')), context->>'workload',
        (context->>'ip_address')::inet, context->>'user_agent', context->>'request_id', context->>'method',
        moment, coalesce(fields, '{}'), coalesce(old_values, '{}'), coalesce(new_values, '{}'), kept,
        jsonb_build_object('old', coalesce(old_salts, '{}'), 'new', coalesce(new_salts, '{}')),
        previous, bytes, sha256(bytes));
    RETURN entry_id;
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

# `version` and `updated_at` are bookkeeping: they go with changes and are kept beside them, so that a lead
# can be told exactly as it was. `version` alone moves when something is written that belongs to the lead and
# stands elsewhere, and that is an entry without fields; `updated_at` does not move alone.
# ALWAYS: these fire in a session that claims to be a replica, too.
RECORDERS = """
CREATE FUNCTION lead_audit_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    bookkeeping CONSTANT text[] := '{version,updated_at}';
    before jsonb := '{}';
    after jsonb := '{}';
    kept jsonb := '{}';
    act text := TG_OP;
    entry uuid;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        before := to_jsonb(OLD) - bookkeeping;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := to_jsonb(NEW) - bookkeeping;
        kept := jsonb_build_object('version', NEW.version, 'updated_at', NEW.updated_at);
    END IF;
    IF TG_OP = 'INSERT' THEN
        act := 'CREATE';
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.id <> NEW.id THEN
            RAISE EXCEPTION 'a lead keeps its id' USING ERRCODE = 'restrict_violation';
        END IF;
        IF before = after AND OLD.version = NEW.version THEN
            RETURN NULL;
        END IF;
        IF (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL) THEN
            act := CASE WHEN NEW.deleted_at IS NULL THEN 'UNDELETE' ELSE 'DELETE' END;
        END IF;
    END IF;
    entry := lead_audit_append(coalesce(NEW.id, OLD.id), true, act, 'OK', '', before, after, kept);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON leads
    FOR EACH ROW EXECUTE FUNCTION lead_audit_change();

CREATE FUNCTION lead_untouched() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    otherwise leads%ROWTYPE := NEW;
BEGIN
    otherwise.updated_at := OLD.updated_at;
    RETURN CASE WHEN otherwise IS DISTINCT FROM OLD THEN NEW ELSE OLD END;
END $$;
CREATE TRIGGER untouched BEFORE UPDATE ON leads FOR EACH ROW
    WHEN (NEW.version = OLD.version AND NEW.updated_at <> OLD.updated_at) EXECUTE FUNCTION lead_untouched();
ALTER TABLE leads ENABLE ALWAYS TRIGGER untouched;
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
REVOKE ALL ON FUNCTION lead_audit_append, lead_audit_call, lead_audit_change, lead_audit_guard,
    lead_untouched FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lead_audit_call TO {ROLE};
GRANT SELECT ON lead_audit TO {ROLE};
"""

# Without it a lead that is older than the log could not be told from its entries.
BASELINE = """
SET LOCAL timezone = 'UTC';
SET LOCAL leadfactory.context = '{"user_id": "system:migrate", "roles": [], "workload": "migrate",
    "ip_address": null, "user_agent": "", "request_id": "", "method": ""}';
SELECT lead_audit_append(
    id, true, 'BASELINE', 'OK', '', '{}', to_jsonb(leads) - '{version,updated_at}'::text[],
    jsonb_build_object('version', version, 'updated_at', updated_at)) FROM leads;
SET LOCAL leadfactory.context = '';
"""
