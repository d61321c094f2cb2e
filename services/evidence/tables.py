"""What a log takes in its database beside its own table: for migrations, and what guards it."""

import hashlib
from collections.abc import Mapping, Sequence

import asyncpg

_INSTALL = """
-- The tree: leaves on level 0, and above them every eighth level.
CREATE TABLE {log}_tree (
    level    smallint NOT NULL CONSTRAINT ck_{log}_tree_level CHECK (level >= 0 AND level % 8 = 0),
    number   bigint   NOT NULL CONSTRAINT ck_{log}_tree_number CHECK (number >= 0),
    hash     bytea    NOT NULL CONSTRAINT ck_{log}_tree_hash CHECK (octet_length(hash) = 32),
    entry_id uuid     CONSTRAINT uq_{log}_tree_entry_id UNIQUE,
    CONSTRAINT pk_{log}_tree PRIMARY KEY (level, number),
    CONSTRAINT ck_{log}_tree_entry_id CHECK ((level = 0) = (entry_id IS NOT NULL))
);
-- `note` signs size and root. `hashes` are the compact range that the root is made of. Entries of
-- transactions before `settled` were all in the tree then.
CREATE TABLE {log}_checkpoints (
    size       bigint      NOT NULL CONSTRAINT pk_{log}_checkpoints PRIMARY KEY,
    note       text        NOT NULL,
    key        text        NOT NULL,
    hashes     bytea       NOT NULL,
    settled    bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- How the logs of this database describe themselves, signed; the newest holds.
CREATE TABLE IF NOT EXISTS evidence_logs (
    id         bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_evidence_logs PRIMARY KEY,
    origin     text        NOT NULL,
    note       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ix_{log}_transaction_id_id ON {log} (transaction_id, id);
CREATE OR REPLACE FUNCTION evidence_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is only ever added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION evidence_guard FROM PUBLIC;
"""
# ALWAYS: they fire in a session that claims to be a replica, too.
_GUARD = """
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    EXECUTE FUNCTION evidence_guard();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER guard;
GRANT SELECT, INSERT ON {table} TO {role};
"""
_REMOVE = """
DROP INDEX ix_{log}_transaction_id_id;
DROP TABLE {log}_tree, {log}_checkpoints, evidence_logs;
DROP FUNCTION evidence_guard;
"""

# A trigger's state is part of it, and a function's settings are.
_GUARDS = """
WITH triggers AS (
    SELECT c.relname, t.tgname, t.tgfoid,
           concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) AS definition
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY($1) AND NOT t.tgisinternal
), functions AS (
    -- Those behind the triggers, and those that these call: they share the beginning of their names.
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace
       AND (p.oid IN (SELECT tgfoid FROM triggers) OR p.proname LIKE $2)
)
SELECT 'trigger ' || tgname || ' on ' || relname AS name, definition FROM triggers
UNION ALL
SELECT 'function ' || oid::regprocedure, pg_get_functiondef(oid) FROM functions
UNION ALL
SELECT 'rule ' || r.rulename || ' on ' || r.tablename, r.definition FROM pg_rules r
 WHERE r.schemaname = 'public' AND r.tablename = ANY($1)
"""


def install(log: str, role: str) -> str:
    """Return the SQL that prepares a database for the log in table `log`, written to by `role`."""
    tables = (f"{log}_tree", f"{log}_checkpoints", "evidence_logs")
    guards = (_GUARD.format(table=table, role=role) for table in tables)
    return _INSTALL.format(log=log) + "".join(guards)


def remove(log: str) -> str:
    """Return the SQL that undoes `install` in a database with this one log."""
    return _REMOVE.format(log=log)


async def guards(connection: asyncpg.Connection, tables: Sequence[str], functions: str) -> Mapping[str, str]:
    """Return SHA-256 of the definition of everything that acts when these tables are written to.

    `functions` is the beginning of the names of functions that count although no trigger calls them.
    """
    rows = await connection.fetch(_GUARDS, list(tables), functions.replace("_", r"\_") + "%")
    return {row["name"]: hashlib.sha256(row["definition"].encode()).hexdigest() for row in rows}
