"""Entries that cost a write less: nothing is stated twice, and nothing is kept that follows from the rest."""

from alembic import context

from services.migrations import execute_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Write entries with less work; those that are there stay as they are, and stay valid."""
    execute_script(HASH)
    execute_script(APPEND)
    execute_script(CHANGE)
    execute_script(UNTOUCHED)


def downgrade() -> None:
    """Write entries as before."""
    before = context.script.get_revision("0010").module
    execute_script(STORED_HASH)
    execute_script(before.APPEND)
    execute_script(before.CHANGE)
    execute_script(UNTOUCHED.replace("OLD.version)", "OLD.version AND NEW.updated_at <> OLD.updated_at)"))


# The hash of bytes that are there need not be stored beside them: it is computed for who asks.
HASH = """
ALTER TABLE lead_audit DROP COLUMN entry_hash;
ALTER TABLE lead_audit ADD COLUMN entry_hash bytea GENERATED ALWAYS AS (sha256(canonical)) VIRTUAL;
"""

STORED_HASH = """
ALTER TABLE lead_audit DROP COLUMN entry_hash;
ALTER TABLE lead_audit ADD COLUMN entry_hash bytea;
ALTER TABLE lead_audit DISABLE TRIGGER guard;
UPDATE lead_audit SET entry_hash = sha256(canonical);
ALTER TABLE lead_audit ENABLE ALWAYS TRIGGER guard;
ALTER TABLE lead_audit ALTER entry_hash SET NOT NULL;
"""


# One statement, since to begin one takes longer than most of what it does. Its inner query is there for what
# is needed twice. `context` is stated as the caller gave it, so that its parts need not be put together
# again; a key of its own keeps them from passing as what the database states. A change is written by its
# trigger's own function: calling another one would be another fortieth of the trigger's work.
def _write(*, entry_id: str, numbered: str, result: str, why: str) -> str:
    """Return the end of a function that has in its variables what else an entry is of."""
    return f"""
    IF coalesce(context->>'user_id', '') = '' THEN
        RAISE EXCEPTION 'nobody to account this to: no actor is set in leadfactory.context'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO lead_audit (
        id, lead_id, version, action, code, reason, user_id, roles, workload, ip_address, user_agent,
        request_id, method, created_at, changed_fields, old_values, new_values, bookkeeping, salts,
        previous_hash, canonical)
    SELECT entry.id, lead, entry.number, act, {result}, {why}, context->>'user_id',
           ARRAY(SELECT jsonb_array_elements_text(context->'roles')), context->>'workload',
           (context->>'ip_address')::inet, context->>'user_agent', context->>'request_id',
           context->>'method', entry.moment, entry.fields, before, after, kept,
           CASE WHEN {numbered} THEN jsonb_build_object('values', entry.salt) ELSE '{{}}' END, entry.previous,
           convert_to(json_build_object(
               'id', entry.id, 'lead_id', lead, 'version', entry.number, 'action', act, 'code', {result},
               'reason', {why}, 'context', context, 'created_at', entry.moment, 'bookkeeping', kept,
               'previous_hash', encode(entry.previous, 'hex'), 'changed_fields', entry.fields,
               'values', CASE WHEN {numbered} THEN encode(sha256(convert_to(
                   format('%s{{"new": %s, "old": %s}}', entry.salt, after, before), 'UTF8')), 'hex') END
           )::text, 'UTF8')
      FROM (SELECT {entry_id} AS id, clock_timestamp() AS moment,
                   CASE WHEN {numbered} THEN gen_random_uuid() END AS salt,
                   CASE WHEN {numbered} THEN coalesce(last.version, 0) + 1 END AS number,
                   last.entry_hash AS previous,
                   ARRAY(SELECT jsonb_object_keys(before || after)) AS fields
              FROM (SELECT) AS always
              -- The row lock on the lead is held, so nobody else appends to its chain now.
              LEFT JOIN (SELECT version, entry_hash FROM lead_audit
                          WHERE {numbered} AND lead_id = lead AND version IS NOT NULL
                          ORDER BY version DESC LIMIT 1) AS last ON true) AS entry;"""  # noqa: S608  (of parts in this file)


APPEND = f"""
CREATE OR REPLACE FUNCTION lead_audit_append(
    lead uuid, numbered boolean, act text, result text, why text, before jsonb, after jsonb,
    kept jsonb DEFAULT '{{}}'
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    entry_id uuid := uuidv7();
BEGIN{_write(entry_id="entry_id", numbered="numbered", result="result", why="why")}
    RETURN entry_id;
END $$;
"""

# Those that may be NULL come last.
COLUMNS = (
    "id", "email", "domain", "name", "is_manual", "enrichment_status", "enrichment_attempts",
    "enrichment_error", "created_by", "created_at",
)  # fmt: skip
OPTIONAL = (
    "enrichment_job_id", "enriched_at", "deleted_at", "registrable_domain", "enrichment_asked_by",
    "import_id", "merged_into",
)  # fmt: skip
_SAME = ",\n".join(
    f"CASE WHEN NEW.{name} IS DISTINCT FROM OLD.{name} THEN NULL ELSE '{name}' END"
    for name in COLUMNS + OPTIONAL
)
_EMPTY = ",\n".join(
    f"CASE WHEN coalesce(NEW.{name}, OLD.{name}) IS NULL THEN '{name}' END" for name in OPTIONAL
)
_WRITE = _write(entry_id="uuidv7()", numbered="true", result="'OK'", why="''")

# As in 0010; and of a lead that comes or goes, what is empty is left out.
CHANGE = f"""
CREATE OR REPLACE FUNCTION lead_audit_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    lead uuid := coalesce(NEW.id, OLD.id);
    act text := CASE WHEN TG_OP = 'INSERT' THEN 'CREATE'
                     WHEN TG_OP = 'DELETE' THEN 'DELETE'
                     WHEN (OLD.deleted_at IS NULL) = (NEW.deleted_at IS NULL) THEN 'UPDATE'
                     WHEN NEW.deleted_at IS NULL THEN 'UNDELETE'
                     ELSE 'DELETE' END;
    kept jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{{}}'
                       ELSE jsonb_build_object('version', NEW.version, 'updated_at', NEW.updated_at) END;
    apart text[];
    before jsonb;
    after jsonb;
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
    ELSE
        apart := ARRAY['version', 'updated_at',
{_EMPTY}];
    END IF;
    before := coalesce(to_jsonb(OLD) - apart, '{{}}');
    after := coalesce(to_jsonb(NEW) - apart, '{{}}');{_WRITE}
    RETURN NULL;
END $$;
"""

# A condition is read anew by every statement, and its function asks for `updated_at` anyway.
UNTOUCHED = """
CREATE OR REPLACE TRIGGER untouched BEFORE UPDATE ON leads FOR EACH ROW
    WHEN (NEW.version = OLD.version) EXECUTE FUNCTION lead_untouched();
ALTER TABLE leads ENABLE ALWAYS TRIGGER untouched;
"""
