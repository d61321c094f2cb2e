"""An audit that costs a write less, and what an erasure has to find."""

from alembic import context

from services.migrations import execute_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Write entries with less work, and make what belongs to a lead quick to find."""
    execute_script(APPEND)
    execute_script(STORAGE)
    execute_script(PERSONS)


def downgrade() -> None:
    """Write entries as before; those that were written since are verified alike."""
    before = context.script.get_revision("0003").module.APPEND
    execute_script(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    execute_script(DOWN)


# What it writes is what the function of 0003 writes. Most entries are of a lead that came or went, so that
# one side is empty and the other is known as a whole: these are not put together again key by key. A change
# has the same keys on both sides, which are the table's columns.
APPEND = """
CREATE OR REPLACE FUNCTION lead_audit_append(
    lead uuid, numbered boolean, act text, result text, why text, before jsonb, after jsonb,
    kept jsonb DEFAULT '{}'
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := nullif(current_setting('leadfactory.context', true), '');
    seed text;
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
        SELECT version, entry_hash INTO number, previous FROM lead_audit
         WHERE lead_id = lead AND version IS NOT NULL ORDER BY version DESC LIMIT 1;
        number := coalesce(number, 0) + 1;
        seed := gen_random_uuid();
        IF before <> '{}' AND after <> '{}' THEN
            SELECT array_agg(key), jsonb_object_agg(key, old), jsonb_object_agg(key, new),
                   jsonb_object_agg(key, left(salts, 32)), jsonb_object_agg(key, right(salts, 32)),
                   json_object_agg(key, encode(sha256(convert_to(
                       left(salts, 32) || '{"' || key || '": ' || old || '}', 'UTF8')), 'hex')),
                   json_object_agg(key, encode(sha256(convert_to(
                       right(salts, 32) || '{"' || key || '": ' || new || '}', 'UTF8')), 'hex'))
              INTO fields, old_values, new_values, old_salts, new_salts, old_commitments, new_commitments
              FROM (SELECT key, before->key AS old, value AS new,
                           encode(sha256(convert_to(seed || key, 'UTF8')), 'hex') AS salts
                      FROM jsonb_each(after) WHERE value <> before->key OFFSET 0) AS field;
        ELSE
            SELECT array_agg(key), jsonb_object_agg(key, salt),
                   json_object_agg(key, encode(sha256(convert_to(
                       salt || '{"' || key || '": ' || value || '}', 'UTF8')), 'hex'))
              INTO fields, new_salts, new_commitments
              FROM (SELECT key, value,
                           left(encode(sha256(convert_to(seed || key, 'UTF8')), 'hex'), 32) AS salt
                      FROM jsonb_each(before || after) OFFSET 0) AS field;
            IF after = '{}' THEN
                old_values := before;
                old_salts := new_salts;
                old_commitments := new_commitments;
                new_salts := NULL;
                new_commitments := NULL;
            ELSE
                new_values := after;
            END IF;
        END IF;
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

# An entry is mostly digits that nothing compresses, which PostgreSQL tries in vain for each lead that
# comes, to move them to a table of their own after all. So they are not compressed, and stay in the row
# while two of these fit on a page. A lead's own entries are found by its id, and are few enough to be sorted.
STORAGE = """
ALTER TABLE lead_audit SET (toast_tuple_target = 4080);
ALTER TABLE lead_audit
    ALTER canonical SET STORAGE EXTERNAL, ALTER salts SET STORAGE EXTERNAL,
    ALTER old_values SET STORAGE EXTERNAL, ALTER new_values SET STORAGE EXTERNAL;
DROP INDEX ix_lead_audit_lead_id_created_at_id;
"""

# SHA-256 of the address in lower case: what is kept of a refused row is found by it when the person is to
# be erased. Where the address itself was refused, what in it looks like one counts.
PERSONS = r"""
ALTER TABLE lead_import_errors ADD COLUMN person bytea;
UPDATE lead_import_errors SET person = sha256(convert_to(lower(mail.address), 'UTF8'))
  FROM (SELECT import_id, row, substring(value FROM '[[:alnum:]._%+''-]+@[[:alnum:].-]+') AS address
          FROM lead_import_errors WHERE field = 'email') AS mail
 WHERE mail.import_id = lead_import_errors.import_id AND mail.row = lead_import_errors.row;
CREATE INDEX ix_lead_import_errors_person ON lead_import_errors (person) WHERE person IS NOT NULL;
-- A lead that goes is looked for in every lead that was merged into it.
CREATE INDEX ix_leads_merged_into ON leads (merged_into) WHERE merged_into IS NOT NULL;
"""

DOWN = """
DROP INDEX ix_leads_merged_into;
ALTER TABLE lead_import_errors DROP COLUMN person;
CREATE INDEX ix_lead_audit_lead_id_created_at_id ON lead_audit (lead_id, created_at, id);
ALTER TABLE lead_audit RESET (toast_tuple_target);
ALTER TABLE lead_audit
    ALTER canonical SET STORAGE EXTENDED, ALTER salts SET STORAGE EXTENDED,
    ALTER old_values SET STORAGE EXTENDED, ALTER new_values SET STORAGE EXTENDED;
"""
