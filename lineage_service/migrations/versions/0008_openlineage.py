"""Records are told to an OpenLineage receiver, if there is one."""

from services.migrations import execute_script

revision = "0008"
down_revision = "0007"

ROLE = "lineage_app"


def upgrade() -> None:
    """Add what is still to be told, and the trigger that writes it."""
    execute_script(TABLES)
    execute_script(TRIGGER)
    execute_script(GRANTS)


def downgrade() -> None:
    """Forget what was still to be told."""
    execute_script(
        "DROP TRIGGER lineage_records_tell ON lineage_records; DROP FUNCTION lineage_records_tell;"
        " DROP TABLE openlineage_pushes, openlineage_receiver;"
    )


# One row while there is a receiver, none while there is none: `lineage-worker` keeps it as its settings are.
TABLES = """
CREATE TABLE openlineage_receiver (
    is_one boolean CONSTRAINT pk_openlineage_receiver PRIMARY KEY
           CONSTRAINT ck_openlineage_receiver_is_one CHECK (is_one)
);

CREATE TABLE openlineage_pushes (
    lineage_id      uuid        CONSTRAINT pk_openlineage_pushes PRIMARY KEY,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    leased_until    timestamptz,
    attempts        integer     NOT NULL DEFAULT 0,
    error           text        NOT NULL DEFAULT ''
);
CREATE INDEX ix_openlineage_pushes_next_attempt_at ON openlineage_pushes (next_attempt_at);
"""

# In the transaction that records: told is exactly what was recorded.
TRIGGER = """
CREATE FUNCTION lineage_records_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO openlineage_pushes (lineage_id) SELECT NEW.lineage_id FROM openlineage_receiver;
    RETURN NULL;
END $$;
CREATE TRIGGER lineage_records_tell AFTER INSERT ON lineage_records
    FOR EACH ROW EXECUTE FUNCTION lineage_records_tell();
"""

GRANTS = f"""
GRANT SELECT, INSERT, DELETE ON openlineage_receiver TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON openlineage_pushes TO {ROLE};
"""
