"""An entry commits to its values as a whole: what is erased is a lead, never a single value."""

from alembic import context

from services.migrations import execute_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Write entries with one commitment; those that are there keep one for each value, and stay valid."""
    execute_script(APPEND)
    execute_script(CHANGE)
    execute_script(GUARD)
    execute_script(ERASE)


def downgrade() -> None:
    """Write entries with a commitment for each value, as before."""
    append, recorders, guards, erasure = (
        getattr(context.script.get_revision(number).module, name)
        for number, name in (
            ("0009", "APPEND"),
            ("0003", "RECORDERS"),
            ("0003", "GUARDS"),
            ("0004", "ERASURE"),
        )
    )
    execute_script(append)
    for script, name in (
        (recorders, "lead_audit_change"),
        (guards, "lead_audit_guard"),
        (erasure, "lead_audit_erase"),
    ):
        execute_script(_function(script, name))


def _function(script: str, name: str) -> str:
    """Return the statement that makes one function again, as a script has it."""
    begin = script.index(f"CREATE FUNCTION {name}(")
    end = script.index("END $$;", begin) + len("END $$;")
    return script[begin:end].replace("CREATE", "CREATE OR REPLACE", 1)


# `before` and `after` are what changed, and nothing else. Canonical bytes name the fields, and hold SHA-256
# of a salt and all values. The salt is drawn for this entry, and kept beside the values.
APPEND = """
CREATE OR REPLACE FUNCTION lead_audit_append(
    lead uuid, numbered boolean, act text, result text, why text, before jsonb, after jsonb,
    kept jsonb DEFAULT '{}'
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    entry_id uuid := uuidv7();
    moment timestamptz := clock_timestamp();
    number integer;
    previous bytea;
    fields text[] := '{}';
    salt text;
    bytes bytea;
BEGIN
    IF coalesce(context->>'user_id', '') = '' THEN
        RAISE EXCEPTION 'nobody to account this to: no actor is set in leadfactory.context'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF numbered THEN
        -- The row lock on the lead is held, so nobody else appends to its chain now.
        SELECT version, entry_hash INTO number, previous FROM lead_audit
         WHERE lead_id = lead AND version IS NOT NULL ORDER BY version DESC LIMIT 1;
        number := coalesce(number, 0) + 1;
        fields := ARRAY(SELECT jsonb_object_keys(before || after));
        salt := gen_random_uuid();
    END IF;
    bytes := convert_to(json_build_object(
        'id', entry_id, 'lead_id', lead, 'version', number, 'action', act, 'code', result,
        'reason', why, 'user_id', context->'user_id', 'roles', context->'roles',
        'workload', context->'workload', 'ip_address', context->'ip_address',
        'user_agent', context->'user_agent', 'request_id', context->'request_id',
        'method', context->'method', 'created_at', moment, 'bookkeeping', kept,
        'previous_hash', encode(previous, 'hex'), 'changed_fields', fields,
        -- NULL without a salt, which only changes have.
        'values', encode(sha256(convert_to(
            salt || '{"new": ' || after || ', "old": ' || before || '}', 'UTF8')), 'hex'))::text, 'UTF8');
    INSERT INTO lead_audit (
        id, lead_id, version, action, code, reason, user_id, roles, workload, ip_address, user_agent,
        request_id, method, created_at, changed_fields, old_values, new_values, bookkeeping, salts,
        previous_hash, canonical, entry_hash)
    VALUES (
        entry_id, lead, number, act, result, why, context->>'user_id',
        ARRAY(SELECT jsonb_array_elements_text(context->'roles')), context->>'workload',
        (context->>'ip_address')::inet, context->>'user_agent', context->>'request_id', context->>'method',
        moment, fields, before, after, kept,
        CASE WHEN numbered THEN jsonb_build_object('values', salt) ELSE '{}' END,
        previous, bytes, sha256(bytes));
    RETURN entry_id;
END $$;
"""

COLUMNS = (
    "id", "email", "domain", "name", "is_manual", "enrichment_status", "enrichment_job_id",
    "enrichment_attempts", "enrichment_error", "enriched_at", "created_by", "created_at", "deleted_at",
    "registrable_domain", "enrichment_asked_by", "import_id", "merged_into",
)  # fmt: skip
_SAME = ",\n".join(
    f"CASE WHEN NEW.{name} IS NOT DISTINCT FROM OLD.{name} THEN '{name}' END" for name in COLUMNS
)

# As in 0003, in fewer steps: each is prepared once in every transaction, and to ask column by column takes
# less time than a query for what differs. A column that is younger than this list counts as changed by every
# update, until the revision that adds it replaces the function. NULLs in an array of keys are passed over.
CHANGE = f"""
CREATE OR REPLACE FUNCTION lead_audit_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    apart text[] := '{{version,updated_at}}';
    entry uuid;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.id <> NEW.id THEN
            RAISE EXCEPTION 'a lead keeps its id' USING ERRCODE = 'restrict_violation';
        -- Not even the time of the last change: `untouched` has put that back.
        ELSIF OLD.version = NEW.version AND OLD IS NOT DISTINCT FROM NEW THEN
            RETURN NULL;
        END IF;
        apart := ARRAY['version', 'updated_at',
{_SAME}];
    END IF;
    entry := lead_audit_append(
        coalesce(NEW.id, OLD.id), true,
        CASE WHEN TG_OP = 'INSERT' THEN 'CREATE'
             WHEN TG_OP = 'DELETE' THEN 'DELETE'
             WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'UPDATE'
             WHEN NEW.deleted_at IS NULL THEN 'UNDELETE'
             ELSE 'DELETE' END,
        'OK', '', coalesce(to_jsonb(OLD) - apart, '{{}}'), coalesce(to_jsonb(NEW) - apart, '{{}}'),
        CASE WHEN TG_OP = 'DELETE' THEN '{{}}'
             ELSE jsonb_build_object('version', NEW.version, 'updated_at', NEW.updated_at) END);
    RETURN NULL;
END $$;
"""

GUARD = """
CREATE OR REPLACE FUNCTION lead_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.old_values = '{}' AND NEW.new_values = '{}' AND NEW.salts = '{}'
                AND to_jsonb(OLD) - '{old_values,new_values,salts}'::text[]
                  = to_jsonb(NEW) - '{old_values,new_values,salts}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% of % is refused: it would go round the audit', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

ERASE = """
CREATE OR REPLACE FUNCTION lead_audit_erase(lead uuid) RETURNS lead_erasures LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    erasure lead_erasures%ROWTYPE;
BEGIN
    LOCK TABLE lead_erasures IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO erasure FROM lead_erasures WHERE lead_id = lead;
    IF FOUND THEN
        RETURN erasure;
    END IF;
    DELETE FROM leads WHERE id = lead;
    UPDATE lead_audit SET old_values = '{}', new_values = '{}', salts = '{}'
     WHERE lead_id = lead AND version IS NOT NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM lead_audit_append(lead, false, 'ERASE', 'OK', '', '{}', '{}');
    INSERT INTO lead_erasures
    SELECT coalesce(max(number), 0) + 1, lead,
           nullif(current_setting('leadfactory.context', true), '')::jsonb->>'user_id', clock_timestamp()
      FROM lead_erasures RETURNING * INTO erasure;
    RETURN erasure;
END $$;
"""
